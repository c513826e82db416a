"""What an agent's tool call is refused for, or needs a checkpoint before. Pure.

Advice with teeth, not a wall: a program that the agent writes can do all of it. So every
refusal says why, and what to do instead. The rules for git are in ``gitrules``.
"""

from __future__ import annotations

from ovn import names
from ovn.agenthooks import gitrules, shell
from ovn.agenthooks.verdicts import GUARD, Verdict, deny

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Rule = Callable[[Sequence[str], bool], "Verdict | None"]

DEEPEST = 6
"""Shells that start shells, as far as they are followed."""

TOO_DEEP = deny("depth", "shells inside of shells hide what this runs", "run the command itself")

SHELLS = frozenset("sh bash dash zsh ksh ash fish".split())
WRAPPERS = frozenset(
    "sudo doas env command builtin exec nohup nice ionice time timeout xargs setsid stdbuf chronic parallel "
    "watch busybox flock unbuffer caffeinate systemd-inhibit".split()
)
"""Programs that start another one: what follows them is looked at wherever it begins."""

KEYWORDS = frozenset("if then elif else while until do ! { time for case".split())
OWN_MARKS = frozenset(
    (names.ENV_SESSION, names.ENV_RUN, names.ENV_GENERATION, names.ENV_HOOKS, names.ENV_CONTEXT)
)
OFF_SWITCHES = ("HUSKY=0", "LEFTHOOK=0", "LEFTHOOK=false")

IN_GIT = frozenset("ovn hooks refs packed-refs objects config HEAD logs worktrees".split())
"""What in ``.git`` no tool call may write to or delete; lock files may go."""

HOME_AND_ROOT = frozenset(("/", "/*", "~", "~/", "~/*", "$HOME", "$HOME/", "$HOME/*", "${HOME}", "${HOME}/*"))


def judge(text: str, *, protect: bool = True, depth: int = 0) -> Verdict | None:
    """Return the gravest verdict on a shell's line; None when nothing speaks against it.

    ``protect``: the registry is the session's to read and not to edit.
    """
    found = [_of_command(command, protect, depth) for command in shell.commands(text)]
    return _gravest(found)


def judge_path(path: str, *, protect: bool = True) -> Verdict | None:
    """Return the verdict on a file that a tool is about to write."""
    return _of_path(path, protect)


def patched(text: str) -> list[str]:
    """Return the files that a patch of Codex's names: ``*** Update File: src/a.py``."""
    marks = ("*** Update File: ", "*** Delete File: ", "*** Add File: ", "*** Move to: ")
    return [
        line[len(mark) :].strip() for line in text.splitlines() for mark in marks if line.startswith(mark)
    ]


def _gravest(found: Iterable[Verdict | None]) -> Verdict | None:
    guard = None
    for one in found:
        if one is not None and one.denied:
            return one
        guard = guard or one
    return guard


def _of_command(command: shell.Command, protect: bool, depth: int) -> Verdict | None:
    found = [_of_path(path, protect) for path in command.writes]
    assigned, words = _unkeyed(command.words)
    found.append(_of_assigned(assigned))
    if words:
        found.append(_of_words(words, command.bodies, protect, depth))
    return _gravest(found)


def _unkeyed(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the assignments before a command, and the command without a shell's keywords."""
    assigned = []
    at = 0
    while at < len(words):
        name, equals, _ = words[at].partition("=")
        if equals and name.replace("_", "a").isalnum() and not name[0].isdigit():
            assigned.append(words[at])
        elif words[at] not in KEYWORDS:
            break
        at += 1
    return assigned, list(words[at:])


def _of_assigned(assigned: Iterable[str]) -> Verdict | None:
    for one in assigned:
        if one.partition("=")[0] in OWN_MARKS:
            return deny(
                "marks", f"'{one.partition('=')[0]}' says whose act this is and is not yours to change"
            )
        if one in OFF_SWITCHES:
            return gitrules.BYPASS
    return None


def _of_words(words: Sequence[str], bodies: Sequence[str], protect: bool, depth: int) -> Verdict | None:
    program = words[0].rpartition("/")[2]
    if depth > DEEPEST:
        return TOO_DEEP
    if program in SHELLS:
        return _gravest(judge(text, protect=protect, depth=depth + 1) for text in _scripts(words, bodies))
    if program == "eval":
        return judge(" ".join(words[1:]), protect=protect, depth=depth + 1)
    if program in WRAPPERS or program in ("export", "unset", "declare"):
        found = _of_assigned(f"{mark}=" for mark in _marks(words))
        if found is not None:
            return found
    if program in WRAPPERS or program == "find":
        wanted = STARTS - {"find"} if program == "find" else STARTS
        found = _gravest(
            _of_words(words[at:], bodies, protect, depth)
            for at in range(1, len(words))
            if words[at].rpartition("/")[2] in wanted
        )
        if found is not None or program != "find":
            return found
    rule = RULES.get(program)
    return rule([*words, *bodies] if program == "apply_patch" else words, protect) if rule else None


def _marks(words: Sequence[str]) -> list[str]:
    """Return the variables that a command sets or takes away: ``env -u NAME``, ``export NAME=x``."""
    if words[0] in ("export", "unset", "declare"):
        return [word.partition("=")[0] for word in words[1:]]
    found = [word.partition("=")[0] for word in words[1:] if "=" in word]
    for before, word in zip(words, [*words[1:], ""], strict=True):
        if before in ("-u", "--unset"):
            found.append(word)
        elif before.startswith(("-u", "--unset=")):
            found.append(before.removeprefix("--unset=").removeprefix("-u"))
    return found


def _scripts(words: Sequence[str], bodies: Sequence[str]) -> list[str]:
    """Return what a shell is told to run: the word after ``-c``, or what comes on its stdin."""
    for at, word in enumerate(words[1:], 1):
        if word.startswith("-") and not word.startswith("--") and "c" in word:
            return list(words[at + 1 : at + 2])
    return list(bodies)


# -- files -----------------------------------------------------------------------------


def _of_path(path: str, protect: bool) -> Verdict | None:
    parts = _parts(path)
    for at in range(len(parts) - 1, -1, -1):
        if not _may_be_git(parts[at]):
            continue
        rest = parts[at + 1 :]
        if not rest:
            return deny("git", f"'{path}' is the repository itself: history, checkpoints and session state")
        if rest[0][0] in "*?[{" or (rest[0] in IN_GIT and not rest[-1].endswith(".lock")):
            return deny("git", f"'{path}' belongs to git and git ovn", "use git, or 'git ovn', to change it")
    if protect and names.OVERNIGHT_FOLDER in parts:
        rest = parts[parts.index(names.OVERNIGHT_FOLDER) :]
        named = "/".join(rest)
        if len(rest) == 1 or named in (names.CONFIG_FILE, names.REGISTRY_VIEW) or rest[1][0] in "*?[{":
            return deny(
                "registry",
                f"'{path}' may not be changed in a session: what is to be built is a person's word",
                "'git ovn feature' shows it; say in the handoff what should change",
            )
    return None


def _parts(path: str) -> list[str]:
    found: list[str] = []
    for part in path.split("/"):
        if part == ".." and found:
            found.pop()
        elif part not in ("", "."):
            found.append(part)
    return found


def _may_be_git(part: str) -> bool:
    """Tell whether a part of a path is ``.git``, or a pattern that begins as it does."""
    for at, char in enumerate(part):
        if char in "*?[{":
            return at > 0 and ".git".startswith(part[:at])
    return part == ".git"


def _options(words: Sequence[str]) -> str:
    """Return the letters of all short options, with the long ones by their first letter."""
    return "".join(word.lstrip("-") if word[1:2] != "-" else word[2:3] for word in words if word[:1] == "-")


def _rm(words: Sequence[str], protect: bool) -> Verdict | None:
    plain = [word for word in words[1:] if not word.startswith("-")]
    found = _gravest(_of_path(path, protect) for path in plain)
    if found is not None:
        return found
    if words[0].endswith("rm") and ("r" in _options(words[1:]) or "R" in _options(words[1:])):
        if any(path in HOME_AND_ROOT for path in plain):
            return deny("rm", "this would delete far more than this repository")
        return GUARD
    return None


def _last(words: Sequence[str], protect: bool) -> Verdict | None:
    """Judge what a copying program writes to: its last word."""
    plain = [word for word in words[1:] if not word.startswith("-")]
    return _of_path(plain[-1], protect) if len(plain) > 1 else None


def _all(words: Sequence[str], protect: bool) -> Verdict | None:
    return _gravest(
        _of_path(word.removeprefix("of="), protect) for word in words[1:] if not word.startswith(("-", "if="))
    )


def _in_place(words: Sequence[str], protect: bool) -> Verdict | None:
    return _all(words, protect) if any(word.startswith(("-i", "--in-place")) for word in words) else None


def _find(words: Sequence[str], protect: bool) -> Verdict | None:
    """Judge ``find ... -delete``; what ``-exec`` starts was judged by itself."""
    if "-delete" not in words:
        return None
    places = []
    for word in words[1:]:
        if word.startswith(("-", "(", "!")):
            break
        places.append(word)
    return _gravest(_of_path(place, protect) for place in places) or GUARD


def _patch(words: Sequence[str], protect: bool) -> Verdict | None:
    return _gravest(_of_path(path, protect) for word in words for path in patched(word))


def _ovn(words: Sequence[str], protect: bool) -> Verdict | None:
    return gitrules.judge(["git", "ovn", *words[1:]], protect, judge)


RULES: dict[str, Rule] = {
    "git": lambda words, protect: gitrules.judge(words, protect, judge),
    "git-ovn": _ovn,
    "rm": _rm,
    **dict.fromkeys(("rmdir", "unlink", "shred", "truncate", "mv", "tee", "dd", "chmod", "chown"), _all),
    **dict.fromkeys(("cp", "ln", "install", "rsync"), _last),
    **dict.fromkeys(("sed", "perl"), _in_place),
    "find": _find,
    "apply_patch": _patch,
}

STARTS = frozenset((*RULES, *SHELLS, "eval", "export", "unset"))
"""Programs that are recognised behind a wrapper. Not wrappers: every later word is tried anyway,
and trying again from each of them would take time without end."""
