"""Objects and refs of a plain repository without libgit2, which takes longer to load than a checkpoint.

Loose objects and refs are files; what is packed is read by one ``git cat-file``. Only what
happens in nearly every command is done here. Histories, deletions, other people's refs, and
whatever is odd or missing is libgit2's, loaded then; so is the reading once there is much of it.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

from ovn.errors import CorruptObject
from ovn.git import encoding, loose, looserefs
from ovn.git.basis import Basis
from ovn.git.catfile import CatFile
from ovn.git.looserefs import Odd
from ovn.git.offline import open_libgit2
from ovn.git.run import Git

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ovn.git.encoding import CommitInfo
    from ovn.git.libgit2 import Libgit2Store
    from ovn.git.locate import Location
    from ovn.git.pack import Pack

PLENTY = 1000
"""Questions to git after which libgit2, three times as fast with each, has paid for its loading."""

RECENT = 64
"""Commits and trees that are kept in memory: a fold reads those of the fold before it, several times."""

SMALL = 64 * 1024
"""Bytes up to which one of them is kept."""

_SPECIAL = re.compile(rb"^\s*(\[\s*extensions\b|sharedrepository\b)", re.MULTILINE | re.IGNORECASE)
"""Extensions, and rights for a group, which libgit2 gives to what it writes."""


def is_plain(location: Location) -> bool:
    """Tell whether the repository is one that this module understands: no extension, whichever."""
    try:
        config = (location.common_dir / "config").read_bytes()
        return not _SPECIAL.search(config) and (location.git_dir / "HEAD").is_file()
    except OSError:
        return False


class PlainStore(Basis):
    """The ObjectStore that begins without libgit2; see ``ovn.git.objects`` for the contract."""

    def __init__(self, location: Location) -> None:
        super().__init__(location)
        self._cat = CatFile(Git(location))
        self._recent: dict[str, tuple[str, bytes]] = {}

    @cached_property
    def _full(self) -> Libgit2Store:
        return open_libgit2(self.location)

    @property
    def _loaded(self) -> bool:
        """Whether libgit2 is there already; then it is the quickest for everything."""
        return "_full" in self.__dict__

    def close(self) -> None:
        self._cat.close()

    # -- objects -----------------------------------------------------------------------

    def read(self, oid: str) -> tuple[str, bytes]:
        if oid == encoding.EMPTY_TREE:
            return "tree", b""
        if self._loaded:
            return self._full.read(oid)
        known = self._recent.get(oid)
        if known is None:
            known = loose.read(self.location.common_dir, oid) or self._packed(oid) or self._full.read(oid)
            self._keep(oid, known)
        return known

    def _keep(self, oid: str, found: tuple[str, bytes]) -> None:
        """Keep a small commit or tree, which never changes, for the next who reads it."""
        if found[0] == "blob" or len(found[1]) > SMALL:
            return
        if len(self._recent) >= RECENT:
            self._recent.clear()
        self._recent[oid] = found

    def _packed(self, oid: str) -> tuple[str, bytes] | None:
        """Return an object as git reads it; None for one that is missing, damaged or libgit2's to read."""
        if self._cat.asked > PLENTY or not re.fullmatch(r"[0-9a-f]{40}", oid):
            self._cat.close()
            return None
        try:
            found = self._cat.read(oid)
        except CorruptObject:
            return None
        return found if found is not None and encoding.object_id(*found) == oid else None

    def exists(self, oid: str) -> bool:
        size = loose.size(self.location.common_dir, oid)
        if size or oid == encoding.EMPTY_TREE:
            return True
        if self._cat.asked > PLENTY or (self._loaded and size is None):  # an empty file is one to libgit2
            return self._full.exists(oid)
        try:
            return self._cat.has(oid)
        except CorruptObject:
            return self._full.exists(oid)

    def write(self, kind: str, data: bytes) -> str:
        return loose.write(self.location.common_dir, kind, data)

    def write_loose(self, objects: Sequence[tuple[str, bytes]]) -> None:
        for kind, data in objects:
            loose.write(self.location.common_dir, kind, data, synced=False)

    def write_pack(self, objects: Sequence[tuple[str, bytes]]) -> Pack:
        stored = super().write_pack(objects)
        for oid, made in zip(stored.oids, objects, strict=True):
            self._keep(oid, made)
        return stored

    # -- history -----------------------------------------------------------------------

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        return ancestor == descendant or self._full.is_ancestor(ancestor, descendant)

    def walk(self, tips: Sequence[str], hide: Sequence[str] = ()) -> Iterator[CommitInfo]:
        return self._full.walk(tips, hide)

    # -- refs --------------------------------------------------------------------------

    def resolve(self, name: str, *, peel: bool = False) -> str | None:
        try:
            oid = name if re.fullmatch(r"[0-9a-f]{40}", name) else looserefs.target(self.location, name)
        except Odd:
            return self._full.resolve(name, peel=peel)
        if oid is None or (oid == name and not self.exists(oid)):
            return None
        return self.commit(oid).oid if peel else oid

    def refs(self, prefix: str) -> dict[str, str]:
        try:
            return looserefs.below(self.location, prefix)
        except Odd:
            return self._full.refs(prefix)

    def swap(self, ref: str, new: str | None, expected: str | None, reason: str) -> None:
        if new is None or not self.exists(new):
            return self._full.swap(ref, new, expected, reason)
        if expected is None:
            self._make_way(ref)
        try:
            looserefs.move(self.location, ref, new, expected, reason)
        except Odd:
            self._full.swap(ref, new, expected, reason)
