"""From the work tree as it is to a snapshot: first a plan that loses nothing, then its effects elsewhere.

The plan is made of two trees, the safety snapshot's and the target's, and of what lies on disk
where the target wants to write. It never touches what is ignored, what the target had left
out, a submodule's own files, or what a sparse checkout does not have on disk. Content that is
in neither the safety snapshot nor HEAD is named in ``would_lose`` before anything is written.
``ovn.git.writing`` carries a plan out.
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from ovn.errors import NotFound
from ovn.frozen import dataclass, field
from ovn.git import meta, selection
from ovn.git.disk import disk_errors
from ovn.git.encoding import EMPTY_TREE, SYMLINK, object_id
from ovn.git.files import Disk
from ovn.git.paths import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ovn.git.encoding import Entry
    from ovn.git.objects import Change, ObjectStore
    from ovn.git.run import Git
    from ovn.git.snapshot import Snapshot
    from ovn.model.documents import Omission

IN_THE_WAY = "git ignores it or does not know it, and it is in the way"


@dataclass(frozen=True, slots=True)
class Target:
    """The state to bring back: as in a Snapshot; ``head`` says what the index was where it equalled HEAD."""

    tree: str
    index_tree: str | None = None
    meta_tree: str | None = None
    head: str | None = None
    omitted: tuple[Omission, ...] = ()

    @classmethod
    def of(cls, snapshot: Snapshot) -> Target:
        """Return the target that a snapshot is."""
        return cls(snapshot.tree, snapshot.index_tree, snapshot.meta_tree, snapshot.head, snapshot.omitted)

    def index(self, objects: ObjectStore) -> str:
        """Return the tree of the index, without what is unmerged."""
        if self.index_tree is not None:
            return self.index_tree
        return objects.commit(self.head).tree if self.head else EMPTY_TREE


@dataclass(frozen=True, slots=True)
class Loss:
    """A path (text) whose content would be lost, and why nothing else holds it."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do. Paths are bytes.

    ``seen`` is how each file to replace or delete looked to the planner. ``folders`` are to be
    there, empty, for submodules that nothing is checked out of. ``kept`` are paths that stay
    as they are although the target has them otherwise: left out of either side, a submodule's,
    or outside of a sparse checkout.
    """

    target: Target
    writes: Mapping[bytes, Entry]
    deletes: tuple[bytes, ...]
    folders: tuple[bytes, ...]
    would_lose: tuple[Loss, ...]
    kept: frozenset[bytes]
    paths: tuple[bytes, ...]
    with_index: bool
    seen: Mapping[bytes, tuple[int, ...] | None] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether no file is to be written or deleted."""
        return not (self.writes or self.deletes)

    def concerns(self, path: bytes) -> bool:
        """Return whether a path is one of those asked for."""
        return in_scope(path, self.paths)


def in_scope(path: bytes, paths: Sequence[bytes]) -> bool:
    """Return whether ``path`` is one of ``paths`` or lies below one; none means all."""
    return not paths or any(path == one or path.startswith(one + b"/") or one == b"" for one in paths)


def plan(
    git: Git,
    objects: ObjectStore,
    target: Target,
    safety: Snapshot,
    *,
    paths: Iterable[str] = (),
    with_index: bool,
) -> Plan:
    """Return what brings the work tree from ``safety`` (just taken of it) to ``target``.

    ``paths`` (as ``paths.quote`` writes them, relative to the top) are files or folders; none
    means all. ``with_index`` also brings back index and operation in progress. Writes nothing.
    Raises NotFound for a path that neither side has, CorruptObject for a missing tree.
    """
    wanted = tuple(unquote(path).strip(b"/") for path in paths)
    wanted = () if b"" in wanted or b"." in wanted else wanted
    with disk_errors("cannot look at the work tree"), Disk(git.location.tree()) as disk:
        draft = _Draft(git, objects, disk, target, safety, wanted, with_index)
        draft.collect()
        return Plan(
            target=target,
            writes=draft.writes,
            deletes=tuple(sorted(draft.deletes)),
            folders=tuple(sorted(draft.folders)),
            would_lose=tuple(Loss(quote(path), draft.losses[path]) for path in sorted(draft.losses)),
            kept=frozenset(draft.kept),
            paths=wanted,
            with_index=with_index,
            seen={path: look(disk, path) for path in [*draft.writes, *draft.deletes]},
        )


def look(disk: Disk, path: bytes) -> tuple[int, ...] | None:
    """Return what changes whenever somebody writes or replaces the file; None when there is none."""
    found = disk.lstat(path)
    return (found.st_ino, found.st_mode, found.st_size, found.st_ctime_ns) if found is not None else None


@dataclass(slots=True)
class _Draft:
    """A plan in the making."""

    git: Git
    objects: ObjectStore
    disk: Disk
    target: Target
    safety: Snapshot
    paths: tuple[bytes, ...]
    with_index: bool
    writes: dict[bytes, Entry] = field(default_factory=dict)
    deletes: set[bytes] = field(default_factory=set)
    folders: set[bytes] = field(default_factory=set)
    losses: dict[bytes, str] = field(default_factory=dict)
    kept: set[bytes] = field(default_factory=set)
    away: set[bytes] = field(init=False)
    """Paths that shall not be on disk: a sparse checkout's, by the flags that the index will have."""
    wanting: set[bytes] = field(init=False)
    """Paths that are not on disk, by their flags, and shall be."""
    surplus: set[bytes] = field(init=False)
    """Paths that shall not be on disk any more."""
    left_now: dict[bytes, str] = field(init=False)
    left_then: dict[bytes, str] = field(init=False)

    def __post_init__(self) -> None:
        now = meta.parse(self.objects, self.safety.meta_tree)
        then = meta.parse(self.objects, self.target.meta_tree)
        self.away = then.absent if self.with_index else now.absent - set(then.present)
        self.wanting = now.absent - self.away
        self.surplus = self.away - now.absent
        self.left_now = omitted(self.safety.omitted)
        self.left_then = omitted(self.target.omitted)

    def collect(self) -> None:
        """Find what to write, delete and lose."""
        changes = self.objects.changes(self.safety.tree, self.target.tree)
        self._refuse_unknown(changes)
        changes = [change for change in changes if in_scope(change.path, self.paths)]
        self.deletes = {change.path for change in changes if self._deletes(change)}
        self.deletes |= {path for path in self.surplus if self._is_here(path)}
        for path in self.deletes & self.left_now.keys():
            self.losses[path] = self.left_now[path]
        for change in changes:
            if change.new is not None:
                self._write(change.path, change.new)
        for path in (self.left_now.keys() | self.wanting) - {change.path for change in changes}:
            if in_scope(path, self.paths):
                self._bring_back(path)

    def _is_here(self, path: bytes) -> bool:
        return in_scope(path, self.paths) and self.disk.lstat(path) is not None

    def _refuse_unknown(self, changes: list[Change]) -> None:
        for wanted in self.paths:
            if any(in_scope(change.path, (wanted,)) for change in changes):
                continue
            trees = (self.target.tree, self.safety.tree)
            if all(self.objects.find(tree, quote(wanted)) is None for tree in trees):
                raise NotFound(f"neither the checkpoint nor the work tree has '{quote(wanted)}'")

    def _deletes(self, change: Change) -> bool:
        if change.old is None:
            return False
        if self._stays(change.path) or (change.old.kind == "commit" and change.new is None):
            self.kept.add(change.path)
            return False
        return change.new is None or (change.new.kind == "commit" and change.old.kind != "commit")

    def _stays(self, path: bytes) -> bool:
        """Return whether a path is none of ours: left out of the target, or off the disk by choice."""
        if path in self.away:
            return True
        at = len(path)
        while at != -1:
            if path[:at] in self.left_then:
                return True
            at = path.rfind(b"/", 0, at)
        return False

    def _write(self, path: bytes, entry: Entry) -> None:
        if self._stays(path) or entry.kind == "commit":
            self.kept.add(path)
            if entry.kind == "commit" and (path in self.deletes or self.disk.lstat(path) is None):
                self.folders.add(path)
            return
        self.writes[path] = entry
        if path in self.left_now:
            self._lose(path, self.left_now[path])
        else:
            self._look_in_the_way(path)

    def _look_in_the_way(self, path: bytes) -> None:
        """Find what is on disk where a file goes and is not in the safety snapshot."""
        blocking = self.disk.obstacle(path)
        if blocking is not None:
            if blocking not in self.deletes:
                self._lose(blocking, self.left_now.get(blocking, IN_THE_WAY))
                self.deletes.add(blocking)
            return
        found = self.disk.lstat(path)
        if found is None:
            return
        if stat.S_ISDIR(found.st_mode):
            for inner in (one.rstrip(b"/") for one in self.disk.below(path)):
                if inner not in self.deletes:
                    self._lose(inner, self.left_now.get(inner, IN_THE_WAY))
                    self.deletes.add(inner)
        elif self.objects.find(self.safety.tree, quote(path)) is None:
            self._lose(path, IN_THE_WAY)

    def _bring_back(self, path: bytes) -> None:
        """Write what the target holds of a path whose content is in neither tree as it is now."""
        entry = self.objects.find(self.target.tree, quote(path))
        if entry is not None and entry.kind == "blob":
            self._write(path, entry)
        elif entry is None and path in self.left_now and not self._stays(path):
            self.kept.add(path)  # made since, and held by nothing: it is not ours to delete

    def _lose(self, path: bytes, why: str) -> None:
        """Note a loss, unless what lies there is what HEAD or the target has there."""
        now = self._on_disk(path)
        wanted = self.writes.get(path)
        if now is not None and wanted is not None and now == wanted.oid and path in self.left_now:
            del self.writes[path]
            return
        held = [wanted.oid] if wanted is not None else []
        if self.safety.head is not None and (entry := self.objects.find(self.safety.head, quote(path))):
            held.append(entry.oid)
        if now not in held:
            self.losses[path] = why

    def _on_disk(self, path: bytes) -> str | None:
        """Return the id that git would give to the file or symlink there; None for anything else."""
        found = self.disk.lstat(path)
        if found is None:
            return None
        if stat.S_ISLNK(found.st_mode):
            return object_id("blob", self.disk.readlink(path))
        if not stat.S_ISREG(found.st_mode) or not self.disk.readable(path):
            return None
        return self.git.run("hash-object", b"--path=" + path, "--", path).text


def omitted(omissions: Iterable[Omission]) -> dict[bytes, str]:
    """Return the left-out paths (folders without their last ``/``) and why; not submodules'.

    Of a submodule the snapshot holds the commit; its files are never touched anyway.
    """
    skipped = (selection.DIRTY, selection.UNSEEN)
    return {unquote(one.path).rstrip(b"/"): one.why for one in omissions if one.why not in skipped}


def differences(git: Git, objects: ObjectStore, done: Plan, after: Snapshot) -> list[str]:
    """Return what is not as the plan wants it, in a snapshot taken afterwards; paths as text.

    A file that holds exactly what git writes for the target's blob is right even where its
    clean filter makes another blob of it (line ends that were never normalised).
    """
    with Disk(git.location.tree()) as disk:
        wrong = [
            quote(change.path)
            for change in objects.changes(after.tree, done.target.tree)
            if done.concerns(change.path)
            and change.path not in done.kept
            and not _is_right(git, disk, done, change)
        ]
    return wrong + (_index_differences(objects, done.target, after) if done.with_index else [])


def _is_right(git: Git, disk: Disk, done: Plan, change: Change) -> bool:
    """Return whether a path on which the snapshots differ is as planned all the same.

    What was ignored before and is not under the target's rules stays, though the target lacks it.
    """
    if change.new is None:
        return change.path not in done.deletes
    found = disk.lstat(change.path)
    if found is None or change.new.kind != "blob":
        return False
    if stat.S_ISLNK(found.st_mode):
        oid = object_id("blob", disk.readlink(change.path))
        return change.new.mode == SYMLINK and oid == change.new.oid
    if not stat.S_ISREG(found.st_mode) or change.new.mode == SYMLINK:
        return False
    same_mode = _executable(found.st_mode) == _executable(change.new.mode)
    return same_mode and _holds(git, disk, change.path, change.new)


def _executable(mode: int) -> bool:
    return bool(mode & stat.S_IXUSR)


def _holds(git: Git, disk: Disk, path: bytes, entry: Entry) -> bool:
    written = git.run("cat-file", "--filters", b"--path=" + path, entry.oid).out
    try:
        with open(disk.open(path), "rb") as file:  # noqa: PTH123  a descriptor
            return file.read(len(written) + 1) == written
    except OSError:  # gone meanwhile, so not as planned
        return False


def _index_differences(objects: ObjectStore, target: Target, after: Snapshot) -> list[str]:
    changes = objects.changes(Target.of(after).index(objects), target.index(objects))
    wrong = [f"index:{quote(change.path)}" for change in changes]
    was, now = meta.parse(objects, target.meta_tree), meta.parse(objects, after.meta_tree)
    odd = {row.path for row in {*was.rows, *was.intents} ^ {*now.rows, *now.intents}}
    wrong += [f"index:{quote(path)}" for path in sorted(odd)]
    if dict(was.unfinished.files) != dict(now.unfinished.files):
        wrong.append("operation in progress")
    return wrong
