"""What was done: the operation documents, and which of them ``undo`` means. Pure but for reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn.errors import NotFound, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ovn.model.documents import Operation
    from ovn.state.store import StateStore


def operations(store: StateStore) -> list[Operation]:
    """Return all operations, oldest first."""
    return sorted(store.view().operations().values(), key=lambda one: (one.at, one.id))


def unfinished(store: StateStore, worktree: str) -> list[Operation]:
    """Return the operations of a work tree whose intent is recorded and whose end is not."""
    return [one for one in operations(store) if one.state == "open" and one.worktree == worktree]


def to_undo(known: Iterable[Operation], wanted: str | None, worktree: str) -> Operation:
    """Return the operation to take back: ``wanted``, else the last one done in the work tree.

    An undo is an operation too, so two undos in a row are back where it began.
    Raises NotFound, and Refused for one that is not done or taken back already.
    """
    known = list(known)
    if wanted is None:
        done = [
            one for one in known if one.worktree == worktree and one.state == "done" and not one.undone_by
        ]
        if not done:
            raise NotFound("nothing to undo in this work tree", hint="see 'git ovn operations'")
        return done[-1]
    named = [one for one in known if one.id == wanted]
    if not named:
        raise NotFound(f"no operation {wanted!r}", hint="see 'git ovn operations'")
    one = named[0]
    if one.undone_by:
        raise Refused(f"operation {one.id!r} was taken back already, by {one.undone_by!r}")
    if one.state != "done":
        raise Refused(f"operation {one.id!r} did not happen: its state is {one.state!r}")
    if one.worktree != worktree:
        raise Refused(
            f"operation {one.id!r} happened in the work tree {one.worktree!r}",
            hint="run undo in that work tree",
        )
    return one
