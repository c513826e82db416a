"""Is the night alive? What a monitor asks at three in the morning: facts, and what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn import active, names
from ovn.checks import health
from ovn.checks.health import Finding
from ovn.frozen import dataclass
from ovn.githooks import install
from ovn.recovery.facts import leases_of
from ovn.runner import sole
from ovn.state.journalfile import FILE as JOURNAL_FILE
from ovn.state.store import FOLD_RECORDS

if TYPE_CHECKING:
    from ovn.model.documents import Session
    from ovn.web.reading import Reading

LAG_SECONDS = 60.0
"""Seconds that an acknowledged record may wait for its fold while nobody is writing."""

MOST_PENDING = 3 * FOLD_RECORDS

HOOKS_SECONDS = 60.0
"""How long an answer about the hooks counts: asking costs a process."""


@dataclass(frozen=True, slots=True)
class Vitals:
    """The facts. ``dead``: runs that go on by their document, and whose runner is gone.

    ``beat`` is the age of the last sign of life of a working agent in seconds, None when none
    works; ``silence`` how old it may be. ``lag`` is the age of the newest record that waits for
    its fold. ``lost``: sessions at work whose lease's holder is gone. ``hooks``: those of ours that
    should run and do not.
    """

    running: tuple[str, ...]
    dead: tuple[str, ...]
    beat: float | None
    silence: float
    pending: int
    lag: float
    disk: Finding
    hooks: tuple[str, ...]
    lost: tuple[str, ...]


def judge(vitals: Vitals) -> list[Finding]:
    """Return what the facts mean, one finding for each thing that was looked at. Pure."""
    return [
        _runner(vitals),
        _heartbeat(vitals),
        _journal(vitals),
        vitals.disk,
        _hooks(vitals),
        _leases(vitals),
    ]


def look(reading: Reading) -> Vitals:
    """Return the facts as they are now. Raises what reading the state raises."""
    local = reading.location.local
    view = reading.store.view()
    alive = {one.run for one in sole.alive(local)}
    running = [one.id for one in view.runs().values() if one.state == "running"]
    pending = {name: count for name, count in view.pending.items() if count}
    known = leases_of(reading.store, reading.config)
    sessions = view.sessions()
    held = [one for one in known.all() if one.lease.kind == "session" and one.lease.session in sessions]
    return Vitals(
        running=tuple(one for one in running if one in alive),
        dead=tuple(one for one in running if one not in alive),
        beat=_beat(reading, sessions),
        silence=60 * reading.config.session.silence_minutes,
        pending=sum(pending.values()),
        lag=max((_age(reading, name) for name in pending), default=0.0),
        disk=health.disk_of(reading.location.common_dir),
        hooks=reading.keep("hooks", lambda: _broken_hooks(reading), HOOKS_SECONDS),
        lost=tuple(one.lease.session for one in held if known.dead(one)),
    )


def _runner(vitals: Vitals) -> Finding:
    if vitals.dead:
        named = ", ".join(f"'{one}'" for one in vitals.dead)
        return Finding("runner", False, f"the runner of {named} is gone", "git ovn run")
    named = ", ".join(f"'{one}'" for one in vitals.running)
    return Finding("runner", True, f"alive: {named}" if named else "no night is going on")


def _heartbeat(vitals: Vitals) -> Finding:
    if vitals.beat is None:
        return Finding("heartbeat", True, "no agent is at work")
    text = f"the last sign of life is {vitals.beat:.0f} s old"
    hint = f"at most {vitals.silence:.0f} s are allowed"
    return Finding("heartbeat", vitals.beat <= vitals.silence, text, hint)


def _journal(vitals: Vitals) -> Finding:
    text = f"{vitals.pending} records are not on the state branch yet"
    late = vitals.pending > 0 and vitals.lag > LAG_SECONDS
    return Finding("journal", not late and vitals.pending <= MOST_PENDING, text, "git ovn status")


def _hooks(vitals: Vitals) -> Finding:
    if vitals.hooks:
        return Finding("hooks", False, f"do not run: {', '.join(vitals.hooks)}", "git ovn hooks install")
    return Finding("hooks", True, "as they were installed")


def _leases(vitals: Vitals) -> Finding:
    if vitals.lost:
        named = ", ".join(f"'{one}'" for one in vitals.lost)
        return Finding("lease", False, f"the holder of {named} is gone", "git ovn resume")
    return Finding("lease", True, "every holder is alive")


def _beat(reading: Reading, sessions: dict[str, Session]) -> float | None:
    """Return the age of the oldest sign of life among the agents that work now."""
    now = reading.clock.now().timestamp()
    working = [one.id for one in sessions.values() if one.state == "active" and _at_work(one)]
    beats = [active.last_beat(reading.location.local, name) for name in working]
    return max((max(now - beat, 0.0) for beat in beats if beat is not None), default=None)


def _at_work(session: Session) -> bool:
    return bool(session.attempts) and session.attempts[-1].ended is None


def _age(reading: Reading, session: str) -> float:
    """Return how long ago the session's journal was last written; 0 when it is gone meanwhile."""
    path = reading.location.local / names.JOURNAL_FOLDER / session / JOURNAL_FILE
    try:
        return max(reading.clock.now().timestamp() - path.stat().st_mtime, 0.0)
    except FileNotFoundError:
        return 0.0


def _broken_hooks(reading: Reading) -> tuple[str, ...]:
    """Return the hooks that do not run although others of ours do."""
    found = install.status(reading.location)
    return tuple(hook.name for hook in found.hooks if not hook.works) if found.installed else ()
