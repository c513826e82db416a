"""A shell's line taken apart into its simple commands. Pure; standard library without re and shlex.

POSIX sh as agents write it: quotes, operators, substitutions, redirections, here-documents.
Nothing is expanded: ``$X`` stays as it is. Text that no shell would accept is read as far as
it goes. https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html
"""

from __future__ import annotations

DEEPEST = 12
"""Substitutions inside of substitutions that are followed."""


class Command:
    """One simple command: its words without quotes, the files it writes to, its here-documents."""

    __slots__ = ("bodies", "words", "writes")

    def __init__(self) -> None:
        self.words: list[str] = []
        self.writes: list[str] = []
        self.bodies: list[str] = []

    def __bool__(self) -> bool:
        """Tell whether there is anything in it."""
        return bool(self.words or self.writes or self.bodies)


def commands(text: str, depth: int = 0) -> list[Command]:
    """Return the simple commands of a line or script, those in substitutions too."""
    scanner = _Scanner(text)
    scanner.scan()
    found = scanner.found
    if depth < DEEPEST:
        for inner in scanner.inner:
            found += commands(inner, depth + 1)
    return found


class _Scanner:
    """Reads the text once, from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: list[Command] = []
        self.inner: list[str] = []
        self._command = Command()
        self._word: str | None = None
        self._redirect = ""  # the operator that the next word belongs to
        self._waiting: list[tuple[Command, str, bool]] = []  # here-documents that the next line begins

    def scan(self) -> None:
        while self.at < len(self.text):
            char = self.text[self.at]
            step = _STEPS.get(char)
            if step is not None:
                step(self)
            else:
                self._add(char)
                self.at += 1
        self._end_command()

    def _add(self, text: str) -> None:
        self._word = (self._word or "") + text

    # -- what characters mean --------------------------------------------------------------

    def blank(self) -> None:
        self._end_word()
        self.at += 1

    def operator(self) -> None:
        if self.text.startswith("&>", self.at):
            self.at += 1
            return
        self._end_command()
        self.at += 1

    def newline(self) -> None:
        self._end_command()
        self.at += 1
        for command, end, tabs in self._waiting:
            command.bodies.append(self._body(end, tabs=tabs))
        self._waiting = []

    def comment(self) -> None:
        if self._word is not None:
            self._add("#")
            self.at += 1
            return
        end = self.text.find("\n", self.at)
        self.at = len(self.text) if end < 0 else end

    def backslash(self) -> None:
        following = self.text[self.at + 1 : self.at + 2]
        if following != "\n":
            self._add(following)
        self.at += 2

    def single(self) -> None:
        end = self.text.find("'", self.at + 1)
        end = len(self.text) if end < 0 else end
        self._add(self.text[self.at + 1 : end])
        self.at = end + 1

    def double(self) -> None:
        self._add("")
        self.at += 1
        while self.at < len(self.text) and self.text[self.at] != '"':
            char = self.text[self.at]
            if char == "\\":
                following = self.text[self.at + 1 : self.at + 2]
                self._add(
                    following if following in '$`"\\' else "" if following == "\n" else "\\" + following
                )
                self.at += 2
            elif char in "`$":
                _STEPS[char](self)
            else:
                self._add(char)
                self.at += 1
        self.at += 1

    def backquote(self) -> None:
        end = self.at + 1
        while end < len(self.text) and self.text[end] != "`":
            end += 2 if self.text[end] == "\\" else 1
        self.inner.append(self.text[self.at + 1 : end])
        self._add("")
        self.at = end + 1

    def dollar(self) -> None:
        if self.text.startswith("$(", self.at):
            end = self._closing(self.at + 2)
            self.inner.append(self.text[self.at + 2 : end])
            self._add("")
            self.at = end + 1
        elif self.text.startswith("${", self.at):
            end = self.text.find("}", self.at)
            end = len(self.text) if end < 0 else end
            self._add(self.text[self.at : end + 1])
            self.at = end + 1
        elif self.text.startswith("$'", self.at):
            self.at += 1
        else:
            self._add("$")
            self.at += 1

    def angle(self) -> None:
        if self._word is not None and self._word.isdigit():
            self._word = None  # the number of a file: 2>
        self._end_word()
        for known in ("<<<", "<<-", "<<", ">>", ">|", ">&", "<&", "<>", ">", "<"):
            if self.text.startswith(known, self.at):
                self._redirect = known
                self.at += len(known)
                return

    # -- ends ------------------------------------------------------------------------------

    def _end_word(self) -> None:
        word, self._word = self._word, None
        if word is None:
            return
        kind, self._redirect = self._redirect, ""
        if kind in ("<<", "<<-"):
            self._waiting.append((self._command, word, kind == "<<-"))
        elif kind == "<<<":
            self._command.bodies.append(word)
        elif kind.startswith(">") or kind == "<>":
            if not (kind == ">&" and (word.isdigit() or word == "-")):
                self._command.writes.append(word)
        elif not kind:
            self._command.words.append(word)

    def _end_command(self) -> None:
        self._end_word()
        self._redirect = ""
        if self._command or any(command is self._command for command, _, _ in self._waiting):
            self.found.append(self._command)
        self._command = Command()

    def _body(self, end: str, *, tabs: bool) -> str:
        """Return the lines up to the one that is ``end``, and go behind it."""
        lines = []
        while self.at < len(self.text):
            stop = self.text.find("\n", self.at)
            stop = len(self.text) if stop < 0 else stop
            line = self.text[self.at : stop]
            self.at = stop + 1
            if (line.lstrip("\t") if tabs else line) == end:
                break
            lines.append(line)
        return "\n".join(lines)

    def _closing(self, at: int) -> int:
        """Return where the parenthesis closes that was opened before ``at``."""
        depth = 1
        while at < len(self.text):
            char = self.text[at]
            if char == "\\":
                at += 1
            elif char in "'\"":
                end = self.text.find(char, at + 1)
                at = len(self.text) if end < 0 else end
            elif char == "(":
                depth += 1
            elif char == ")":
                depth -= 1
                if depth == 0:
                    return at
            at += 1
        return len(self.text)


_STEPS = {
    " ": _Scanner.blank,
    "\t": _Scanner.blank,
    "\r": _Scanner.blank,
    "\n": _Scanner.newline,
    "#": _Scanner.comment,
    "\\": _Scanner.backslash,
    "'": _Scanner.single,
    '"': _Scanner.double,
    "`": _Scanner.backquote,
    "$": _Scanner.dollar,
    "<": _Scanner.angle,
    ">": _Scanner.angle,
    **dict.fromkeys(";&|()", _Scanner.operator),
}
