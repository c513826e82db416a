"""The life of a session as a table: which state may follow which, and what each one means.

Pure. Whoever records a ``session.state`` asks here first; a hypothesis machine walks the
table, so that no sequence of legal moves leaves it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn.errors import Refused
from ovn.model.documents import ENDED_STATES

if TYPE_CHECKING:
    from ovn.model.documents import Session

NEXT: dict[str, frozenset[str]] = {
    "created": frozenset({"active", "abandoned"}),
    "active": frozenset({"active", "waiting", "handed_off", "crashed", "rolled_back", "abandoned"}),
    "waiting": frozenset({"active", "handed_off", "crashed", "rolled_back", "abandoned"}),
    "crashed": frozenset({"active", "handed_off", "rolled_back", "abandoned"}),
    "handed_off": frozenset(),
    "rolled_back": frozenset(),
    "abandoned": frozenset(),
}
"""state: the states that may follow. The last three are ends; ``active`` again is a resume."""

MEANING: dict[str, str] = {
    "created": "recorded, nothing was done in it yet",
    "active": "somebody works in it",
    "waiting": "nobody works in it until a moment, an answer or a signal comes",
    "crashed": "its process died; 'git ovn resume' goes on",
    "handed_off": "its shift ended with a handoff",
    "rolled_back": "its work was taken back as a whole",
    "abandoned": "a person gave it up",
}


def check_move(session: str, now: str, then: str) -> None:
    """Raise Refused, naming the states that may follow, unless ``then`` may follow ``now``."""
    if then in NEXT[now]:
        return
    ways = ", ".join(sorted(NEXT[now]))
    hint = f"from '{now}' a session becomes {ways}" if ways else "begin another one with 'git ovn start'"
    raise Refused(f"session '{session}' is '{now}' and cannot become '{then}'", hint=hint)


def ended(state: str) -> bool:
    """Tell whether a session in this state is over for good."""
    return state in ENDED_STATES


def resumable(session: Session) -> bool:
    """Tell whether ``resume`` and ``run`` may choose this session: a shift that is not over."""
    return session.kind != "manual" and not ended(session.state)


def owes_handoff(session: Session, *, alive: bool) -> bool:
    """Tell whether the session is a debt: it left ``active`` without a handoff.

    ``alive``: its lease has a live holder. A session that waits has not left; one that was
    rolled back or abandoned ended by somebody's decision, which is its last word.
    """
    if session.kind == "manual":
        return False
    return session.state == "crashed" or (session.state == "active" and not alive)
