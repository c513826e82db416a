"""Many objects in one file: git's pack format (version 2) and its index, and how one is stored.

Encoding is pure: whole objects, no deltas, as ``Documentation/gitformat-pack.txt`` has it.
One pack of a hundred objects costs as many syncs as one loose object.

Storing keeps the pack from the user's gc until a ref names its objects: ``git gc
--prune=now`` and ``git repack -ad`` delete a pack that nothing refers to yet, unless a
``.keep`` lies beside it before it appears.
"""

from __future__ import annotations

import os
import struct
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from ovn import host
from ovn.crash import crash_point
from ovn.errors import OvnError
from ovn.frozen import dataclass
from ovn.git.disk import create, disk_errors
from ovn.git.encoding import object_id
from ovn.git.owner import Owner
from ovn.git.sha1 import sha1

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

    from ovn.git.locate import Location

LEVEL = 1
"""zlib's fastest: a fold is on the way of a step; a rollup or gc packs it tighter later."""

LIMIT = 2**31 - 1
"""Bytes that an index addresses without its table of long offsets; a fold is far below."""

LIST = "packs"
"""``.git/ovn/packs``: the names of the packs we made, one a line, for the rollup."""

_TYPES = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}


@dataclass(frozen=True, slots=True)
class EncodedPack:
    """A pack and its index as bytes; ``name`` is the pack's own checksum, ``oids`` as given."""

    name: str
    pack: bytes
    index: bytes
    oids: list[str]


@dataclass(frozen=True, slots=True)
class Pack:
    """A stored pack that gc leaves alone until ``release()``; a context manager that releases."""

    name: str
    oids: list[str]
    keep: Path

    def release(self) -> None:
        """Drop the protection; harmless twice. Call it when a ref names the objects."""
        with disk_errors("cannot release a pack"):
            self.keep.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def encode(objects: Sequence[tuple[str, bytes]]) -> EncodedPack:
    """Return the pack of these (kind, bytes), in that order; what comes twice is packed once.

    Raises OvnError beyond 2 GiB.
    """
    oids = [object_id(kind, data) for kind, data in objects]
    distinct = dict(zip(oids, objects, strict=True))
    chunks = [struct.pack(">4sII", b"PACK", 2, len(distinct))]
    rows: list[tuple[bytes, int, int]] = []
    offset = len(chunks[0])
    for oid, (kind, data) in distinct.items():
        chunk = _header(_TYPES[kind], len(data)) + zlib.compress(data, LEVEL)
        rows.append((bytes.fromhex(oid), zlib.crc32(chunk), offset))
        chunks.append(chunk)
        offset += len(chunk)
        if offset > LIMIT:
            raise OvnError("a pack of more than 2 GiB", hint="store its objects in several packs")
    body = b"".join(chunks)
    checksum = _sha1(body)
    return EncodedPack(checksum.hex(), body + checksum, _index(rows, checksum), oids)


def _header(kind: int, size: int) -> bytes:
    """Return type and size: 4 bits of the size, then 7 a byte, the high bit says 'more'."""
    byte = kind << 4 | size & 0x0F
    size >>= 4
    out = bytearray()
    while size:
        out.append(byte | 0x80)
        byte = size & 0x7F
        size >>= 7
    out.append(byte)
    return bytes(out)


def _index(rows: list[tuple[bytes, int, int]], checksum: bytes) -> bytes:
    """Return the index, version 2, of (id, crc32, offset) rows."""
    rows = sorted(rows)
    counts = [0] * 256
    for oid, _, _ in rows:
        counts[oid[0]] += 1
    fanout, total = [], 0
    for count in counts:
        total += count
        fanout.append(total)
    body = b"".join(
        [
            b"\377tOc",
            struct.pack(">I256I", 2, *fanout),
            *(oid for oid, _, _ in rows),
            struct.pack(f">{len(rows)}I", *(crc for _, crc, _ in rows)),
            struct.pack(f">{len(rows)}I", *(offset for _, _, offset in rows)),
            checksum,
        ]
    )
    return body + _sha1(body)


def read_index(data: bytes) -> list[str]:
    """Return the ids that a version 2 index lists. Raises OvnError for another version."""
    if data[:8] != b"\377tOc\0\0\0\2" or len(data) < 1072:
        raise OvnError("not a pack index of version 2")
    (count,) = struct.unpack_from(">I", data, 8 + 255 * 4)
    return [data[at : at + 20].hex() for at in range(1032, 1032 + 20 * count, 20)]


def _sha1(data: bytes) -> bytes:
    return sha1(data).digest()


def folder(location: Location) -> Path:
    """Return where the repository's packs lie."""
    return location.common_dir / "objects" / "pack"


def store(location: Location, encoded: EncodedPack) -> Pack:
    """Put a pack among the repository's objects, synced, and return it still kept from gc.

    It is named anew each time: gc deletes packs by the names it saw when it began, and an
    equal pack of a moment ago may be among them. For the same reason nothing is left out
    because the repository has it already: that copy may be one that gc is about to drop.
    Raises NoSpace, ReadOnlyRepository, OvnError; then nothing of it is left.
    """
    name = "pack-" + sha1(encoded.pack[-20:] + os.urandom(16)).hexdigest()
    where = folder(location)
    keep, body, index = (where / f"{name}.{kind}" for kind in ("keep", "pack", "idx"))
    unfinished, unsaid = where / f"{name}.idx.tmp", where / f"tmp_{name}"
    with disk_errors("cannot store a pack"):
        try:
            where.mkdir(parents=True, exist_ok=True)
            _keep(unsaid, keep)
            create(body, encoded.pack)
            crash_point("pack.before_index")
            create(unfinished, encoded.index)
            unfinished.rename(index)
            host.sync_path(where)
            crash_point("pack.after_index")
            _note(location, name)
        except BaseException:
            for path in (index, unfinished, body, keep, unsaid):
                with suppress(OSError):
                    path.unlink()
            raise
    return Pack(name, encoded.oids, keep)


_TRIES = 5
"""So often a pack's .keep is made, should git take each before it has its name."""


def _keep(unsaid: Path, keep: Path) -> None:
    """Make the file that keeps a pack, whole from the beginning: it always says whose it is.

    ``git prune`` removes what is called ``tmp_``, which is good for what a dead process left;
    with ``--expire=now`` also what is about to be renamed, and then it is made anew.
    """
    for left in reversed(range(_TRIES)):
        create(unsaid, Owner.me().line.encode())
        crash_point("pack.before_keep")
        try:
            unsaid.rename(keep)
        except FileNotFoundError:
            if not left:
                raise
        else:
            return


def _note(location: Location, name: str) -> None:
    """Add a line to the list of our packs. Not synced: a pack it misses is only not rolled up."""
    location.local.mkdir(exist_ok=True)
    with (location.local / LIST).open("a", encoding="ascii") as names:
        names.write(name + "\n")


def drop_dead_keeps(location: Location) -> list[str]:
    """Release what processes of ours left behind that died while storing; returns the names.

    A pack without an index is removed, it was never acknowledged; a whole one becomes the
    business of gc. Call it under the repository lock.
    """
    found = []
    for keep in _keeps(folder(location)):
        with suppress(FileNotFoundError):
            if not _is_abandoned(keep):
                continue
            if not keep.with_suffix(".idx").exists():
                keep.with_suffix(".pack").unlink(missing_ok=True)
                keep.with_suffix(".idx.tmp").unlink(missing_ok=True)
            keep.unlink()
            found.append(keep.stem)
    return found


def _keeps(where: Path) -> list[Path]:
    """Return the keep files. No glob: its patterns would be compiled anew in every checkpoint."""
    try:
        names = os.listdir(where)  # noqa: PTH208
    except FileNotFoundError:
        return []
    return [where / name for name in names if name.startswith("pack-") and name.endswith(".keep")]


def _is_abandoned(keep: Path) -> bool:
    """Return whether a keep file is ours and its process is gone. Other people's stay."""
    owner = Owner.read(keep.read_text("utf-8", "replace"))
    return owner is not None and not owner.alive()
