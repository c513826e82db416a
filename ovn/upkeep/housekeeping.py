"""``git ovn gc``. Fewer checkpoints, fewer packs, nothing that a person would miss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn import checkpoints
from ovn.frozen import dataclass
from ovn.git import gc, index, locks
from ovn.git.run import Git
from ovn.operations import operations

if TYPE_CHECKING:
    from ovn.model.documents import Checkpoint
    from ovn.state.store import StateStore

UNDOABLE = 20
"""The last operations of each work tree keep their safety checkpoints, so that undo works."""


@dataclass(frozen=True, slots=True)
class Housekeeping:
    """What was done, or would be: checkpoints forgotten and kept, packs joined, leftovers removed."""

    forgotten: tuple[Checkpoint, ...]
    kept: int
    packs: int
    leftovers: tuple[str, ...]


def plan(store: StateStore, *, keep: int) -> tuple[list[Checkpoint], int]:
    """Return the checkpoints that may go, and how many stay. Writes nothing."""
    known = checkpoints.found(store)
    gone = checkpoints.thin(known, keep=keep, protect=_needed(store))
    return gone, len(known) - len(gone)


def tidy_up(store: StateStore, *, keep: int) -> Housekeeping:
    """Fold what waits, thin the checkpoints, join our packs, pack refs, sweep what the dead left.

    git's own ``gc`` removes the objects of forgotten checkpoints when it next runs.
    """
    store.fold()
    gone, kept = plan(store, keep=keep)
    checkpoints.forget(store, gone)
    packs = gc.rollup(store.location)
    locks.tidy(store.location)
    leftovers = index.sweep(store.location)
    Git(store.location).run("pack-refs", "--all")
    return Housekeeping(tuple(gone), kept, packs, tuple(leftovers))


def _needed(store: StateStore) -> set[str]:
    """Return the ids that a session stands on, or that the last operations go back to."""
    view = store.view()
    standing = {one.checkpoint for one in view.sessions().values() if one.checkpoint}
    undoable = [one for one in operations(store) if not one.undone_by][-UNDOABLE:]
    return standing | {one.before.checkpoint for one in undoable if one.before.checkpoint}
