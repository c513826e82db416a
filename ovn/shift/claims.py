"""The leases of a shift, taken and given back together: work tree, session, feature.

The work tree comes first, so that of two starts in one tree the second takes nothing at all.
The session's lease has the generation that the journal asks for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn.errors import OvnError, StaleLease
from ovn.frozen import dataclass, replace

if TYPE_CHECKING:
    from ovn.leases import Held, Leases


@dataclass(frozen=True, slots=True)
class Wish:
    """Who wants to work on what. ``pid`` None is a person's shell, ``floor`` as for a lease."""

    session: str
    worktree: str
    feature: str | None = None
    pid: int | None = None
    run: str | None = None
    take_over: bool = False
    floor: int = 0


def claim(known: Leases, wish: Wish) -> Held:
    """Take all that the wish needs, or nothing; return the session's lease.

    A detached holder of the same session is joined. Raises LeaseHeld, StateConflict.
    """
    wanted = [("worktree", wish.worktree), ("session", wish.session)]
    if wish.feature is not None:
        wanted.append(("feature", wish.feature))
    taken: list[Held] = []
    try:
        for kind, name in wanted:
            taken.append(_take(known, wish, kind, name))
    except OvnError:
        for held in reversed(taken):
            known.release(held)
        raise
    return taken[1]


def leave_to_shell(known: Leases, wish: Wish) -> Held:
    """Pass leases that this process holds on to the shell it was typed in; return the session's.

    A verb takes them in its own name first: if it dies on its way nobody has to wait until a
    shell counts as idle.
    """
    return claim(known, replace(wish, pid=None, take_over=True))


def let_go(known: Leases, session: str) -> None:
    """Give back every lease of a session."""
    for held in known.all():
        if held.lease.session != session:
            continue
        try:
            known.release(held)
        except StaleLease:  # taken over since we looked: it is no longer ours to give back
            continue


def _take(known: Leases, wish: Wish, kind: str, name: str) -> Held:
    return known.take(
        kind,
        name,
        wish.session,
        pid=wish.pid,
        run=wish.run,
        take_over=wish.take_over,
        join=True,
        floor=wish.floor,
    )
