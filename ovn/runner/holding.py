"""The loop of a night: session after session, from what a crash left to the last verification.

Each step looks at the state as it is, asks a table what it means, and does one thing. So a
night that was killed anywhere goes on by doing what it would have done next.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ovn import features, notify, trace
from ovn.crash import crash_point
from ovn.errors import CrashLoop, LeaseHeld, NeedsPerson, NoSpace, OvnError, StaleLease, Unhealthy
from ovn.frozen import dataclass, field
from ovn.runner import final, ready, recovering, runs, stop, work
from ovn.runner.standing import Going
from ovn.shift import starting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ovn.model.documents import Baseline, Feature, Run
    from ovn.runner.final import Broken
    from ovn.runner.night import Night


@dataclass(frozen=True, slots=True)
class Ended:
    """How the night ended: the run's document, why in words, and what did not hold at the end."""

    run: Run
    why: str
    broken: tuple[Broken, ...] = ()
    features: Mapping[str, Feature] = field(default_factory=dict)


def hold(night: Night) -> Ended:
    """Work until nothing is left or something ends the night; return how it ended.

    Raises what neither the work nor a later run can go on with; the run then still counts as
    running, and the next ``git ovn run`` takes it up.
    """
    try:
        night.mend()
        word, detail = _work(night)
    except NeedsPerson as error:
        word, detail = "needs-person", str(error)
    except stop.Stopped:
        word, detail = "stopped", None
    except NoSpace as error:
        word, detail = "disk", str(error)
    except StaleLease:
        raise  # somebody took over: nothing here is ours to end any more
    broken: tuple[Broken, ...] = ()
    if word not in ("stopped", "disk"):
        word, broken = _verify_again(night, word)
    return _end(night, word, detail, broken)


def _work(night: Night) -> tuple[str, str | None]:
    """Hold session after session; return the stop word, and more about it."""
    try:
        going = recovering.take_up(night)
        if going is None:
            why = ready.obstacle(night, ready.first(night))
            if why is not None:
                return "broken-baseline", why
        return _sessions(night, going)
    except CrashLoop:
        return "crash-loop", None
    except NeedsPerson as error:
        return "needs-person", str(error)
    except Unhealthy as error:
        return "unhealthy", str(error)


def _sessions(night: Night, going: Going | None) -> tuple[str, str | None]:
    while True:
        if going is not None:
            with trace.within(session=going.session):
                end = work.carry_on(night, going)
            if end is not None:
                return end
        word = ("stopped" if night.stopping.wish() else _nothing_to_do(night)) or night.why_stop()
        if word is not None:
            return word, None
        found = ready.first(night)
        ready.attribute(night, found)
        why = ready.obstacle(night, found, again=True)
        if why is not None:
            return "broken-baseline", why
        going = _begin_session(night, found)
        if going is None:
            return "nothing-left", "nobody may work on what is left now"


def _nothing_to_do(night: Night) -> str | None:
    known = night.store.view().features()
    if features.choose(known, night.only) is not None:
        return None
    wanted = [known[one] for one in night.only] if night.only else list(known.values())
    return "all-done" if all(one.status == "done" for one in wanted) else "nothing-left"


def _begin_session(night: Night, first: Baseline | None) -> Going | None:
    """Begin a shift on the next feature; None when nobody may work on any now."""
    known = night.store.view().features()
    repair = ready.repairing(night)
    for wanted in [repair] if repair is not None else features.in_order(known.values()):
        if features.why_not(wanted, known) or (
            night.only and wanted is not repair and wanted.id not in night.only
        ):
            continue
        if not wanted.verify:
            _block_unprovable(night, wanted)
            continue
        try:
            begun = starting.start(night.store, night.config, _opening(night, wanted), baseline=lambda: first)
        except LeaseHeld as error:
            night.tell(f"{wanted.id}: {error}")
            continue
        sessions = (*night.document().sessions, begun.session.id)
        runs.update(night.store, night.run, f"session {begun.session.id}, {wanted.id}", sessions=sessions)
        night.tell(f"session {begun.session.id}: {wanted.id}, {wanted.title}")
        return Going(begun.session.id, begun.generation, wanted.id)
    return None


def _block_unprovable(night: Night, feature: Feature) -> None:
    reason = "it has no verify commands, so nothing can prove it"
    features.block(night.store, features.Actor("runner"), feature.id, reason)
    night.tell(f"{feature.id}: blocked, {reason}")
    night.notify("blocked", reason, feature=feature.id)


def _opening(night: Night, feature: Feature) -> starting.Opening:
    return starting.Opening(
        feature=feature.id,
        agent=night.agent_name,
        kind="run",
        pid=os.getpid(),
        run=night.run,
        by="runner",
        limits=night.checkpoint_limits,
    )


def _verify_again(night: Night, word: str) -> tuple[str, tuple[Broken, ...]]:
    try:
        broken = final.verify_again(night)
    except stop.Stopped:
        night.tell("asked to stop: what is done was not verified again")
        return "stopped", ()
    except OvnError as error:
        night.tell(f"what is done could not be verified again: {error}")
        return ("needs-person" if word == "all-done" else word), ()
    return ("nothing-left" if broken and word == "all-done" else word), broken


def _end(night: Night, word: str, detail: str | None, broken: tuple[Broken, ...]) -> Ended:
    crash_point("run.before_end")
    reason = stop.REASONS[word]
    why = f"{reason.sentence}: {detail}" if detail else reason.sentence
    if word == "stopped" and night.stopping.by:
        why = f"{why} ({night.stopping.by})"
    ended = runs.end(night.store, night.run, word, reason.exit_code, why)
    if night.guard is not None:
        night.guard.forget()
    stop.clear(stop.stop_file(night.store.location.local, night.run))
    known = night.store.view().features()
    night.look_for_questions()
    done = sum(one.status == "done" for one in known.values())
    text = f"{done} of {len(known)} features are done; {why}"
    grade: notify.Severity = "good" if word == "all-done" else "info" if reason.wished else "bad"
    night.notify("end", text, severity=grade, stop=word, exit_code=reason.exit_code, done=done)
    return Ended(ended, why, broken, known)
