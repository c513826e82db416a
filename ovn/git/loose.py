"""Loose objects, read and written as files: ``objects/ab/cdef...``, one zlib stream each.

As in git's object-file.c: written beside its place, synced, and only then given its name.
"""

from __future__ import annotations

import os
import zlib
from contextlib import suppress
from pathlib import Path

from ovn.git.disk import create, disk_errors
from ovn.git.encoding import object_id
from ovn.host import sync_path

LEVEL = 1


def read(common_dir: Path, oid: str) -> tuple[str, bytes] | None:
    """Return a loose object's kind and bytes; None when it is not there or not whole."""
    try:
        with open(place(common_dir, oid), "rb", buffering=0) as file:  # noqa: PTH123  quicker
            head, _, data = zlib.decompress(file.read()).partition(b"\0")
    except (OSError, zlib.error):
        return None
    kind = head.partition(b" ")[0].decode("ascii", "replace")
    return (kind, data) if object_id(kind, data) == oid else None


def size(common_dir: Path, oid: str) -> int | None:
    """Return the bytes of a loose object's file; 0 where a power cut left it empty, None without one."""
    try:
        return os.stat(place(common_dir, oid)).st_size  # noqa: PTH116
    except OSError:
        return None


def write(common_dir: Path, kind: str, data: bytes, *, synced: bool = True) -> str:
    """Store an object and return its id; a damaged one in its place is replaced.

    Raises NoSpace, ReadOnlyRepository, OvnError; then it is not there.
    """
    oid = object_id(kind, data)
    path = Path(place(common_dir, oid))
    with disk_errors(f"cannot write a {kind} object"):
        if read(common_dir, oid) is not None:
            _keep(path)
            return oid
        if not path.parent.is_dir():
            path.parent.mkdir(exist_ok=True)
            if synced:
                sync_path(path.parent.parent)
        scratch = path.with_name(f"tmp_obj_{os.urandom(8).hex()}")  # a name that git's prune clears
        try:
            whole = b"%s %d\0%s" % (kind.encode(), len(data), data)
            create(scratch, zlib.compress(whole, LEVEL), synced=synced)
            scratch.rename(path)
        except BaseException:
            with suppress(OSError):
                scratch.unlink()
            raise
        if synced:
            sync_path(path.parent)
    return oid


def _keep(path: Path) -> None:
    """Sync an object that somebody's git wrote a moment ago, and make it young, so that prune leaves it."""
    sync_path(path)
    with suppress(PermissionError):  # another user's; it is there, and that is what counts
        os.utime(path)


def place(common_dir: Path, oid: str) -> str:
    """Return where an object lies when loose; as text, since a checkpoint asks a hundred times."""
    return f"{common_dir}/objects/{oid[:2]}/{oid[2:]}"
