"""Objects that are made to become one pack: written to memory, read as if they were stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn.git import encoding, treeedit
from ovn.git.encoding import DIRECTORY, FILE, Entry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from ovn.git.objects import ObjectStore


class Draft:
    """New blobs, trees and commits on top of a repository's objects."""

    def __init__(self, stored: ObjectStore) -> None:
        self._stored = stored
        self._new: dict[str, tuple[str, bytes]] = {}

    def objects(self, tip: str) -> list[tuple[str, bytes]]:
        """Return the new objects that ``tip`` needs, as (kind, bytes); trees on the way are left out."""
        needed: dict[str, None] = {}
        waiting = [tip]
        while waiting:
            oid = waiting.pop()
            if oid in self._new and oid not in needed:
                needed[oid] = None
                waiting += self._links(*self._new[oid])
        return [self._new[oid] for oid in needed]

    def _links(self, kind: str, data: bytes) -> list[str]:
        if kind == "commit":
            info = encoding.decode_commit("", data)
            return [*info.parents, info.tree]
        return [entry.oid for entry in encoding.decode_tree(data).values()] if kind == "tree" else []

    def read(self, oid: str) -> tuple[str, bytes]:
        """Return an object's kind and bytes, new or stored."""
        return self._new.get(oid) or self._stored.read(oid)

    def entries(self, oid: str) -> dict[bytes, Entry]:
        """Return the rows of a tree, or of a commit's tree, new or stored."""
        return encoding.decode_tree(self._tree(oid))

    def _tree(self, oid: str) -> bytes:
        known = self._new.get(oid)
        while known is not None and (inner := encoding.peeled(*known)) is not None:
            oid = inner
            known = self._new.get(oid)
        return known[1] if known is not None else self._stored.tree(oid)

    def edit(self, tree: str | None, edits: Mapping[str, bytes | None]) -> str:
        """Return the id of ``tree`` with these files in it; None deletes one."""
        rows = {path.encode(): self._file(data) for path, data in edits.items()}
        return self._edit(tree, rows)

    def move(self, tree: str, old: str, new: str) -> str:
        """Return the id of ``tree`` with the folder ``old`` under the name ``new``."""
        entry = self._folder(tree, old)
        if entry is None:
            return tree
        gone: dict[bytes, Entry | None] = {
            old.encode() + b"/" + path: None for path in self._files(entry.oid)
        }
        return self._edit(tree, {**gone, new.encode(): Entry(DIRECTORY, "tree", entry.oid)})

    def commit(self, tree: str, parent: str | None, message: str, when: datetime) -> str:
        """Return the id of a new commit by git ovn."""
        parents = [parent] if parent is not None else []
        return self._add("commit", encoding.encode_commit(tree, parents, message, when))

    def _file(self, data: bytes | None) -> Entry | None:
        return Entry(FILE, "blob", self._add("blob", data)) if data is not None else None

    def _edit(self, tree: str | None, rows: Mapping[bytes, Entry | None]) -> str:
        oid, written = treeedit.edit(self._tree, tree, rows)
        self._new.update({new: ("tree", data) for new, data in written.items()})
        return oid

    def _folder(self, tree: str, path: str) -> Entry | None:
        found: Entry | None = Entry(DIRECTORY, "tree", tree)
        for part in path.encode().split(b"/"):
            if found is None or found.kind != "tree":
                return None
            found = self.entries(found.oid).get(part)
        return found if found is not None and found.kind == "tree" else None

    def _files(self, tree: str) -> Iterator[bytes]:
        for name, entry in self.entries(tree).items():
            if entry.kind == "tree":
                yield from (name + b"/" + below for below in self._files(entry.oid))
            else:
                yield name

    def _add(self, kind: str, data: bytes) -> str:
        oid = encoding.object_id(kind, data)
        self._new.setdefault(oid, (kind, data))
        return oid
