"""An earlier harness's session as one of ours: ended, with its handoff, and without any evidence.

The next shift reads its last words where it reads those of any shift before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn import names
from ovn.errors import InvalidName
from ovn.frozen import dataclass
from ovn.model.documents import Blocker, Handoff, Session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ovn.earlier.logs import Past
    from ovn.state.store import StateStore
    from ovn.state.view import View

UNKNOWN = "1970-01-01T00:00:00.000Z"
"""When the logs do not say when."""

PREFIX = "earlier"


@dataclass(frozen=True, slots=True)
class Taken:
    """The session and its handoff, and whether both are there already, just so."""

    session: Session
    handoff: Handoff
    there: bool


def documents(past: Past, worktree: str) -> tuple[Session, Handoff]:
    """Return the session and the handoff that the logs amount to: the same for the same logs."""
    ended = past.updated or past.started or UNKNOWN
    name = _name(past)
    session = Session(
        version=1,
        id=name,
        state="handed_off",
        kind="manual",
        created=past.started or ended,
        updated=ended,
        worktree=worktree,
        goal=past.goal,
        ended=ended,
        notes=past.notes,
        decisions=past.decisions,
        blockers=tuple(Blocker(str(at), text) for at, text in enumerate(past.blockers, 1)),
    )
    claims = tuple(f"claimed, not verified: {text}" for text in past.claimed)
    handoff = Handoff(
        version=1,
        session=name,
        at=ended,
        author="person",
        accomplished=claims,
        next=(past.current,) if past.current else (),
        blockers=past.blockers,
    )
    return session, handoff


def _name(past: Past) -> str:
    day = (past.started or past.updated or UNKNOWN)[:10].replace("-", "")
    try:
        return names.slug(f"{PREFIX}-{past.session or day}")
    except InvalidName:
        return f"{PREFIX}-{day}"


def take(store: StateStore, past: Past, *, dry_run: bool) -> Taken:
    """Record the session, unless it is there already. Raises what ``StateStore.transact`` does."""
    session, handoff = documents(past, store.location.worktree)
    view = store.view()
    there = (view.session(session.id), view.handoff(session.id)) == (session, handoff)

    def change(known: View) -> Mapping[str, object]:
        if known.session(session.id) is not None:
            folder = names.session_folder(session.id)  # the store knows where it lies
        else:
            folder = names.ended_folder((session.ended or UNKNOWN)[:7], session.id)
        return {f"{folder}/session.json": session, f"{folder}/handoff.json": handoff}

    if not (there or dry_run):
        trailers = {names.TRAILER_SESSION: session.id}
        store.transact(f"handoff({session.id}): imported from earlier logs", "handoff", change, trailers)
    return Taken(session, handoff, there)
