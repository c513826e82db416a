"""What is the same for every way to reach objects: bytes understood, refs moved with patience."""

from __future__ import annotations

import time
from abc import abstractmethod
from typing import TYPE_CHECKING

from ovn import names
from ovn.clock import jitter
from ovn.errors import CorruptObject, Locked, RefClash, RefMoved
from ovn.git import encoding, locks, pack, trees
from ovn.git.paths import unquote
from ovn.git.run import Git

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from ovn.git.encoding import CommitInfo, Entry
    from ovn.git.locate import Location
    from ovn.git.objects import Change

LOCK_PATIENCE = 0.1
"""Seconds that a ref's lock is waited for; git's own core.filesRefLockTimeout. Of our refs until
the lock is old enough to be a dead process', too: that one is broken then."""


class Basis:
    """The part of an ObjectStore that rests on ``read``, ``write``, ``resolve`` and ``swap``."""

    def __init__(self, location: Location) -> None:
        self.location = location

    @abstractmethod
    def read(self, oid: str) -> tuple[str, bytes]: ...

    @abstractmethod
    def write(self, kind: str, data: bytes) -> str: ...

    @abstractmethod
    def resolve(self, name: str, *, peel: bool = False) -> str | None: ...

    @abstractmethod
    def swap(self, ref: str, new: str | None, expected: str | None, reason: str) -> None:
        """Move a ref once, or raise RefMoved, Locked, RefClash."""

    def close(self) -> None:
        """Nothing is held open, but where a subclass says so."""

    # -- objects -----------------------------------------------------------------------

    def write_tree(self, entries: Mapping[bytes, Entry]) -> str:
        return self.write("tree", encoding.encode_tree(entries))

    def write_commit(self, tree: str, parents: Sequence[str], message: str, *, when: datetime) -> str:
        return self.write("commit", encoding.encode_commit(tree, parents, message, when))

    def write_tag(self, target: str, name: str, message: str, when: datetime) -> str:
        kind = self.read(target)[0]
        return self.write("tag", encoding.encode_tag(target, kind, name, message, when))

    def write_loose(self, objects: Sequence[tuple[str, bytes]]) -> None:
        if objects:
            Git(self.location).run("unpack-objects", "-q", stdin=pack.encode(objects).pack)

    def write_pack(self, objects: Sequence[tuple[str, bytes]]) -> pack.Pack:
        return pack.store(self.location, pack.encode(objects))

    def entries(self, tree: str) -> dict[bytes, Entry]:
        return encoding.decode_tree(self.tree(tree))

    def tree(self, tree: str) -> bytes:
        kind, data = self.read(tree)
        while (inner := encoding.peeled(kind, data)) is not None:
            kind, data = self.read(inner)
        if kind != "tree":
            raise CorruptObject(f"'{tree}' is a {kind}, not a tree")
        return data

    def find(self, treeish: str, path: str) -> Entry | None:
        return trees.find(self.tree, treeish, unquote(path))

    def blob(self, treeish: str, path: str) -> bytes | None:
        entry = self.find(treeish, path)
        return self.read(entry.oid)[1] if entry is not None and entry.kind == "blob" else None

    def changes(self, old: str | None, new: str | None) -> list[Change]:
        return trees.changes(self.tree, old, new)

    def commit(self, oid: str) -> CommitInfo:
        kind, data = self.read(oid)
        while kind == "tag" and (inner := encoding.peeled(kind, data)) is not None:
            oid, (kind, data) = inner, self.read(inner)
        if kind != "commit":
            raise CorruptObject(f"'{oid}' is a {kind}, not a commit")
        return encoding.decode_commit(oid, data)

    # -- refs --------------------------------------------------------------------------

    def update_ref(self, ref: str, new: str | None, expected: str | None, reason: str) -> None:
        ours = is_ours(ref)
        deadline = time.monotonic() + LOCK_PATIENCE + (locks.STALE if ours else 0)
        while True:
            try:
                return self.swap(ref, new, expected, reason)
            except Locked:
                if time.monotonic() > deadline:
                    raise
                if ours:
                    locks.break_stale_locks(self.location, ref)
                time.sleep(jitter(0.001, 0.01))

    def _make_way(self, ref: str) -> None:
        """Refuse to create ``a/b`` beside ``a`` or ``a`` beside ``a/b``.

        A transaction itself does not look; where one of the two is packed both would be made.
        """
        parts = ref.split("/")
        above = ("/".join(parts[:n]) for n in range(3, len(parts)))
        other = next((name for name in above if self.resolve(name) is not None), None)
        other = other or self._in_packed(f"{ref}/")  # a loose one is in the file system's way
        if other is not None:
            raise _clash(ref, other)

    def _in_packed(self, beginning: str) -> str | None:
        """Return the first packed ref that begins so; one that is meant whole is given with its newline.

        All refs from libgit2 take 94 ms at 10,000 loose.
        """
        try:
            packed = (self.location.common_dir / "packed-refs").read_bytes()
        except FileNotFoundError:
            return None
        at = packed.find(b" " + beginning.encode()) + 1  # a name holds no space
        return packed[at : packed.index(b"\n", at)].decode("utf-8", "surrogateescape") if at else None


def is_ours(ref: str) -> bool:
    """Tell whether only git ovn writes this ref."""
    return ref == names.STATE_REF or ref.startswith((names.OVN_REFS, names.TAG_REFS))


def moved(ref: str, found: str | None, expected: str | None) -> RefMoved:
    """Return the error for a ref that has another value than it should."""
    return RefMoved(f"'{ref}' is at {_show(found)}, not at {_show(expected)}", found=found, expected=expected)


def _show(oid: str | None) -> str:
    return f"'{oid}'" if oid is not None else "nothing"


def _clash(ref: str, other: str) -> RefClash:
    branch = other.removeprefix("refs/heads/")
    rename = f"rename that branch: 'git branch -m {branch} {branch.replace('/', '-')}-work'"
    return RefClash(
        f"'{ref}' cannot exist beside '{other}'", hint=rename if branch != other else None, ref=other
    )
