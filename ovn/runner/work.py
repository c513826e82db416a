"""One session at one feature: attempts, verification, giving up, handoff.

What comes next is never remembered, always read: ``facts_of`` looks at the records and the
work tree, the recovery table says which row fits, and the row's step is done. So the loop of
a night that runs and the recovery of one that died are the same code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn import checkpoints, features, names, operations
from ovn.checks import verify
from ovn.crash import crash_point
from ovn.errors import HandoffRefused, NeedsPerson, NoSpace, OvnError, Unhealthy
from ovn.frozen import replace
from ovn.recovery import diagnosis, facts
from ovn.runner import judging, lastwords, stop, trying
from ovn.runner.standing import Going, actor, base_of, bench, foreign_commits, look, order, us
from ovn.shift import closing, resuming

if TYPE_CHECKING:
    from collections.abc import Callable

    from ovn.runner.night import Night
    from ovn.runner.standing import End, Standing


def carry_on(night: Night, going: Going) -> End | None:
    """Work until the session has ended; return what ends the night with it, None when nothing does.

    Whatever happens on the way, the session is handed off, unless its lease was lost.
    """
    end: End | None = None
    try:
        if going.feature:
            end = _loop(night, going)
            if end is None:
                lastwords.ask(night, going)
    except stop.Stopped:
        end = ("stopped", None)
    except NoSpace as error:
        end = ("disk", str(error))
    except Unhealthy as error:
        end = ("unhealthy", str(error))
    except NeedsPerson as error:
        end = ("needs-person", str(error))
    hand_off(night, going)
    return end


def _loop(night: Night, going: Going) -> End | None:
    prepare(night, going)
    while True:
        night.store.fold()
        found = facts.gather(night.store, night.config, going.session, us=us(night, going))
        if found.session is None or found.session.ended is not None:
            return None
        at = look(night, going)
        ahead = diagnosis.course(facts_of(night, found.facts, at))
        if len(ahead) > 1:
            wish = resuming.Wish(
                going.session, us=us(night, going), by="runner", limits=night.checkpoint_limits
            )
            resuming.resume(night.store, night.config, wish)
            continue
        row = ahead[0]
        if row.row == "feature-over":
            return None
        step = STEPS.get(row.row)
        if step is None:
            raise NeedsPerson(row.reason, hint=row.command)
        end = step(night, going, at)
        if end is not None:
            return end


def facts_of(night: Night, found: diagnosis.Facts, at: Standing) -> diagnosis.Facts:
    """Return the facts as a running night counts them.

    An attempt counts when it was judged: one that crashed without work does not, but the run's
    crashes do. Work and other people's commits count since the checkpoint before the feature.
    """
    used, most = at.feature.attempts, night.config.budget.max_attempts_per_feature
    base = at.base.head if at.base else None
    going = Going(at.session.id, at.session.generation, at.feature.id)
    foreign = foreign_commits(night, going, at.shot.head, base)
    crashes = night.document().crashes
    return replace(
        found,
        attempt=trying.last(
            at.session, at.feature.id, failed_before=used >= most or (used > 0 and at.worked)
        ),
        attempts_left=max(most - used, 0),
        work=at.worked,
        foreign_commits=bool(foreign),
        checkpoint_valid=at.base is not None,
        checkpoint=at.base.id if at.base else "",
        crash_loop=crashes > night.config.recovery.max_restarts,
        crashes=crashes,
        agent_alive=False,
    )


# -- before the first attempt ----------------------------------------------------------


def prepare(night: Night, going: Going) -> None:
    """Keep how everything is before the feature, and see whether it is green already; once."""
    if base_of(night, going) is not None:
        return
    feature = features.find(night.store.view().features(), going.feature)
    with night.stopping.interrupting():
        night.check_trust()
        green = verify.green_before(night.store, feature, bench(night))
    if green:
        night.tell(f"{feature.id}: its verify commands are green before any work")
    if green != feature.green_before:
        features.start(night.store, actor(going), feature.id, green_before=green)
    label = names.slug(f"before-{feature.id}")
    request = checkpoints.Request(going.session, label=label, text=f"before {feature.title}", by="runner")
    checkpoints.take(night.store, request, night.checkpoint_limits, generation=going.generation)


# -- steps -----------------------------------------------------------------------------


def _afresh(night: Night, going: Going, at: Standing) -> End | None:
    """Bring everything back to how it was before the feature; a safety checkpoint keeps the work."""
    _back(night, going, at)
    night.tell(f"{going.feature}: the last attempt starts afresh from {at.base.id if at.base else '?'}")
    return None


def _give_up(night: Night, going: Going, at: Standing) -> End | None:
    """Keep the work under a name, take it back, block the feature."""
    reason = f"{at.feature.attempts} attempts failed; the last: {at.feature.reason or 'no reason is known'}"
    kept = ""
    if night.config.agent.keep_failed_work:
        label = names.slug(f"failed-{going.feature}")
        request = checkpoints.Request(going.session, label=label, text=reason, by="runner")
        taken = checkpoints.take(
            night.store, request, night.checkpoint_limits, generation=going.generation
        ).checkpoint
        kept = f"; its work is kept as {taken.tag or taken.id}"
    _back(night, going, at)
    features.block(night.store, actor(going), going.feature, reason + kept)
    night.tell(f"{going.feature}: given up after {at.feature.attempts} attempts{kept}")
    night.notify("blocked", reason + kept, session=going.session, feature=going.feature)
    return None


def _back(night: Night, going: Going, at: Standing) -> None:
    if at.base is None:
        raise NeedsPerson(f"the checkpoint from before '{going.feature}' is gone")
    try:
        operations.rollback(night.store, order(night, going, "rollback", at.base.id), at.base)
    except (NoSpace, NeedsPerson):
        raise
    except OvnError as error:
        raise NeedsPerson(f"'{going.feature}' could not be taken back: {error}", hint=error.hint) from error


def _block(night: Night, going: Going, at: Standing) -> End | None:
    reason = at.feature.reason or "its attempts are used up and left nothing behind"
    features.block(night.store, actor(going), going.feature, reason)
    night.tell(f"{going.feature}: blocked, {reason}")
    night.notify("blocked", reason, session=going.session, feature=going.feature)
    return None


def _wait(night: Night, _going: Going, at: Standing) -> End | None:
    if at.session.until and not night.limits.auto_resume:
        return "agent-limit", f"it ends at {at.session.until}"
    night.sleep_until(at.session.until or "a person answers")
    word = night.why_stop()
    return (word, None) if word not in (None, "max-sessions") else None


def _crash_loop(_night: Night, _going: Going, at: Standing) -> End | None:
    tried = at.session.attempts
    return "crash-loop", tried[-1].reason or None if tried else None


STEPS: dict[str, Callable[[Night, Going, Standing], End | None]] = {
    "interrupted": trying.attempt,
    "next-attempt": trying.attempt,
    "passed": judging.judge,
    "last-attempt": _afresh,
    "used-up": _give_up,
    "used-up-no-work": _block,
    "baseline-broken": _block,
    "waiting": _wait,
    "crash-loop": _crash_loop,
}
"""What a night does about each row of the recovery table; rows without a step need a person."""


# -- the end ---------------------------------------------------------------------------


def hand_off(night: Night, going: Going) -> None:
    """End the session with a handoff from what git shows, unless its agent did.

    Work that cannot be committed (a hook refuses, a merge is in progress) is kept in a
    checkpoint and stays in the files. Raises NeedsPerson when even that is not possible.
    """
    session = night.store.view().session(going.session)
    if session is None:
        return
    if session.ended is not None:
        closing.release(night.store, facts.leases_of(night.store, night.config), session)
        return
    crash_point("run.before_handoff")
    unsafe = _unsafe(night)
    wanted = closing.Closing(
        going.session,
        author="runner",
        us=us(night, going),
        generation=going.generation,
        limits=night.checkpoint_limits,
        wip=unsafe,
    )
    try:
        closing.hand_off(night.store, night.config, wanted)
    except HandoffRefused as refusal:
        night.tell(f"what is uncommitted stays so: {str(refusal).splitlines()[-1]}")
        closing.hand_off(night.store, night.config, replace(wanted, wip=True))


def _unsafe(night: Night) -> bool:
    """Tell whether a commit would run what the agent wrote: then its work is kept in a checkpoint."""
    try:
        night.mend()
    except NeedsPerson as error:
        night.tell(str(error))
        return True
    return bool(night.changed_hooks())
