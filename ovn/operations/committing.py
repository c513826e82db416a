"""A work commit by git ovn: the user's hooks, identity and signing, and a way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn import checkpoints, names
from ovn.clock import rfc3339
from ovn.crash import crash_point
from ovn.errors import OvnError
from ovn.frozen import replace
from ovn.git import trailers, worktrees
from ovn.git.gc import gc_guard
from ovn.git.locks import operation_lock
from ovn.git.run import Git
from ovn.model import records
from ovn.operations.transaction import begin, place, recover, write

if TYPE_CHECKING:
    from ovn.git.snapshot import Snapshot
    from ovn.operations.transaction import Order
    from ovn.state.store import StateStore


def commit_work(store: StateStore, order: Order, message: str, *, timeout: float = 600) -> str | None:
    """Commit everything but ignored files as the user would; return the commit, None for nothing.

    Session and feature of ``order`` become trailers. Raises CommitRefused with the hook's words
    (never bypassed), GitTimeout, OperationInProgress; then index and branch are as before.
    """
    with operation_lock(store.location) as cut_short, gc_guard(store.location):
        if cut_short:
            recover(store, order.by, order.limits)
        shot = checkpoints.look(store, order.limits)
        if not shot.changed and shot.index_tree is None:
            return None
        return _commit(store, order, shot, _signed(order, message), timeout)


def _commit(store: StateStore, order: Order, shot: Snapshot, message: str, timeout: float) -> str | None:
    operation, _ = begin(store, order, shot, head=shot.head)
    crash_point("commit.before")
    try:
        commit = worktrees.commit_all(
            Git(store.location), store.objects, shot, message, env=_environment(order), timeout=timeout
        )
    except OvnError:
        write(store, replace(operation, state="reversed", after=None), order.by)
        raise
    crash_point("commit.after")
    if commit is not None and not _known(store, order.session, commit):
        data = {"commit": commit, "kind": "own", "feature": order.feature, "subject": message.splitlines()[0]}
        at = rfc3339(store.clock.now())
        store.record(
            order.session, records.make("commit", data, at=at, by=order.by), generation=order.generation
        )
    after = checkpoints.look(store, order.limits)
    write(store, replace(operation, state="done", after=place(after)), order.by)
    return commit


def _known(store: StateStore, session: str, commit: str) -> bool:
    """Tell whether the post-commit hook has recorded the commit already."""
    found = store.view().session(session)
    return found is not None and any(work.commit == commit for work in found.commits)


def _signed(order: Order, message: str) -> str:
    told = [(names.TRAILER_SESSION, order.session), (names.TRAILER_FEATURE, order.feature)]
    return trailers.add(message, [(key, value) for key, value in told if value])


def _environment(order: Order) -> dict[str, str]:
    """Return what tells the hooks whose act this is; nothing for a person's session."""
    return {names.ENV_SESSION: order.session} if order.by != "person" else {}
