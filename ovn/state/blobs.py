"""Results too large for a record: a file each under ``.git/ovn/results/`` until a fold makes blobs of them.

No object is written before the fold: nothing would refer to it yet, and ``git gc --prune=now``
would take it. A file's name is the id that its blob will have.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from ovn import names
from ovn.errors import CorruptObject
from ovn.git.disk import disk_errors
from ovn.git.encoding import object_id
from ovn.host import sync_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ovn.git.locate import Location
    from ovn.git.objects import ObjectStore
    from ovn.model.records import Record


def put(location: Location, data: bytes) -> str:
    """Keep the bytes durably and return the id of the blob that they will be.

    Raises NoSpace, DiskFailed, ReadOnlyRepository; then nothing is kept.
    """
    oid = object_id("blob", data)
    path = _path(location, oid)
    with disk_errors("cannot keep a result"):
        if path.exists():  # it was synced before it got this name
            return oid
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_name(f"{oid}.{os.getpid()}")
        try:
            scratch.write_bytes(data)
            sync_path(scratch)
            scratch.replace(path)
        except OSError:
            with suppress(OSError):
                scratch.unlink()
            raise
        sync_path(path.parent)
    return oid


def get(location: Location, objects: ObjectStore, oid: str) -> bytes:
    """Return a result's bytes, folded or not. Raises CorruptObject when it is nowhere."""
    with suppress(FileNotFoundError):
        data = _path(location, oid).read_bytes()
        if object_id("blob", data) == oid:
            return data
    if not objects.exists(oid):
        raise CorruptObject(f"the recorded result '{oid}' is missing")
    return objects.read(oid)[1]


def of(records: Iterable[Record]) -> Iterator[str]:
    """Yield the ids of the results that these records keep elsewhere."""
    for record in records:
        if record["type"] == "step" and "blob" in record["data"]:
            yield record["data"]["blob"]["oid"]


def drop(location: Location, oids: Iterable[str]) -> None:
    """Forget files of results that are blobs now."""
    for oid in oids:
        _path(location, oid).unlink(missing_ok=True)


def _path(location: Location, oid: str) -> Path:
    return location.local / names.RESULTS_FOLDER / oid
