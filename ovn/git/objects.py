"""The object side of git as the rest of the program sees it: one Protocol.

Ids are 40 hex digits, refs are full names. ``ovn.git.libgit2`` implements all of it, and
``ovn.git.plain`` what is usual without libgit2's time to load. Both pass the same contract
tests, tests/git/test_objects_contract.py, as would one for SHA-256 and reftable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ovn.frozen import dataclass
from ovn.git.encoding import CommitInfo, Entry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from ovn.git.pack import Pack

__all__ = ["Change", "CommitInfo", "Entry", "ObjectStore"]


@dataclass(frozen=True, slots=True)
class Change:
    """One path that differs between two trees; None where it does not exist."""

    path: bytes
    old: Entry | None
    new: Entry | None


class ObjectStore(Protocol):
    """Objects and refs of one repository. Not for use by two threads at once.

    Any method raises CorruptObject for an object that is needed and missing or damaged; any
    writing one NoSpace, ReadOnlyRepository, or OvnError with the library's words. A write
    that did not happen never returns.
    """

    def read(self, oid: str) -> tuple[str, bytes]:
        """Return an object's kind (blob, tree, commit, tag) and bytes."""
        ...

    def exists(self, oid: str) -> bool:
        """Return whether the object is here."""
        ...

    def write(self, kind: str, data: bytes) -> str:
        """Store one loose object, synced, and return its id."""
        ...

    def write_loose(self, objects: Sequence[tuple[str, bytes]]) -> None:
        """Store these (kind, bytes) as loose objects, not synced: for who syncs the file system after."""
        ...

    def entries(self, tree: str) -> dict[bytes, Entry]:
        """Return the rows of a tree (or of a commit's tree) by name."""
        ...

    def tree(self, tree: str) -> bytes:
        """Return the bytes of a tree (or of a commit's tree)."""
        ...

    def find(self, treeish: str, path: str) -> Entry | None:
        """Return what lies at ``path`` (as ``paths.quote`` writes it) in a commit or tree."""
        ...

    def blob(self, treeish: str, path: str) -> bytes | None:
        """Return the bytes of the file at ``path``; None when there is no file."""
        ...

    def commit(self, oid: str) -> CommitInfo:
        """Return a commit, or the commit that a tag names."""
        ...

    def write_tree(self, entries: Mapping[bytes, Entry]) -> str:
        """Store a tree and return its id; the entries' objects need not be there yet."""
        ...

    def write_commit(self, tree: str, parents: Sequence[str], message: str, *, when: datetime) -> str:
        """Store a commit by git ovn itself and return its id; no ref moves."""
        ...

    def write_tag(self, target: str, name: str, message: str, when: datetime) -> str:
        """Store an annotated tag object and return its id; no ref moves."""
        ...

    def write_pack(self, objects: Sequence[tuple[str, bytes]]) -> Pack:
        """Store many objects as one synced pack, kept from gc until ``release()``."""
        ...

    def resolve(self, name: str, *, peel: bool = False) -> str | None:
        """Return the object that a full ref name, ``HEAD`` or an id means; None when there is none.

        ``peel`` goes on from tags to their commit.
        """
        ...

    def refs(self, prefix: str) -> dict[str, str]:
        """Return the objects of all refs whose full name begins with ``prefix``, by name, sorted."""
        ...

    def update_ref(self, ref: str, new: str | None, expected: str | None, reason: str) -> None:
        """Move a ref from ``expected`` to ``new``, synced, with a reflog entry where git keeps one.

        ``expected=None``: it must not exist; ``new=None``: delete it. Raises RefMoved when it
        has another value, Locked when its lock is held for longer than git waits (100 ms; the lock
        of a ref of git ovn is broken when it is a second old, since its writers need milliseconds),
        RefClash when another ref's name is in the way.
        """
        ...

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Return whether one commit is the other or one of its ancestors."""
        ...

    def walk(self, tips: Sequence[str], hide: Sequence[str] = ()) -> Iterator[CommitInfo]:
        """Yield the commits reachable from ``tips`` and not from ``hide``, newest first, children first."""
        ...

    def changes(self, old: str | None, new: str | None) -> list[Change]:
        """Return the files that differ between two commits or trees, sorted by path; None is empty."""
        ...

    def close(self) -> None:
        """Let go of what is held open; a later call opens it again."""
        ...
