"""Looking into trees: what lies at a path, and where two trees differ. Pure over a reader.

Only the trees whose ids differ are read, so a difference costs what changed, not what is
there. Nothing recurses: a hostile path may have two thousand components.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn.git.encoding import differing, row_of
from ovn.git.objects import Change

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ovn.git.encoding import Entry

    Reader = Callable[[str], bytes]
    """Returns the bytes of the tree that a commit, tag or tree id means (``ObjectStore.tree``)."""


def find(read: Reader, treeish: str, path: bytes) -> Entry | None:
    """Return the row of the tree at ``path``; None when there is none or a file is on the way."""
    oid, found = treeish, None
    for part in path.split(b"/"):
        if found is not None and found.kind != "tree":
            return None
        found = row_of(read(oid), part)
        if found is None:
            return None
        oid = found.oid
    return found


def changes(read: Reader, old: str | None, new: str | None) -> list[Change]:
    """Return the files that differ, sorted by path. A file that became a folder is both."""
    found = []
    waiting = [(b"", old, new)]
    while waiting:
        prefix, before, after = waiting.pop()
        were, are = differing(_data(read, before), _data(read, after))
        for name in were.keys() | are.keys():
            was, now = were.get(name), are.get(name)
            if _is_tree(was) or _is_tree(now):
                waiting.append((prefix + name + b"/", _folder(was), _folder(now)))
            change = Change(prefix + name, _file(was), _file(now))
            if change.old != change.new:
                found.append(change)
    return sorted(found, key=lambda change: change.path)


def added(read: Reader, old: str | None, new: str) -> Iterator[tuple[bytes, str]]:
    """Yield path and id of every tree and file of ``new`` that is not just so in ``old``.

    Submodules are left out: their commits lie elsewhere.
    """
    waiting: list[tuple[bytes, str | None, str]] = [(b"", old, new)] if new != old else []
    while waiting:
        path, before, after = waiting.pop()
        yield path, after
        were, are = differing(_data(read, before), read(after))
        for name, entry in are.items():
            where = path + b"/" + name if path else name
            if entry.kind == "tree":
                waiting.append((where, _folder(were.get(name)), entry.oid))
            elif entry.kind == "blob":
                yield where, entry.oid


def _data(read: Reader, tree: str | None) -> bytes:
    return read(tree) if tree is not None else b""


def _is_tree(entry: Entry | None) -> bool:
    return entry is not None and entry.kind == "tree"


def _folder(entry: Entry | None) -> str | None:
    return entry.oid if entry is not None and entry.kind == "tree" else None


def _file(entry: Entry | None) -> Entry | None:
    return None if _is_tree(entry) else entry
