"""How much differs between trees: lines added and deleted by path; one git for any number of pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ovn.git.run import Git

_HEAD = 40 + 1 + 40
"""Characters of a pair's line; no item begins with so many digits and a blank."""


@dataclass(frozen=True, slots=True)
class Size:
    """One path that differs. Lines are None for what git takes for binary."""

    path: bytes
    added: int | None
    deleted: int | None


def sizes(git: Git, pairs: Sequence[tuple[str, str]]) -> list[list[Size]]:
    """Return, for each (old tree, new tree), what differs; a moved file counts as moved, under its new path.

    Raises GitFailed for a tree that is not here.
    """
    if not pairs:
        return []
    listing = "".join(f"{old} {new}\n" for old, new in dict.fromkeys(pairs)).encode()
    switches = ("--stdin", "-r", "-z", "-M", "--numstat", "--no-ext-diff", "--no-textconv")
    found = _parse(git.run("diff-tree", *switches, stdin=listing).out.split(b"\0"))
    return [found.get(f"{old} {new}".encode(), []) for old, new in pairs]


def _parse(items: list[bytes]) -> dict[bytes, list[Size]]:
    """Return what differs by pair (``OLD NEW``), whose line git puts before the first item of it.

    With ``-z`` the two paths of a moved file follow its counts, each an item of its own.
    """
    found: dict[bytes, list[Size]] = {}
    now: list[Size] = []
    rest = iter(items)
    for item in rest:
        counts = item
        if item[:_HEAD].count(b" ") == 1 and item[_HEAD : _HEAD + 1] == b"\n":
            now = found.setdefault(item[:_HEAD], [])
            counts = item[_HEAD + 1 :]
        if not counts:
            continue
        added, deleted, path = counts.split(b"\t", 2)
        if not path:
            next(rest)  # where it was
            path = next(rest)
        now.append(Size(path, _count(added), _count(deleted)))
    return found


def _count(text: bytes) -> int | None:
    return None if text == b"-" else int(text)
