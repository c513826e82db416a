"""Looking into trees: what lies at a path, and where two trees differ. Pure over a reader.

Only the trees whose ids differ are read, so a difference costs what changed, not what is
there. Nothing recurses: a hostile path may have two thousand components.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn.git.objects import Change

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ovn.git.encoding import Entry

    Reader = Callable[[str], dict[bytes, Entry]]


def find(entries: Reader, treeish: str, path: bytes) -> Entry | None:
    """Return the row of the tree at ``path``; None when there is none or a file is on the way."""
    oid, found = treeish, None
    for part in path.split(b"/"):
        if found is not None and found.kind != "tree":
            return None
        found = entries(oid).get(part)
        if found is None:
            return None
        oid = found.oid
    return found


def changes(entries: Reader, old: str | None, new: str | None) -> list[Change]:
    """Return the files that differ, sorted by path. A file that became a folder is both."""
    found = []
    waiting = [(b"", old, new)]
    while waiting:
        prefix, before, after = waiting.pop()
        for name, was, now in _differing(_rows(entries, before), _rows(entries, after)):
            path = prefix + name
            if _is_tree(was) or _is_tree(now):
                waiting.append((path + b"/", _folder(was), _folder(now)))
            if not _is_tree(was) or not _is_tree(now):
                file_was, file_now = _file(was), _file(now)
                if file_was is not None or file_now is not None:
                    found.append(Change(path, file_was, file_now))
    return sorted(found, key=lambda change: change.path)


def _rows(entries: Reader, tree: str | None) -> dict[bytes, Entry]:
    return entries(tree) if tree is not None else {}


def _differing(
    before: dict[bytes, Entry], after: dict[bytes, Entry]
) -> Iterator[tuple[bytes, Entry | None, Entry | None]]:
    for name in before.keys() | after.keys():
        was, now = before.get(name), after.get(name)
        if was != now:
            yield name, was, now


def _is_tree(entry: Entry | None) -> bool:
    return entry is not None and entry.kind == "tree"


def _folder(entry: Entry | None) -> str | None:
    return entry.oid if entry is not None and entry.kind == "tree" else None


def _file(entry: Entry | None) -> Entry | None:
    return None if _is_tree(entry) else entry
