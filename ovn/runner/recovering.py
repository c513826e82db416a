"""Taking up a night whose runner died: end what still lives of it, put its records in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn import names
from ovn.errors import CrashLoop, NeedsPerson
from ovn.model import lifecycle
from ovn.recovery.facts import leases_of
from ovn.runner import attempt, cage, ending, log, process, runs
from ovn.runner.standing import Going
from ovn.shift import closing, resuming

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ovn.model.documents import Session
    from ovn.runner.night import Night


def take_up(night: Night) -> Going | None:
    """Return the session that the dead runner left, ready to go on; None when there is none.

    Raises NeedsPerson naming processes that cannot be ended, or what forbids to go on, CrashLoop.
    """
    document, view = night.document(), night.store.view()
    held = [view.session(one) for one in document.sessions]
    live = [one for one in view.sessions().values() if one.run == night.run]
    sessions = {one.id: one for one in [*held, *live] if one is not None}
    _end_the_living(night, list(sessions.values()))
    _release_the_dead(night, sessions)
    left = next((one for one in reversed(sessions.values()) if lifecycle.resumable(one)), None)
    if left is None:
        return None
    found = _resume(night, left.id)
    if found.verdict.row == "waiting":
        return None
    if found.verdict.row == "crash-loop":
        raise CrashLoop(found.verdict.reason)
    if found.generation is None:
        raise NeedsPerson(found.verdict.reason, hint=found.verdict.command)
    for line in found.said:
        night.tell(line)
    runs.update(
        night.store,
        night.run,
        f"taken up after its runner died, {found.verdict.row}",
        crashes=document.crashes + 1,
        sessions=tuple(dict.fromkeys([*document.sessions, left.id])),
    )
    night.tell(f"session {left.id} goes on: {found.verdict.reason}")
    text = f"the runner had died; {found.verdict.reason}"
    night.notify("recovery", text, session=left.id, feature=left.feature)
    return Going(left.id, found.generation, left.feature or "")


def _release_the_dead(night: Night, sessions: Mapping[str, Session]) -> None:
    """Give back what the dead runner held for sessions that are over, or were never recorded."""
    known = leases_of(night.store, night.config)
    for session in sessions.values():
        if session.ended is not None:
            closing.release(night.store, known, session)
    for held in known.all():
        if held.lease.run == night.run and held.lease.session not in sessions and known.dead(held):
            known.release(held)


def _resume(night: Night, session: str) -> resuming.Resumed:
    """Resume a session; one that waits for a moment is waited for, as long as the night lasts."""
    wish = resuming.Wish(session, us=night.us, by="runner", limits=night.checkpoint_limits)
    while True:
        found = resuming.resume(night.store, night.config, wish)
        if found.verdict.row != "waiting" or night.why_stop() not in (None, "max-sessions"):
            return found
        night.sleep_until(found.facts.until)


def _end_the_living(night: Night, sessions: list[Session]) -> None:
    recorded = [
        ending.Recorded(one.pid, one.pgid, one.process_start, one.boot_id)
        for session in sessions
        for one in session.attempts
        if one.ended is None and one.pid and one.pgid and one.process_start and one.boot_id
    ]
    ended = ending.end_marked(night.run, recorded)
    ending.end_rest(night.run, mark=names.ENV_COMMAND)
    for left in cage.left_of(night.run):
        ending.end_cage(left)
    if ended:
        night.tell(f"{ended} processes of the dead runner's agent were still alive and are ended")
    process.sweep_scratch(night.run)
    for session in sessions:
        for one in session.attempts:
            path = attempt.folder_of(night.store, night.run, session.id, one.number) / attempt.LOG
            if path.exists():
                log.gather(path)
