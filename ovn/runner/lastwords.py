"""The handoff of an agent that ended without one: its own words, if it can still be asked.

An agent that used up its turns, its money or its context gets no chance to hand off: no hook
holds it back then. It is resumed once in its own session, to write the handoff and nothing else;
where that fails, ``work.hand_off`` writes one from what git shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn.agents import ours, past
from ovn.errors import Unhealthy
from ovn.runner import attempt as attempts
from ovn.runner.process import Limits
from ovn.runner.watcher import Post, Watcher
from ovn.shift import briefing

if TYPE_CHECKING:
    from ovn.agents.events import Account
    from ovn.model.documents import Attempt, Session
    from ovn.runner.attempt import Order, Result
    from ovn.runner.night import Night
    from ovn.runner.standing import Going
    from ovn.runner.watcher import Ears

SECONDS = 180.0
"""The longest that last words may take."""

SILENCE = 90.0

MUTE = ("fatal-person", "wait-until", "wait-back-off", "stall")
"""Troubles in which asking the agent again would meet the same."""

REFUSALS = 3
"""How often its hooks ask for the handoff; an agent that refused so often is not asked again."""


def ask(night: Night, going: Going) -> None:
    """Have the agent hand off its session, where it has not and can be asked."""
    session = night.store.view().session(going.session)
    if session is None or session.ended is not None or not night.agent.module.HOOKED:
        return
    asked = _session_of_agent(night, session)
    if asked is None or night.why_stop() not in (None, "max-sessions"):
        return
    order = _order(night, going, session, asked)
    night.tell(f"{going.feature}: asking the agent for its handoff")
    try:
        result = attempts.carry_out(
            night.store,
            order,
            night.agent,
            wish=night.stopping.wish,
            watch=lambda ears: _watcher(night, order, ears),
            tell=night.janitor,
        )
    except Unhealthy as error:
        night.tell(f"{going.feature}: it cannot be asked: {error}")
        return
    _told(night, going, order, result)


def _told(night: Night, going: Going, order: Order, result: Result) -> None:
    night.spend(result.used)
    night.store.fold()
    after = night.store.view().session(going.session)
    if after is not None and after.ended is not None:
        night.tell(f"{going.feature}: the agent wrote its handoff")
        return
    words = attempts.words(result.outcome, order.limits)
    attempts.record_end(night.store, order, result.outcome, f"asked for the handoff: {words}")
    night.tell(f"{going.feature}: no handoff came of it ({words}); it is written from git")


def _session_of_agent(night: Night, session: Session) -> str | None:
    """Return the agent's own session to ask in; None where asking would be in vain."""
    if not session.attempts:
        return None
    last: Attempt = session.attempts[-1]
    folder = attempts.folder_of(night.store, night.run, session.id, last.number)
    told: Account = past.account(night.agent.module.events, folder)
    if told.session is None or (told.trouble is not None and told.trouble.kind in MUTE):
        return None
    refusals = folder / f"{ours.HOOKS_FILE}.stops"
    if refusals.exists() and refusals.stat().st_size > REFUSALS:
        return None
    return told.session


def _watcher(night: Night, order: Order, ears: Ears) -> Watcher:
    post = Post(order.session, order.generation, order.feature, order.number, SECONDS)
    return Watcher(night.store, post, night.checkpoint_limits, ears, tell=night.tell)


def _order(night: Night, going: Going, session: Session, asked: str) -> Order:
    start = night.config.session.start_deadline_seconds
    left = night.seconds_left()
    return attempts.Order(
        run=night.run,
        session=going.session,
        generation=going.generation,
        feature=going.feature,
        number=1 + max(one.number for one in session.attempts),
        head=night.store.objects.resolve("HEAD", peel=True),
        prompt=briefing.brief(night.store, night.store.view(), session),
        limits=Limits(start, SILENCE, SECONDS if left is None else min(SECONDS, left)),
        begin="handoff",
        agent_session=asked,
    )
