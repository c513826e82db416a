"""Trailers: ``Key: value`` lines in the last paragraph of a message, as git reads them.

Reading, and adding to the messages that git ovn writes itself, is done here (a fold makes
hundreds of commits and starts no process). What a person or an agent wrote gets its trailers
from the git hooks, by ``git interpret-trailers``, which knows their configuration.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_LINE = re.compile(r"(?P<key>[A-Za-z0-9-]+)[ \t]*:[ \t]*(?P<value>.*)")
_GENERATED = ("Signed-off-by: ", "(cherry picked from commit ")


def parse(message: str) -> list[tuple[str, str]]:
    """Return the trailers of a message in order, folded lines joined by one space.

    By git's rule (its trailer.c): the last paragraph that is not the first, if all its lines
    are trailers, or a quarter of them and one that git itself writes. Comments at the end of
    a message are none of it.
    """
    found: list[tuple[str, str]] = []
    folds = False  # is the line above a trailer, or of one? A text's folded line is the text's
    for line in _block(message):
        match = _LINE.match(line)
        if not line[:1].isspace():
            folds = match is not None
        if match is not None:
            found.append((match["key"], match["value"].strip()))
        elif folds:
            key, value = found[-1]
            found[-1] = (key, f"{value} {line.strip()}".strip())
    return found


def values(message: str, key: str) -> list[str]:
    """Return the values of one key, whatever its case."""
    return [value for name, value in parse(message) if name.lower() == key.lower()]


def value(message: str, key: str) -> str | None:
    """Return the last value of a key; None when the message has none."""
    found = values(message, key)
    return found[-1] if found else None


def add(message: str, trailers: Iterable[tuple[str, str]]) -> str:
    """Return a message of ours with trailers at its end; a value's line breaks become spaces."""
    lines = [f"{key}: {' '.join(value.split())}" for key, value in trailers]
    text = message.rstrip()
    if not lines:
        return text + "\n"
    gap = "\n" if _block(text) else "\n\n"
    return text + gap + "\n".join(lines) + "\n"


def _block(message: str) -> list[str]:
    """Return the lines of the trailer block; none when the last paragraph is text."""
    lines = message.split("\n")
    while lines and (not lines[-1].strip() or lines[-1].startswith("#")):
        lines.pop()
    start = next((n for n in range(len(lines) - 1, -1, -1) if not lines[n].strip()), -1) + 1
    if start == 0:  # the first paragraph is the subject, whatever it looks like
        return []
    block = lines[start:]
    if not any(line.strip() for line in lines[:start]):
        return []
    own = other = generated = 0
    above = False  # is the line above a trailer? A folded line is what that is
    for line in block:
        if line.startswith("#"):  # a comment, to git in any message, and nothing to fold a line onto
            above = False
            continue
        if line.startswith(_GENERATED):
            generated += 1
        if not line[:1].isspace():
            above = line.startswith(_GENERATED) or _LINE.match(line) is not None
            own += above
        other += not above
    if own and not other:
        return block
    return block if generated and own * 3 >= other else []
