"""What a night does about what stopped its agent, as the agent's own stream tells it.

``retry-now`` and ``fresh-session`` need nothing here: the next attempt follows, after a back-off
when nothing was done, and does not resume a session that cannot go on.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ovn.clock import rfc3339
from ovn.errors import NeedsPerson
from ovn.redaction import redact
from ovn.runner import limits, standing

if TYPE_CHECKING:
    from ovn.agents.events import Account
    from ovn.runner.night import Night
    from ovn.runner.standing import Going


def wait(night: Night, going: Going, told: Account) -> bool:
    """Let the session wait where its agent met a limit; False where there is nothing to wait for.

    The moment is state: it survives the runner and a reboot. Raises NeedsPerson for what no
    waiting mends.
    """
    trouble = told.trouble
    if trouble is None:
        return False
    said = redact(trouble.text)[:500]
    if trouble.kind == "fatal-person":
        raise NeedsPerson(f"the agent cannot go on: {said}", hint="see the agent's own account and settings")
    if trouble.kind not in ("wait-until", "wait-back-off"):
        return False
    now = night.store.clock.now()
    ends = night.agent.module.limit_end(told, night.agent.environ, now)
    # a little late, so that not everybody comes back in the same second
    late = night.config.recovery.backoff_base_seconds * night.random()
    until = _back_off(night, now) if ends is None else ends + late
    moment = rfc3339(datetime.fromtimestamp(max(until, now.timestamp()), UTC))
    standing.record(night, going, "session.state", {"state": "waiting", "until": moment, "why": said})
    night.tell(f"{going.feature}: {said}")
    text = f"{said}; it goes on at {moment}"
    night.notify("limit", text, subject=moment, session=going.session, feature=going.feature, until=moment)
    return True


def _back_off(night: Night, now: datetime) -> float:
    """Return when to try again where nobody says when: the longest back-off of the configuration."""
    wanted = night.config.recovery
    most = wanted.backoff_max_seconds
    return now.timestamp() + limits.back_off(60, wanted.backoff_base_seconds, most, night.random)
