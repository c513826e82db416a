"""The whole state of a work tree as objects: files, index, unfinished operations. No commit, no ref.

One ``git status`` says what differs; git itself reads the changed files (filters, line ends,
encodings) into a private index that holds nothing but them; the trees are made from HEAD's by
editing. So HEAD, index, stash, branches and files stay byte for byte as they are, and the
price is that of a status plus what changed. What is not in the snapshot is said in ``omitted``.

libgit2 is no way to do this: it stores filtered files raw, drops the files outside of a
sparse checkout, refuses split indexes and fails while a file grows.
"""

from __future__ import annotations

import os
import signal
import stat
from typing import TYPE_CHECKING

from ovn.errors import CorruptObject, GitFailed, Unsettled
from ovn.frozen import dataclass
from ovn.git import filters, glance, inprogress, meta, reading, selection, status, treeedit, trees
from ovn.git import index as indexes
from ovn.git.disk import disk_errors
from ovn.git.encoding import EMPTY_TREE
from ovn.git.files import Disk
from ovn.git.locate import branch
from ovn.git.mending import set_aside_damaged
from ovn.git.paths import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ovn.git.encoding import Entry
    from ovn.git.glance import Glance
    from ovn.git.objects import ObjectStore
    from ovn.git.run import Git
    from ovn.git.treeedit import Reader
    from ovn.model.documents import Omission

TRIES = 6
"""Times that a snapshot is begun while files move, before the unsteady ones are copied aside."""

LOOKS = 20
"""Times that git is asked what differs while it dies of files that are cut short."""

LOST = "take the checkpoint again; if a staged file's content is lost, 'git add' it again first"

EMPTY_BLOB = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a work tree was. Object ids; the layer above makes commits and refs of them.

    ``index_tree``: what is staged, without unmerged paths; None where the index equals HEAD.
    ``meta_tree``: what a tree of files cannot say (``ovn.git.meta``); None where there is
    nothing of that kind. ``keeps`` are commits it names, to be parents of its commit so that gc
    leaves them. ``head`` is None on an unborn branch, ``branch`` (a full ref) when detached.
    ``paths`` are those that differ from HEAD, as text.
    """

    tree: str
    index_tree: str | None
    meta_tree: str | None
    keeps: tuple[str, ...]
    head: str | None
    branch: str | None
    operation: str | None
    omitted: tuple[Omission, ...]
    paths: tuple[str, ...]

    @property
    def changed(self) -> int:
        """How many paths differ from HEAD."""
        return len(self.paths)


def take(
    git: Git,
    objects: ObjectStore,
    *,
    max_file_bytes: int,
    max_total_bytes: int,
    trusted: bool = True,
    begun: Glance | None = None,
    meanwhile: Callable[[], object] = lambda: None,
) -> Snapshot:
    """Return a snapshot of the work tree, its objects written but not synced.

    Sizes above the caps are left out and recorded. ``trusted=False`` runs no filter that the
    repository's own configuration defines and raises NotTrusted for a changed path that needs
    one. Hold ``gc_guard`` until a ref names the result, and ``syncfs`` before. ``begun`` is
    a look that ``glance.begin`` began, not used before, with its own ``trusted``. ``meanwhile``
    is called while git reads what changed, perhaps several times; what it raises is raised.
    Raises GitFailed, NoSpace, ReadOnlyRepository, CorruptObject.
    """
    trusted = begun.trusted if begun else trusted
    guard = begun.guard if begun else filters.guard(git, trusted=trusted)
    limits = selection.Limits(max_file_bytes, max_total_bytes)
    with (
        disk_errors("cannot take a snapshot"),
        indexes.private_folder(git.location) as folder,
        Disk(git.location.tree()) as disk,
    ):
        camera = _Camera(guard, objects, disk, limits, folder, meanwhile, trusted=trusted)
        unsteady: set[bytes] = set()
        number, last = 0, ""
        while True:
            try:
                return camera.shoot(number, frozenset(unsteady), None if number else begun)
            except Unsettled as unsettled:
                if number > TRIES:
                    raise
                unsteady |= unsettled.suspects
                # the same words twice: trying again will not help, copying the file may
                number = max(number + 1, TRIES) if str(unsettled) == last else number + 1
                last = str(unsettled)


@dataclass(frozen=True, slots=True)
class _Camera:
    """One work tree, and what is true of it for every try."""

    guard: filters.Guard
    objects: ObjectStore
    disk: Disk
    limits: selection.Limits
    folder: Path
    meanwhile: Callable[[], object]
    trusted: bool

    def shoot(self, number: int, unsteady: frozenset[bytes], begun: Glance | None) -> Snapshot:
        """Return the snapshot of now; raises Unsettled when files moved meanwhile.

        After ``TRIES`` tries the unsteady files, and in the very last try all, are copied
        before they are hashed.
        """
        copied = frozenset() if number < TRIES else unsteady if number == TRIES else None
        git, objects = self.guard.git, self.objects
        index_was = begun.index if begun else glance.signature(git.location)
        found, flags = self._look(begun.asked if begun else None)
        head_tree = objects.commit(found.head).tree if found.head else None
        intents = {one.path for one in found.changed if _is_intent(objects, head_tree, one)}
        rows = status.rows(git) if flags or intents or found.unmerged else []
        listed = [row for row in rows if row.tag != "H"]
        intents |= {row.path for row in listed if _is_hidden_intent(objects, head_tree, found.staged, row)}
        chosen = self._select(found, [row for row in listed if row.tag != "M"])
        self.guard.check(chosen.store)
        self._mend(found.staged)
        edits = self._read(copied, found, listed, chosen)
        if set_aside_damaged(git.location, (one.oid for one in edits.values() if one is not None)):
            raise Unsettled("objects that were damaged, as by a power cut, were set aside to be written anew")
        index_tree, new = treeedit.edit(objects.tree, head_tree, found.staged)
        tree, more = treeedit.edit(_overlay(objects, new), index_tree, edits)
        intended = tuple(row for row in rows if row.path in intents)
        present = tuple(sorted(chosen.present))
        extra = meta.build(objects, meta.Meta(tuple(listed), intended, present, inprogress.read(git)))
        if number < TRIES and glance.signature(git.location) != index_was:
            raise Unsettled("the index was written meanwhile")
        _write(git, objects, {oid: ("tree", data) for oid, data in (new | more).items()} | extra.objects)
        return Snapshot(
            tree=tree,
            index_tree=index_tree if index_tree != (head_tree or EMPTY_TREE) else None,
            meta_tree=extra.tree,
            keeps=extra.keeps,
            head=found.head,
            branch=branch(git.location),
            operation=inprogress.operation(git.location.git_dir),
            omitted=tuple(chosen.left[path] for path in sorted(chosen.left)),
            paths=tuple(quote(change.path) for change in objects.changes(head_tree, tree)),
        )

    def _look(self, asked: status.Asked | None) -> tuple[status.Status, list[tuple[str, bytes]]]:
        """Return what differs. A file cut short under git's mapping kills git: it is asked again."""
        deaths: list[GitFailed] = []
        while len(deaths) < LOOKS:
            try:
                if asked is not None and not deaths:
                    return asked.answer()
                return status.read_with_flags(self.guard.git, into_submodules=self.trusted)
            except GitFailed as error:
                if error.facts.get("code", 0) != -signal.SIGBUS:
                    raise
                deaths.append(error)
        raise Unsettled(str(deaths[-1])) from deaths[-1]

    def _mend(self, staged: Mapping[bytes, Entry | None]) -> None:
        """Write staged blobs anew that a power cut damaged, where their files still have the content."""
        blobs = {path: entry.oid for path, entry in staged.items() if entry is not None}
        damaged = set_aside_damaged(self.guard.git.location, set(blobs.values()))
        for path, oid in blobs.items():
            found = self.disk.lstat(path) if oid in damaged else None
            if found is not None and stat.S_ISREG(found.st_mode):  # else, as if it fails, ``verify`` says it
                self.guard.git.run("hash-object", "-w", b"--path=" + path, "--", path, ok=(0, 1, 128))

    def _select(self, found: status.Status, flagged: list[status.Listed]) -> selection.Selection:
        unseen: list[bytes] = []
        if not self.trusted:
            listing = self.guard.git.run("ls-files", "-s", "-v", "-z").out
            unseen = [row.path for row in status.parse_rows(listing) if row.entry.kind == "commit"]
        return selection.select(self.disk, found, flagged, self.limits, unseen)

    def _read(
        self,
        copied: frozenset[bytes] | None,
        found: status.Status,
        listed: list[status.Listed],
        chosen: selection.Selection,
    ) -> dict[bytes, Entry | None]:
        """Return what becomes of the index's tree: paths gone, and paths with their new content."""
        room = self.folder / os.urandom(4).hex()
        room.mkdir()
        edits: dict[bytes, Entry | None] = dict.fromkeys(chosen.drop)
        known = reading.known(found, listed)
        reader = reading.Reader(self.guard.git, room, self.disk, chosen, known, self.meanwhile)
        edits |= reader.read(copied)
        for path in chosen.left.keys() & found.unmerged.keys():
            edits[path] = reading.pick(found.unmerged[path])
        return edits


def _is_intent(objects: ObjectStore, head_tree: str | None, one: status.Changed) -> bool:
    """Return whether a path was added by ``git add -N`` only.

    When its file is gone, git's status looks as for an empty file of HEAD: there HEAD is asked.
    """
    if one.staged or not one.deleted or one.index is None or one.index.oid != EMPTY_BLOB:
        return one.intent
    return not _has_file(objects, head_tree, one.path)


def _is_hidden_intent(
    objects: ObjectStore, head_tree: str | None, staged: Mapping[bytes, Entry | None], row: status.Listed
) -> bool:
    """Return whether a flagged row is one of ``git add -N``: git's status is silent about it."""
    if row.tag == "M" or row.entry.oid != EMPTY_BLOB:
        return False
    if row.path in staged:
        return staged[row.path] is None
    return not _has_file(objects, head_tree, row.path)


def _has_file(objects: ObjectStore, tree: str | None, path: bytes) -> bool:
    entry = objects.find(tree, quote(path)) if tree is not None else None
    return entry is not None and entry.kind != "tree"


def _overlay(objects: ObjectStore, new: dict[str, bytes]) -> Reader:
    """Return a reader that knows the trees that are not written yet."""
    return lambda oid: new[oid] if oid in new else objects.tree(oid)


def _write(git: Git, objects: ObjectStore, new: dict[str, tuple[str, bytes]]) -> None:
    """Store objects loose and unsynced, since the caller syncs all at once."""
    set_aside_damaged(git.location, new)
    objects.write_loose([row for oid, row in new.items() if not objects.exists(oid)])


def verify(objects: ObjectStore, commit: str, head: str | None) -> None:
    """Raise CorruptObject unless everything that a snapshot commit has and HEAD has not is there.

    Its trees and blobs are looked for; so are those of its parents other than HEAD (index and
    meta). ``git prune`` by hand takes no lock: this is what notices it.
    """
    info = objects.commit(commit)
    base = objects.commit(head).tree if head else None
    lost = "the snapshot '{}' has lost '{}'"
    for tree in [info.tree, *(objects.commit(parent).tree for parent in info.parents if parent != head)]:
        for path, oid in trees.added(objects.tree, base, tree):
            if not objects.exists(oid):
                raise CorruptObject(lost.format(commit, quote(path) or "/"), hint=LOST)
