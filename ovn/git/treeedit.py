"""A tree with some paths changed: only the folders on the way are read and written. Pure.

The same result as ``update-index`` and ``write-tree`` on the whole index, at the price of
what changed: at 100,000 files that is 1 ms for 85. Rows that stay are not looked into.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn.git.encoding import (
    DIRECTORY,
    Entry,
    encode_row,
    folder_in,
    join_rows,
    object_id,
    split_rows,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Reader = Callable[[str], bytes]
    """Returns the bytes of a tree (``ObjectStore.tree``)."""

Rows = dict[bytes, bytes]
"""The rows of one folder by name, as they stand in its tree."""


def edit(read: Reader, base: str | None, edits: Mapping[bytes, Entry | None]) -> tuple[str, dict[str, bytes]]:
    """Return the id of ``base`` (None: empty) with ``edits`` in it, and the new trees by id.

    None deletes a path. A file takes the place of a folder and a folder that of a file;
    folders without anything in them vanish, as in an index.
    """
    if base is not None and not edits:
        return base, {}
    folders = _load(read, base, edits)
    for path, entry in edits.items():
        above, _, name = path.rpartition(b"/")
        rows = folders[above]
        if entry is not None:
            rows[name] = encode_row(name, entry)
        elif name in rows and folder_in(rows[name]) is None:
            del rows[name]
    files = {path for path, entry in edits.items() if entry is not None}
    written: dict[str, bytes] = {}
    for folder in sorted(folders, key=_depth, reverse=True):
        if folder and folder not in files:
            _hang(folders, folder, written)
    root = join_rows(folders[b""])
    oid = object_id("tree", root)
    return oid, written | ({oid: root} if oid != base else {})


def _load(read: Reader, base: str | None, paths: Iterable[bytes]) -> dict[bytes, Rows]:
    """Return the rows of every folder on the way to ``paths``, the top one as ``b""``."""
    folders: dict[bytes, Rows] = {b"": split_rows(read(base)) if base is not None else {}}
    for path in paths:
        at = path.find(b"/")
        above = b""
        while at != -1:
            folder = path[:at]
            if folder not in folders:
                tree = folder_in(folders[above].get(folder[len(above) + 1 if above else 0 :]))
                folders[folder] = split_rows(read(tree)) if tree is not None else {}
            above = folder
            at = path.find(b"/", at + 1)
    return folders


def _hang(folders: dict[bytes, Rows], folder: bytes, written: dict[str, bytes]) -> None:
    """Put the edited folder into the one above it, or take it out when nothing is left in it."""
    above, _, name = folder.rpartition(b"/")
    was = folders[above].get(name)
    if folders[folder]:
        data = join_rows(folders[folder])
        oid = object_id("tree", data)
        if oid != folder_in(was):
            written[oid] = data
            folders[above][name] = encode_row(name, Entry(DIRECTORY, "tree", oid))
    elif folder_in(was) is not None:
        del folders[above][name]


def _depth(folder: bytes) -> tuple[int, bool]:
    return folder.count(b"/"), folder != b""
