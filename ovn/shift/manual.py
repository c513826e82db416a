"""The session of a work tree for checkpoints that a person takes by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn import names
from ovn.clock import rfc3339
from ovn.git.sha1 import sha1
from ovn.model import records

if TYPE_CHECKING:
    from ovn.state.store import StateStore


def manual_session(store: StateStore) -> str:
    """Return the session of this work tree for checkpoints taken by hand, made when first needed.

    It has no lease, no shift and no debt, and is never resumed. Raises NotInitialised.
    """
    name = manual_name(store.location.worktree)
    if store.view().session(name) is None:
        at = rfc3339(store.clock.now())
        created = {"kind": "manual", "worktree": store.location.worktree}
        store.record(name, records.make("session.created", created, at=at, by="person"), fold=False)
        store.record(name, records.make("session.state", {"state": "active"}, at=at, by="person"))
    return name


def manual_name(worktree: str) -> str:
    """Return ``manual``, or ``manual-<name>`` in a linked work tree, shortened where it must be."""
    if worktree == "main":
        return names.MANUAL_SESSION
    name = f"{names.MANUAL_SESSION}-{worktree}"
    if names.is_name(name):
        return name
    digest = sha1(worktree.encode()).hexdigest()[:10]
    return f"{names.MANUAL_SESSION}-{digest}"
