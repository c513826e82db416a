"""A night's branch brought back into the branch that it came from: proven first, then one operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn.errors import Diverged, Refused
from ovn.frozen import dataclass, replace
from ovn.git import merging
from ovn.git.gc import gc_guard
from ovn.git.run import Git
from ovn.operations.change import Change, moved_on
from ovn.operations.transaction import Order, Outcome, carry_out

if TYPE_CHECKING:
    from collections.abc import Callable

    from ovn.git.merging import Merged
    from ovn.git.snapshot import Snapshot
    from ovn.state.store import StateStore


@dataclass(frozen=True, slots=True)
class Joined:
    """What a merge came to: what moved, and what was merged."""

    outcome: Outcome
    merged: Merged


def merge_back(
    store: StateStore,
    order: Order,
    tip: str,
    message: str,
    prove: Callable[[str, Merged], None],
    *,
    always_commit: bool = False,
) -> Joined:
    """Merge the commit ``tip`` into the branch that is checked out, once ``prove`` raised nothing.

    ``prove`` gets HEAD's commit and the merge, which nothing refers to yet; in a dry run it is not
    asked. Uncommitted work elsewhere stays. Raises Refused when there is nothing to merge, Conflict
    naming paths, Diverged when the branch moved meanwhile, and what ``prove`` raises; then the
    repository is as it was.
    """
    head = store.objects.resolve("HEAD", peel=True)
    if head is None:
        raise Refused("there is no commit yet to merge into")
    with gc_guard(store.location):
        merged = merging.merge(
            Git(store.location),
            store.objects,
            head,
            tip,
            message,
            always_commit=always_commit,
            trusted=order.limits.trusted,
        )
    if merged is None:
        raise Refused("there is nothing to merge: the branch holds all of it already")
    if not order.dry_run:
        prove(head, merged)

    def plan(shot: Snapshot) -> Change:
        if shot.head != head:
            raise Diverged("the branch moved while the merge was being proven", hint="run it again")
        return moved_on(store, shot, merged.commit, what="the merge", trusted=order.limits.trusted)

    wanted = replace(order, target=tip, commits=(merged.commit,))
    return Joined(carry_out(store, wanted, plan), merged)
