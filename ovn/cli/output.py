"""How results and talk are printed: escaped, in columns, in colour or as JSON.

Results go to stdout, talk (``note:``, ``hint:``, ``warning:``) to stderr. Whatever text comes
here may have been written by a repository or an agent, so every piece is escaped on its way
out; colour is therefore a value (``Painted``), never part of a text.
"""

from __future__ import annotations

from ovn.shown import escape

TYPE_CHECKING = False  # typing's own would be a tenth of the time that help takes
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import TextIO, TypeAlias

    Piece: TypeAlias = "str | Painted"

JSON_VERSION = 1
"""Of every document on stdout; readers ignore fields that they do not know."""

STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36"}


class Painted:
    """A piece of text with a style from ``STYLES``; plain text where colour is off."""

    __slots__ = ("style", "text")

    def __init__(self, text: str, style: str) -> None:
        self.text = text
        self.style = STYLES[style]


class Output:
    """The two streams of one process. ``colour`` is asked once, when first needed.

    ``advice`` is asked before each hint whether it is wanted.
    """

    def __init__(
        self,
        stdout: TextIO,
        stderr: TextIO,
        *,
        colour: Callable[[], bool],
        advice: Callable[[], bool] = lambda: True,
    ) -> None:
        self._stdout = stdout
        self._stderr = stderr
        self._ask_colour = colour
        self._colour: bool | None = None
        self._diverted: Callable[[str, str], None] | None = None
        self._advice = advice

    def line(self, *pieces: Piece) -> None:
        """Print one line of results made of pieces, each escaped."""
        self._stdout.write("".join(map(self._render, pieces)) + "\n")

    def text(self, text: str) -> None:
        """Print text of several lines, escaped, ending in one newline."""
        self._stdout.write(escape(text.removesuffix("\n"), lines=True) + "\n")

    def patch(self, data: bytes) -> None:
        """Print what git made of the repository's content: escaped on a terminal, else byte for byte."""
        if self._stdout.isatty():
            self.text(data.decode("utf-8", "surrogateescape"))
            return
        self._stdout.flush()
        self._stdout.buffer.write(data)

    def json(self, document: Mapping[str, object]) -> None:
        """Print one JSON document with its ``version``; ASCII only, so safe on a terminal."""
        self._stdout.write(to_json(document))

    def records(self, rows: Iterable[Sequence[str]], *, nul: bool = False) -> None:
        """Print lines for scripts: fields joined by tabs, escaped; with ``nul`` raw, ended by NUL."""
        for row in rows:
            self._stdout.write("\t".join(row) + "\0" if nul else "\t".join(map(escape, row)) + "\n")

    def table(self, rows: Sequence[Sequence[Piece]], *, head: Sequence[str] = ()) -> None:
        """Print rows in columns as wide as their widest cell; nothing at all for no rows."""
        if not rows:
            return
        heading: list[Piece] = [Painted(cell, "bold") for cell in head]
        lines = [heading, *rows] if head else list(rows)
        widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
        for line in lines:
            cells = [self._render(cell) for cell in line]
            gaps = [width - _width(cell) for width, cell in zip(widths, line, strict=True)]
            padded = [cell + " " * gap for cell, gap in zip(cells, gaps, strict=True)]
            self._stdout.write("  ".join(padded).rstrip(" ") + "\n")

    def note(self, text: str) -> None:
        """Tell on stderr what a person may want to know."""
        self._say("note", text)

    def hint(self, text: str) -> None:
        """Tell on stderr what could be done next."""
        if self._advice():
            self._say("hint", text)

    def warning(self, text: str) -> None:
        """Tell on stderr what is wrong and does not stop the verb."""
        self._say("warning", text)

    def error(self, text: str) -> None:
        """Tell on stderr why the verb failed."""
        self._say("error", text)

    def divert(self, to: Callable[[str, str], None]) -> None:
        """Give what would be said on stderr to ``to`` as (what it is, text): a log takes it."""
        self._diverted = to

    def _say(self, what: str, text: str) -> None:
        if self._diverted is not None:
            self._diverted(what, text)
            return
        # Later lines are set in, so that no text can look like a line of ours.
        lines = escape(text, lines=True).replace("\n", "\n" + " " * (len(what) + 2))
        self._stderr.write(f"{what}: {lines}\n")

    def _render(self, piece: Piece) -> str:
        if not isinstance(piece, Painted):
            return escape(piece)
        if self._colour is None:
            self._colour = self._ask_colour()
        plain = escape(piece.text)
        return f"\x1b[{piece.style}m{plain}\x1b[m" if self._colour and plain else plain


def to_json(document: Mapping[str, object]) -> str:
    """Return the document as printed by ``--json``: its version first, two spaces, ASCII.

    What is no JSON value (a path, a moment) is printed as its text.
    """
    import json

    text = json.dumps({"version": JSON_VERSION, **document}, indent=2, allow_nan=False, default=str)
    return text.replace("\x7f", "\\u007f") + "\n"


def _width(piece: Piece) -> int:
    """Return the columns that a terminal gives to the piece (Unicode annex 11)."""
    text = escape(piece.text if isinstance(piece, Painted) else piece)
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)
