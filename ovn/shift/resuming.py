"""``git ovn resume``: gather the facts, follow the table, carry out what it leaves to us.

Never starts an agent, never discards a file: a dirty tree gets a safety checkpoint and stays.
What launches, discards or waits is said as the command to type. Each step is harmless to
repeat, so a resume that dies is resumed.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from ovn import active, checkpoints, operations
from ovn.clock import rfc3339
from ovn.errors import LeaseHeld, NotFound, NotInitialised
from ovn.frozen import dataclass, field
from ovn.git import mending
from ovn.git.run import Git
from ovn.model import lifecycle, records
from ovn.recovery.diagnosis import Facts, Verdict, course
from ovn.recovery.facts import Found, Us, gather, leases_of
from ovn.shift import briefing, claims, closing
from ovn.shift.starting import announce, notices

if TYPE_CHECKING:
    from collections.abc import Callable

    from ovn.config import Config
    from ovn.leases import Leases
    from ovn.model.documents import Checkpoint, Feature, Session
    from ovn.state.store import StateStore

TOUCHES_NOTHING = ("ask-a-person", "wait-until")
"""Verdicts under which only the records are put in order: no lease, no file, no state changes."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Who resumes what. ``look_only``: facts and verdicts, nothing is done (``--explain``)."""

    session: str | None = None
    look_only: bool = False
    us: Us = Us()
    by: str = "person"
    limits: checkpoints.Limits = checkpoints.Limits()


@dataclass(frozen=True, slots=True)
class Resumed:
    """What was found and done. ``steps`` are the verdicts carried out on the way to ``verdict``.

    ``safety`` is the checkpoint of a dirty tree, ``reversed`` the operations put back,
    ``said`` what else came to light (a rebuilt index, a healed branch). ``seconds`` is ours.
    """

    verdict: Verdict
    facts: Facts
    seconds: float
    steps: tuple[Verdict, ...] = ()
    session: Session | None = None
    feature: Feature | None = None
    generation: int | None = None
    safety: Checkpoint | None = None
    context: str | None = None
    others: tuple[str, ...] = ()
    reversed: tuple[str, ...] = ()
    said: tuple[str, ...] = ()


@dataclass(slots=True)
class _Work:
    """One resume under way: what it knows, and what it has found out and done so far."""

    store: StateStore
    config: Config
    wish: Wish
    found: Found
    known: Leases
    generation: int | None = None
    reversed: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    @property
    def session(self) -> Session:
        """The session, as it was when the facts were gathered."""
        if self.found.session is None:
            raise NotFound("there is no session to resume")
        return self.found.session


def resume(store: StateStore, config: Config, wish: Wish) -> Resumed:
    """Bring the session back to where somebody can work in it, and say what comes next.

    Raises LeaseHeld when a live process works in it, NotFound, NotInitialised. A verdict that
    needs a person is no error here.
    """
    started = store.clock.monotonic()
    said = [] if wish.look_only else adopt(store)
    found = gather(store, config, wish.session, us=wish.us)
    ahead = course(found.facts)
    if wish.look_only or found.session is None:
        return Resumed(
            ahead[-1],
            found.facts,
            store.clock.monotonic() - started,
            steps=tuple(ahead[:-1]),
            session=found.session,
            others=found.others,
            said=tuple(said),
        )
    if ahead[-1].row == "held":
        raise LeaseHeld(f"session '{found.session.id}' is held by {found.facts.holder}")
    work = _Work(store, config, wish, found, leases_of(store, config), said=said)
    return _carry_out(work, ahead, started)


def adopt(store: StateStore) -> list[str]:
    """In a clone make the state branch from the one remote that has it; return what to say.

    Raises NotInitialised when neither has one, Ambiguous when remotes differ.
    """
    if store.tip() is not None:
        return []
    if store.adopt() is None:
        raise NotInitialised("this repository has no state yet")
    return ["the state branch was made from the remote's"]


# -- carrying out ----------------------------------------------------------------------


def _carry_out(work: _Work, ahead: list[Verdict], started: float) -> Resumed:
    last, facts_found = ahead[-1], work.found.facts
    still = last.verdict in TOUCHES_NOTHING or lifecycle.ended(facts_found.state)
    safety = None if still else _make_safe(work)
    for step in ahead[:-1]:
        if not (still and step.row in _CLAIMING):
            ACTIONS[step.row](work)
    if not still:
        _activate(work)
    elif last.row == "ended":
        _release(work)
    elif lifecycle.owes_handoff(work.session, alive=False):
        debt = active.Debt(work.session.id, work.session.worktree, rfc3339(work.store.clock.now()))
        active.owe(work.store.location.local, debt)
    if ahead[:-1] or safety is not None:
        _record_recovery(work, last, started)
    view = work.store.view()
    session = view.session(work.session.id)
    feature = view.feature(session.feature) if session and session.feature else None
    told = None
    if session is not None and not still:
        told = briefing.brief(work.store, view, session, notices=_notices(work, ahead))
    return Resumed(
        last,
        facts_found,
        work.store.clock.monotonic() - started,
        steps=tuple(ahead[:-1]),
        session=session,
        feature=feature,
        generation=work.generation,
        safety=safety,
        context=told,
        others=work.found.others,
        reversed=tuple(work.reversed),
        said=tuple(work.said),
    )


def _make_safe(work: _Work) -> Checkpoint | None:
    """Mend the index if it is damaged; keep a dirty tree in a safety checkpoint."""
    if work.found.index_damage is not None:
        aside = mending.rebuild_index(Git(work.store.location))
        work.said.append(
            f"git's index was damaged ({work.found.index_damage}): it was made again from HEAD, "
            f"the damaged one is '{aside}'"
        )
    if not work.found.facts.dirty:
        return None
    request = checkpoints.Request(work.session.id, kind="safety", text="before resume", by=work.wish.by)
    return checkpoints.take(work.store, request, work.wish.limits).checkpoint


def _fold(work: _Work) -> None:
    report = work.store.fold()
    work.said += briefing.fold_notices(report)


def _take(work: _Work) -> None:
    """Take the leases in our own name; what dies on the way leaves no shell to wait for."""
    work.generation = claims.claim(work.known, _claim(work)).generation


def _claim(work: _Work) -> claims.Wish:
    import os

    session = work.session
    return claims.Wish(
        session.id,
        work.store.location.worktree,
        session.feature,
        pid=work.wish.us.pid or os.getpid(),
        run=session.run,
        floor=session.generation,
    )


def _release(work: _Work) -> None:
    closing.release(work.store, work.known, work.session)


def _reverse(work: _Work) -> None:
    """Put back what was half done, or leave it where others went on: the operation itself decides."""
    done = operations.recover(work.store, work.wish.by, work.wish.limits)
    work.reversed += [one.id for one in done]
    work.said += [f"operation '{one.id}' ({one.verb}) was half done and is now {one.state}" for one in done]


ACTIONS: dict[str, Callable[[_Work], None]] = {
    "journal-damaged": _fold,
    "journal-torn": _fold,
    "journal-pending": _fold,
    "ended-holding": _release,
    "lease-dead": _take,
    "lease-free": _take,
    "half-done-foreign": _reverse,
    "half-done": _reverse,
}
"""What carries out each row that the table leaves to ``resume``."""

_CLAIMING = ("lease-dead", "lease-free", "half-done-foreign", "half-done")


def _activate(work: _Work) -> None:
    """Set the session active, tell the hooks, pay the debt."""
    store, session, us = work.store, work.session, work.wish.us
    if work.generation is not None and us.pid is None:
        work.generation = claims.leave_to_shell(work.known, _claim(work)).generation
    generation = session.generation if work.generation is None else work.generation
    if session.state != "active" or generation != session.generation:
        data = {"state": "active", "generation": generation, "why": "resumed"}
        made = records.make("session.state", data, at=rfc3339(store.clock.now()), by=work.wish.by)
        store.record(session.id, made, generation=generation, fold=False)
    work.generation = generation
    announce(store, work.config, store.view(), session.id, generation)
    active.pay(store.location.local, session.id)


def _record_recovery(work: _Work, last: Verdict, started: float) -> None:
    """Record what was decided on which facts; a look at a session in good order leaves no trace."""
    if last.row == "ended":
        return
    clock = work.store.clock
    data = {
        "verdict": last.verdict,
        "row": last.row,
        "seconds": round(clock.monotonic() - started, 3),
        "facts": facts_of(work.found.facts),
    }
    made = records.make("recovery", data, at=rfc3339(clock.now()), by=work.wish.by)
    work.store.record(work.session.id, made, generation=work.generation)


def facts_of(found: Facts) -> dict[str, object]:
    """Return the facts as JSON."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(found).items()}


def _notices(work: _Work, ahead: list[Verdict]) -> list[str]:
    lines = [f"This session was resumed: {one.reason}." for one in ahead if one.row != "lease-free"]
    return [*lines, *work.said, *notices(work.store)]
