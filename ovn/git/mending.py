"""What a power cut damaged of git's own: the index, rebuilt from HEAD, and loose objects, written anew.

git syncs its index only when asked to, so a cut may leave it short or full of zeros; then
every git command fails until somebody removes it. What was staged is in the copy set aside.
A loose object may be left empty; git, which looks at names only, would never write it again.
"""

from __future__ import annotations

import os
import struct
import zlib
from typing import TYPE_CHECKING

from ovn.git import loose, settings
from ovn.git.disk import disk_errors
from ovn.git.index import index_lock, private_folder
from ovn.git.sha1 import sha1

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ovn.git.locate import Location
    from ovn.git.run import Git

_HEADER = struct.Struct(">4sII")
_SUM = 20
_VERSIONS = (2, 3, 4)


def damage(location: Location) -> str | None:
    """Return what is wrong with the user's index; None when git can read it, or has none yet.

    Checked as git checks it (gitformat-index): signature, version, and the SHA-1 at its end,
    which ``index.skipHash`` leaves as zeros.
    """
    try:
        data = (location.git_dir / "index").read_bytes()
    except FileNotFoundError:
        return None
    if len(data) < _HEADER.size + _SUM:
        return f"it has {len(data)} bytes"
    signature, version, _ = _HEADER.unpack_from(data)
    if signature != b"DIRC" or version not in _VERSIONS:
        return "it does not begin like an index"
    body, told = data[:-_SUM], data[-_SUM:]
    if any(told) and sha1(body).digest() != told:
        return "its checksum is wrong"
    return None


def rebuild_index(git: Git) -> Path:
    """Put an index made from HEAD in the place of the damaged one; return where that one is now.

    Files are not touched: what differs from HEAD shows as unstaged. Raises Locked when a live
    git holds the index.
    """
    location = git.location
    with private_folder(location) as folder, index_lock(location, folder) as held:
        aside = _aside(location)
        fresh = folder / "index"
        unborn = git.run("rev-parse", "--verify", "--quiet", "HEAD^{commit}", ok=(0, 1)).code != 0
        git.run("read-tree", "--empty" if unborn else "HEAD", index=fresh)
        held.install(fresh)
    if settings.get_bool(location, "core.sparseCheckout"):
        git.run("sparse-checkout", "reapply")
    git.run("update-index", "-q", "--refresh", ok=(0, 1))
    return aside


def set_aside_damaged(location: Location, oids: Iterable[str]) -> list[str]:
    """Move those of these objects that lie loose and are damaged under ``.git/ovn/aside/``; return them.

    For objects that will be written again: what cannot be read is no loss. Raises NoSpace and its kin.
    """
    moved = []
    with disk_errors("cannot set a damaged object aside"):
        for oid in oids:
            path = loose.place(location.common_dir, oid)
            if _is_damaged(path, oid):
                folder = location.local / "aside"
                folder.mkdir(parents=True, exist_ok=True)
                os.replace(path, folder / f"object-{oid}")  # noqa: PTH105  see loose.place
                moved.append(oid)
    return moved


def _is_damaged(path: str, oid: str) -> bool:
    """Tell whether a loose object's file is there and does not hold what its name says."""
    unpacked, digest = zlib.decompressobj(), sha1()
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            while data := file.read(1 << 16):
                digest.update(unpacked.decompress(data))
    except FileNotFoundError:
        return False
    except zlib.error:
        return True
    return digest.hexdigest() != oid


def _aside(location: Location) -> Path:
    """Copy the damaged index to a free name under ``.git/ovn/aside/``."""
    folder = location.local / "aside"
    with disk_errors("cannot set the damaged index aside"):
        folder.mkdir(parents=True, exist_ok=True)
        taken = {path.name for path in folder.iterdir()}
        number = next(n for n in range(1, len(taken) + 2) if f"index-{location.worktree}-{n}" not in taken)
        where = folder / f"index-{location.worktree}-{number}"
        import shutil

        shutil.copy2(location.git_dir / "index", where)
    return where
