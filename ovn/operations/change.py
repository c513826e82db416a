"""What an operation changes: files, and where asked index and branch. Planned whole before it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn import host
from ovn.errors import Conflict
from ovn.frozen import replace
from ovn.git import restore, treeedit, worktrees, writing
from ovn.git.encoding import EMPTY_TREE
from ovn.git.paths import quote
from ovn.git.restore import Target
from ovn.git.run import Git

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from ovn.git.objects import Entry
    from ovn.git.snapshot import Snapshot
    from ovn.model.documents import Checkpoint
    from ovn.state.store import StateStore

STAYS = "stays"
"""As ``head`` of a change: the branch does not move. (None would be: back to unborn.)"""


MOVED = "git ovn: moved by an operation"
"""The reason in the reflog."""


class Change:
    """From the work tree as ``shot`` saw it to ``target``; the plan is made here, nothing is written."""

    def __init__(
        self,
        store: StateStore,
        shot: Snapshot,
        target: Target,
        *,
        paths: Iterable[str] = (),
        with_index: bool = True,
        head: str | None = STAYS,
        trusted: bool = True,
    ) -> None:
        self._store = store
        self._git = Git(store.location)
        self._shot = shot
        self._trusted = trusted
        self.head = shot.head if head == STAYS else head
        self.plan = restore.plan(self._git, store.objects, target, shot, paths=paths, with_index=with_index)

    def describe(self) -> dict[str, object]:
        """Return what ``--dry-run`` prints: paths created, written and deleted, the branch's move, losses."""
        new = [path for path in self.plan.writes if self.plan.seen.get(path) is None]
        return {
            "creates": [quote(path) for path in sorted(new)],
            "writes": [quote(path) for path in sorted(set(self.plan.writes) - set(new))],
            "deletes": [quote(path) for path in self.plan.deletes],
            "kept": [quote(path) for path in sorted(self.plan.kept)],
            "head": self.head if self.head != self._shot.head else None,
            "would_lose": [{"path": loss.path, "why": loss.why} for loss in self.plan.would_lose],
        }

    @property
    def lost(self) -> tuple[restore.Loss, ...]:
        """What would be overwritten or deleted and is held nowhere else."""
        return self.plan.would_lose

    def set_aside(self, folder: Path) -> None:
        """Move what would be lost into ``folder``, under its own path."""
        writing.set_aside(self._git, self.plan, folder)

    def apply(self) -> None:
        """Change files, then index, then branch, and sync it all. Raises; then a part may be done."""
        writing.apply(self._git, self._store.objects, self.plan, trusted=self._trusted)
        self._move(self._shot.head, self.head)
        host.sync_filesystem(self._store.location.tree())
        host.sync_filesystem(self._store.location.git_dir)

    def _move(self, old: str | None, new: str | None) -> None:
        """Move the user's branch by git, which lives on when this process is killed.

        Its lock would stay behind, and stop the user's own git for good.
        """
        if old == new:
            return
        if old and new:
            worktrees.move_branch(self._git, new, old, MOVED)
        else:
            self._store.objects.update_ref(self._shot.branch or "HEAD", new, old, MOVED)

    def differences(self, after: Snapshot) -> list[str]:
        """Return what is not as planned in a snapshot taken afterwards."""
        wrong = restore.differences(self._git, self._store.objects, self.plan, after)
        return wrong if after.head == self.head else ["HEAD", *wrong]


def target_of(store: StateStore, checkpoint: Checkpoint) -> Target:
    """Return a checkpoint as something to bring back."""

    def tree(commit: str | None) -> str | None:
        return store.objects.commit(commit).tree if commit else None

    return Target(
        tree=checkpoint.tree,
        index_tree=tree(checkpoint.index),
        meta_tree=tree(checkpoint.meta),
        head=checkpoint.head,
        omitted=checkpoint.omitted,
    )


def moved_on(store: StateStore, shot: Snapshot, head: str, *, what: str, trusted: bool) -> Change:
    """Return the change from HEAD to the commit ``head``; all that is uncommitted elsewhere stays.

    Raises Conflict where uncommitted changes are in the way; ``what`` names the act.
    """
    rows = {change.path: change.new for change in store.objects.changes(shot.head or EMPTY_TREE, head)}
    busy = sorted(set(map(quote, rows)) & set(shot.paths))
    if busy:
        raise Conflict(
            f"uncommitted changes of '{busy[0]}' are in the way of {what}",
            hint="commit them, or keep them with 'git ovn checkpoint' and restore the file first",
            paths=busy,
        )
    now = Target.of(shot)
    index = _edited(store, now.index(store.objects), rows)
    target = replace(now, tree=_edited(store, shot.tree, rows), index_tree=index, head=head)
    return Change(store, shot, target, head=head, trusted=trusted)


def _edited(store: StateStore, tree: str, rows: Mapping[bytes, Entry | None]) -> str:
    """Return the tree with these rows put in, taken out or replaced; its objects are stored."""
    new, trees = treeedit.edit(store.objects.tree, tree, rows)
    for data in trees.values():
        store.objects.write("tree", data)
    return new
