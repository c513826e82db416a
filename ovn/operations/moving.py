"""Restore, rollback and undo: files, and where asked index and branch, to a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn import checkpoints
from ovn.errors import Diverged, NotFound, Refused
from ovn.frozen import replace
from ovn.git import history, worktrees
from ovn.git.locate import MAIN
from ovn.git.run import Git
from ovn.operations import ledger
from ovn.operations.change import Change, target_of
from ovn.operations.transaction import Order, Outcome, carry_out

if TYPE_CHECKING:
    from ovn.git.snapshot import Snapshot
    from ovn.model.documents import Checkpoint, Operation
    from ovn.state.store import StateStore


def restore(store: StateStore, order: Order, target: Checkpoint) -> Outcome:
    """Bring back the files of ``target``, or those below ``order.paths``; HEAD, index and branch stay.

    Raises WouldLose, Locked, NotTrusted; whatever it raises, everything is as before.
    """

    def plan(shot: Snapshot) -> Change:
        return Change(
            store,
            shot,
            target_of(store, target),
            paths=order.paths,
            with_index=False,
            trusted=order.limits.trusted,
        )

    return carry_out(store, order, plan)


def rollback(store: StateStore, order: Order, target: Checkpoint) -> Outcome:
    """Bring back files, index and branch of ``target``.

    The branch moves back only over commits that no remote-tracking branch has; commits that
    others may have are inverted by new ones. Raises Diverged when another branch is checked
    out, Refused when this one is checked out in another work tree too, and what ``restore`` raises.
    """
    return carry_out(store, order, lambda shot: _roll_back(store, order, shot, target))


def undo(store: StateStore, order: Order, operation: str | None) -> Outcome:
    """Take back an operation (default: the last of this work tree); an undo can be undone.

    Raises Diverged when files or branch moved since, unless ``order.force``.
    """
    worktree = store.location.worktree
    undone = ledger.to_undo(ledger.operations(store), operation, worktree)
    before = _checkpoint_before(store, undone)

    def plan(shot: Snapshot) -> Change:
        if not order.force:
            _must_be_where_it_left(undone, shot)
        return _roll_back(store, order, shot, before)

    return carry_out(store, _undoing(order, undone), plan)


def _checkpoint_before(store: StateStore, operation: Operation) -> Checkpoint:
    held = operation.before.checkpoint
    for one in checkpoints.found(store, operation.session):
        if one.id == held:
            return one
    raise NotFound(f"the safety checkpoint {held!r} of operation {operation.id!r} is gone")


def _undoing(order: Order, undone: Operation) -> Order:
    return replace(order, undoes=undone.id, target=undone.before.checkpoint)


def _must_be_where_it_left(operation: Operation, shot: Snapshot) -> None:
    after = operation.after
    if after is None or (after.head, after.branch, after.tree) == (shot.head, shot.branch, shot.tree):
        return
    what = "the branch" if (after.head, after.branch) != (shot.head, shot.branch) else "files"
    raise Diverged(f"{what} moved since operation {operation.id!r} ({operation.verb})")


def _roll_back(store: StateStore, order: Order, shot: Snapshot, target: Checkpoint) -> Change:
    """Return the move of files, index and branch back to ``target``."""
    if shot.branch != target.branch:
        name = (target.branch or "a detached HEAD").removeprefix("refs/heads/")
        raise Diverged(
            f"checkpoint {target.id!r} was taken on {name!r}, which is not checked out",
            hint=f"switch to it first, or bring back files only with 'git ovn restore {target.id}'",
        )
    head = target.head
    if shot.head and head and head != shot.head and history.published(store.objects, head, shot.head):
        head = history.inverse_of_range(Git(store.location), store.objects, head, shot.head)
    if head != shot.head and not order.force:
        _must_be_checked_out_here_alone(store, shot)
    return Change(store, shot, target_of(store, target), head=head, trusted=order.limits.trusted)


def _must_be_checked_out_here_alone(store: StateStore, shot: Snapshot) -> None:
    """Raise Refused where another work tree is on the branch too: all its files would count as changed."""
    if not shot.branch:
        return
    main, *others = worktrees.linked(Git(store.location))
    if store.location.worktree != MAIN:  # the main one may have its files anywhere: told by being first
        others = [main, *(one for one in others if one.path.resolve() != store.location.tree().resolve())]
    for other in others:
        if other.branch == shot.branch and not other.gone:
            raise Refused(
                f"'{shot.branch.removeprefix('refs/heads/')}' is checked out in '{other.path}' too",
                hint="switch to another branch there, or use --force",
            )
