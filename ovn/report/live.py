"""How a night stands this second: what ``git ovn watch`` shows. Cheap enough to be asked every second."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn import active
from ovn.clock import parse_rfc3339, rfc3339
from ovn.frozen import dataclass
from ovn.runner import sole
from ovn.session import questions

if TYPE_CHECKING:
    from datetime import datetime

    from ovn.model.documents import Run, Session
    from ovn.state.store import StateStore
    from ovn.state.view import View


@dataclass(frozen=True, slots=True)
class AtWork:
    """A session that is not over.

    ``seconds`` is the age of its running attempt, ``beat`` of its last sign of life; None without.
    """

    session: str
    state: str
    feature: str | None
    title: str | None
    attempt: int | None
    seconds: float | None
    beat: float | None
    until: str | None
    why: str | None
    steps: int


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the story, oldest first: its commit, when, what."""

    commit: str
    at: str
    subject: str


@dataclass(frozen=True, slots=True)
class Now:
    """Where everything stands at ``at``. ``run`` None: no night goes on; ``alive``: its runner lives."""

    project: str
    at: str
    run: str | None
    alive: bool
    started: str | None
    deadline: str | None
    cost_usd: float
    sessions: tuple[AtWork, ...]
    features: dict[str, int]
    questions: int
    debts: int
    story: tuple[Line, ...]


def look(store: StateStore, lines: int = 12) -> Now:
    """Return how it stands, with so many lines of the story. Raises NotInitialised and its kin."""
    view, moment = store.view(), store.clock.now()
    run = _running(view)
    alive = {one.run for one in sole.alive(store.location.local)}
    open_ones = sorted(view.sessions().values(), key=lambda one: (one.created, one.id))
    return Now(
        project=view.project.project,
        at=rfc3339(moment),
        run=run.id if run else None,
        alive=run is not None and run.id in alive,
        started=run.started if run else None,
        deadline=run.deadline if run else None,
        cost_usd=run.cost_usd if run else 0.0,
        sessions=tuple(_at_work(store, view, one, moment) for one in open_ones),
        features=_counted(view),
        questions=len(questions.open_ones(view)),
        debts=len(active.debts(store.location.local)),
        story=tuple(Line(one.oid, one.when, one.subject) for one in reversed(store.log(limit=lines))),
    )


def news(before: Now, now: Now) -> tuple[Line, ...]:
    """Return the lines that came since. Pure."""
    if not before.story:
        return now.story
    last = before.story[-1].commit
    known = [at for at, one in enumerate(now.story) if one.commit == last]
    return now.story[known[-1] + 1 :] if known else now.story


def _running(view: View) -> Run | None:
    found = [one for one in view.runs().values() if one.state == "running"]
    return max(found, key=lambda one: (one.started, one.id), default=None)


def _counted(view: View) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in view.features().values():
        counts[one.status] = counts.get(one.status, 0) + 1
    return dict(sorted(counts.items()))


def _at_work(store: StateStore, view: View, session: Session, moment: datetime) -> AtWork:
    feature = view.feature(session.feature) if session.feature else None
    last = session.attempts[-1] if session.attempts and session.attempts[-1].ended is None else None
    beat = active.last_beat(store.location.local, session.id)
    return AtWork(
        session=session.id,
        state=session.state,
        feature=session.feature,
        title=feature.title if feature else None,
        attempt=last.number if last else None,
        seconds=max((moment - parse_rfc3339(last.started)).total_seconds(), 0.0) if last else None,
        beat=max(moment.timestamp() - beat, 0.0) if beat is not None else None,
        until=session.until,
        why=session.why,
        steps=session.steps,
    )
