"""The steps of a session, as a timeline draws them: when, how long, how they ended.

Steps are too many for the story of the state branch, where one commit tells of hundreds; they
are read from the records themselves, and only those that are new.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ovn.clock import parse_rfc3339, rfc3339
from ovn.frozen import dataclass

if TYPE_CHECKING:
    from ovn.model.records import Record
    from ovn.state.store import StateStore

MOST = 200_000
"""Steps of one session that are kept; older ones go first."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step that ended, and how long it took; ``outcome``: done or failed; ``error`` in one line."""

    number: int
    name: str
    ended: str
    seconds: float
    outcome: str
    attempts: int = 1
    error: str = ""

    @property
    def started(self) -> str:
        """When it began; made when it is asked for, which is seldom: a night has many thousand steps."""
        return rfc3339(parse_rfc3339(self.ended) - timedelta(seconds=self.seconds))


class Shelf:
    """The steps of sessions read so far."""

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._known: dict[str, tuple[int, list[Step]]] = {}

    def of(self, session: str) -> list[Step]:
        """Return the session's steps in order. Raises InvalidDocument."""
        last, known = self._known.get(session, (0, []))
        fresh = self._store.since(session, last) if last else self._store.replay(session)
        for seq, record in fresh:
            last = seq
            if record["type"] == "step":
                known.append(step(seq, record))
        del known[:-MOST]
        self._known[session] = (last, known)
        return known


def step(seq: int, record: Record) -> Step:
    """Return the step that a record of type ``step`` tells of."""
    data = record["data"]
    return Step(
        number=seq,
        name=str(data["name"]),
        ended=record["at"],
        seconds=float(data.get("seconds") or 0.0),
        outcome=str(data["outcome"]),
        attempts=int(data.get("attempts") or 1),
        error=_words(data.get("error")),
    )


def _words(error: Any) -> str:
    if isinstance(error, dict):
        error = f"{error.get('type', 'error')}: {error.get('message', '')}"
    return " ".join(str(error).split())[:300] if error else ""
