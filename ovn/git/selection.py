"""Which paths of the work tree go into a snapshot, and which are left out and said."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from ovn.frozen import dataclass, field, replace
from ovn.git.paths import quote
from ovn.model.documents import Omission

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ovn.git.encoding import Entry
    from ovn.git.files import Disk
    from ovn.git.status import Changed, Listed, Status

HASHED = 256 << 20
"""Bytes of left-out files that one snapshot hashes (0.2 to 0.6 s); beyond, the hash is None."""

TOO_LARGE = "larger than the cap for a file"
TOO_MUCH = "beyond the cap for a checkpoint"
NESTED = "nested repository"
DIRTY = "submodule with changes of its own"
UNSEEN = "submodule not looked into before trust"
UNREADABLE = "not readable"
SPECIAL = "not a file, symlink or folder"
REFUSED = "a name that git refuses"
UNSTEADY = "did not hold still"
FILTER = "its filter failed"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes: of one file, and of all that a snapshot reads."""

    file: int
    total: int


@dataclass(slots=True)
class Selection:
    """``store``: paths whose content git shall read, with their size; ``drop``: paths that are gone.

    ``left``: what is left out; ``present``: skip-worktree files that are on disk all the same;
    ``limit``: bytes of one file.
    """

    limit: int
    store: dict[bytes, int] = field(default_factory=dict)
    drop: list[bytes] = field(default_factory=list)
    left: dict[bytes, Omission] = field(default_factory=dict)
    present: list[bytes] = field(default_factory=list)

    def leave(self, path: bytes, why: str, size: int | None = None) -> None:
        """Leave a path out, and say so."""
        self.left[path] = Omission(path=quote(path), why=why, size=size)


def select(
    disk: Disk, status: Status, flagged: Iterable[Listed], limits: Limits, unseen: Iterable[bytes] = ()
) -> Selection:
    """Return what to store, what is gone and what is left out.

    ``unseen`` are submodules that nobody looked into: each counts as left out. Raises OSError.
    """
    chosen = Selection(limits.file)
    for change in status.changed:
        _tracked(chosen, disk, change, limits)
    for path in status.unmerged:
        _consider(chosen, disk, path, limits, tracked=True)
    for row in flagged:
        _flagged(chosen, disk, row, limits)
    for path in status.untracked:
        if path.endswith(b"/"):
            chosen.leave(path, NESTED)
        else:
            _consider(chosen, disk, path, limits, tracked=False)
    for path in status.unreadable:
        chosen.leave(path + b"/", UNREADABLE)
    for path in unseen:
        if disk.lstat(path + b"/.git") is not None:
            chosen.leave(path, UNSEEN)
    _fit(chosen, limits.total)
    _hash(chosen, disk)
    return chosen


def _tracked(chosen: Selection, disk: Disk, change: Changed, limits: Limits) -> None:
    if change.dirty:
        chosen.leave(change.path, DIRTY)
    if change.deleted:
        chosen.drop.append(change.path)
    elif change.edited:
        _consider(chosen, disk, change.path, limits, tracked=True, gitlink=_is_gitlink(change.index))


def _flagged(chosen: Selection, disk: Disk, row: Listed, limits: Limits) -> None:
    """Take what git was told not to look at, if it is there; a sparse checkout's absent files stay."""
    if row.stage or _is_gitlink(row.entry):
        return
    above = row.path.rpartition(b"/")[0]
    if disk.real_folder(above) and disk.lstat(row.path) is not None:
        if row.tag in "Ss":
            chosen.present.append(row.path)
        if row.path not in chosen.store and row.path not in chosen.left:
            _consider(chosen, disk, row.path, limits, tracked=True)
    elif row.tag == "h":  # assumed unchanged, and gone
        chosen.drop.append(row.path)


def _consider(
    chosen: Selection, disk: Disk, path: bytes, limits: Limits, *, tracked: bool, gitlink: bool = False
) -> None:
    found = disk.quick_lstat(path)
    if found is None:
        if tracked:
            chosen.drop.append(path)
    elif stat.S_ISDIR(found.st_mode):
        _folder(chosen, disk, path, gitlink=gitlink)
    elif stat.S_ISLNK(found.st_mode):
        chosen.store[path] = found.st_size
    elif not stat.S_ISREG(found.st_mode):
        chosen.leave(path, SPECIAL)
    elif found.st_size > limits.file:
        chosen.leave(path, TOO_LARGE, found.st_size)
    elif not disk.readable(path):
        chosen.leave(path, UNREADABLE, found.st_size)
    else:
        chosen.store[path] = found.st_size


def _folder(chosen: Selection, disk: Disk, path: bytes, *, gitlink: bool) -> None:
    """Take a submodule's commit; leave out a repository where a file was; else the file is gone."""
    if gitlink:
        chosen.store[path] = 0
    elif disk.lstat(path + b"/.git") is not None:
        chosen.leave(path, NESTED)
    else:
        chosen.drop.append(path)


def _fit(chosen: Selection, total: int) -> None:
    """Leave out the largest files until the rest is below the cap."""
    excess = sum(chosen.store.values()) - total
    for path, size in sorted(chosen.store.items(), key=lambda row: (-row[1], row[0])):
        if excess <= 0:
            return
        chosen.leave(path, TOO_MUCH, size)
        del chosen.store[path]
        excess -= size


def _hash(chosen: Selection, disk: Disk) -> None:
    left = HASHED
    for path, omission in sorted(chosen.left.items(), key=lambda row: row[1].size or 0):
        if omission.why in (TOO_LARGE, TOO_MUCH) and omission.size is not None and omission.size <= left:
            left -= omission.size
            chosen.left[path] = replace(omission, sha256=_sha256(disk, path))


def _sha256(disk: Disk, path: bytes) -> str | None:
    import hashlib

    try:
        with open(disk.open(path), "rb") as file:  # noqa: PTH123  a descriptor
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:  # gone or replaced meanwhile: said without a hash
        return None


def _is_gitlink(entry: Entry | None) -> bool:
    return entry is not None and entry.kind == "commit"
