"""Open a repository's objects in the way that suits it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn.git.offline import open_libgit2
from ovn.git.plain import PlainStore, is_plain

if TYPE_CHECKING:
    from ovn.git.locate import Location
    from ovn.git.objects import ObjectStore


def open_store(location: Location) -> ObjectStore:
    """Open a repository's objects; raises UnsupportedRepository naming what stands against it."""
    return PlainStore(location) if is_plain(location) else open_libgit2(location)
