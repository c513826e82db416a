"""One operation as a transaction: safety checkpoint, intent, change, comparison, end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn import checkpoints, names
from ovn.clock import parse_rfc3339, rfc3339
from ovn.crash import crash_point
from ovn.errors import CorruptObject, OvnError, WouldLose
from ovn.frozen import dataclass, replace
from ovn.git import index as indexes
from ovn.git.gc import gc_guard
from ovn.git.locks import operation_lock
from ovn.git.restore import Target
from ovn.model import codec, records
from ovn.model.documents import Operation, Place
from ovn.operations import ledger
from ovn.operations.change import Change, target_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ovn.git.snapshot import Snapshot
    from ovn.model.documents import Checkpoint
    from ovn.state.store import StateStore


@dataclass(frozen=True, slots=True)
class Order:
    """Who wants which operation, and how far it may go."""

    verb: str
    session: str
    by: str = "person"
    target: str | None = None
    feature: str | None = None
    paths: tuple[str, ...] = ()
    undoes: str | None = None
    commits: tuple[str, ...] = ()
    force: bool = False
    dry_run: bool = False
    generation: int | None = None
    limits: checkpoints.Limits = checkpoints.Limits()

    def only(self, paths: tuple[str, ...]) -> Order:
        """Return the order for these paths only (none: all)."""
        return replace(self, paths=paths)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened, or in a dry run would; then ``operation`` and ``safety`` are None."""

    description: dict[str, object]
    operation: Operation | None = None
    safety: Checkpoint | None = None


def carry_out(store: StateStore, order: Order, plan: Callable[[Snapshot], Change]) -> Outcome:
    """Carry out what ``plan`` makes of the work tree as it is now.

    Raises WouldLose before anything is written; after an error on the way the work tree, the
    index and the branch are put back and the error is raised.
    """
    with operation_lock(store.location) as cut_short, gc_guard(store.location):
        if cut_short:
            recover(store, order.by, order.limits)
        shot = checkpoints.look(store, order.limits)
        change = plan(shot)
        if order.dry_run:
            return Outcome(change.describe())
        if change.lost and not order.force:
            raise _refusal(order.verb, change)
        return _transact(store, order, shot, change)


def _refusal(verb: str, change: Change) -> WouldLose:
    first, more = change.lost[0], len(change.lost) - 1
    others = f" (and {more} more)" if more else ""
    lost = [{"path": loss.path, "why": loss.why} for loss in change.lost]
    return WouldLose(f"{verb} would lose '{first.path}': {first.why}{others}", would_lose=lost)


def _transact(store: StateStore, order: Order, shot: Snapshot, change: Change) -> Outcome:
    operation, safety = begin(store, order, shot, head=change.head, loses=bool(change.lost))
    crash_point("operation.after_intent")
    try:
        if change.lost:
            change.set_aside(_aside(store, operation))
        change.apply()
        crash_point("operation.after_branch")
        after = checkpoints.look(store, order.limits)
        wrong = change.differences(after)
        if wrong:
            raise CorruptObject(f"{order.verb} left {len(wrong)} paths wrong, first '{wrong[0]}'")
    except (OvnError, OSError):
        _reverse(store, operation, order)
        raise
    done = replace(operation, state="done", after=place(after), commits=order.commits)
    write(store, done, order.by)
    if order.undoes:
        _mark_undone(store, order.undoes, done.id, order.by)
    return Outcome(change.describe(), done, safety)


def begin(
    store: StateStore, order: Order, shot: Snapshot, *, head: str | None, loses: bool = False
) -> tuple[Operation, Checkpoint]:
    """Take the safety checkpoint and record the intent; return both. ``head`` is where HEAD will be."""
    request = checkpoints.Request(order.session, kind="safety", text=f"before {order.verb}", by=order.by)
    safety = checkpoints.keep(store, request, shot, generation=order.generation).checkpoint
    now = store.clock.now()
    identity = names.new_id(now)
    operation = Operation(
        version=1,
        id=identity,
        verb=order.verb,
        state="open",
        at=rfc3339(now),
        session=order.session,
        worktree=store.location.worktree,
        before=replace(place(shot), checkpoint=safety.id),
        after=Place(head=head, branch=shot.branch),
        target=order.target,
        feature=order.feature,
        paths=order.paths,
        undoes=order.undoes,
        aside=f"{names.LOCAL_FOLDER}/aside/{identity}" if loses else None,
    )
    return write(store, operation, order.by), safety


def recover(
    store: StateStore, by: str = "person", limits: checkpoints.Limits | None = None
) -> list[Operation]:
    """Reverse each operation of this work tree that died half way; return what became of them.

    A fresh safety checkpoint comes first, so work done since then is kept too. A commit that
    was made is done. Where the branch was moved by somebody else meanwhile nothing is touched:
    the operation is ``abandoned``, and its safety checkpoint still holds how all was before.
    """
    with operation_lock(store.location), gc_guard(store.location):
        order = Order("recover", "", by=by, limits=limits or checkpoints.Limits())
        unfinished = ledger.unfinished(store, store.location.worktree)
        for one in unfinished:
            if one.verb == "commit":
                indexes.break_lock(store.location, parse_rfc3339(one.at).timestamp())
        return [_reverse(store, one, order) for one in unfinished]


def _reverse(store: StateStore, operation: Operation, order: Order) -> Operation:
    shot = checkpoints.look(store, order.limits)
    if _committed(store, operation, shot):
        return write(store, replace(operation, state="done", after=place(shot)), order.by)
    before = _safety(store, operation)
    expected = {operation.before.head, operation.after.head if operation.after else None}
    if before is None or shot.head not in expected or shot.branch != operation.before.branch:
        return write(store, replace(operation, state="abandoned"), order.by)
    target = target_of(store, before)
    if Target.of(shot) != target:
        _bring_back(store, operation, order, shot, target)
    return write(store, replace(operation, state="reversed", after=None), order.by)


def _bring_back(
    store: StateStore, operation: Operation, order: Order, shot: Snapshot, target: Target
) -> None:
    text = f"before reversing {operation.id}"
    request = checkpoints.Request(operation.session, kind="safety", text=text, by=order.by)
    checkpoints.keep(store, request, shot)
    change = Change(store, shot, target, head=operation.before.head, trusted=order.limits.trusted)
    if change.lost:
        change.set_aside(_aside(store, operation))
    change.apply()


def _committed(store: StateStore, operation: Operation, shot: Snapshot) -> bool:
    """Tell whether a commit that died unrecorded was made: HEAD is one beyond where it began."""
    if operation.verb != "commit" or shot.head is None or shot.head == operation.before.head:
        return False
    return (
        list(store.objects.commit(shot.head).parents)
        == [operation.before.head or ""][: bool(operation.before.head)]
    )


def _safety(store: StateStore, operation: Operation) -> Checkpoint | None:
    known = checkpoints.found(store, operation.session)
    return next((one for one in known if one.id == operation.before.checkpoint), None)


def _aside(store: StateStore, operation: Operation) -> Path:
    return store.location.local / "aside" / operation.id


def place(shot: Snapshot) -> Place:
    """Return where a work tree stood when it was looked at."""
    return Place(head=shot.head, branch=shot.branch, tree=shot.tree)


def _mark_undone(store: StateStore, undone: str, by_operation: str, by: str) -> None:
    one = store.view().operation(undone)
    if one is not None:
        write(store, replace(one, undone_by=by_operation), by)


def write(store: StateStore, operation: Operation, by: str) -> Operation:
    """Record what an operation is now; return it. An intent waits for the next fold."""
    at = rfc3339(store.clock.now())
    store.record(
        operation.session,
        records.make("operation", codec.encode(operation), at=at, by=by),
        fold=operation.state != "open",
    )
    return operation
