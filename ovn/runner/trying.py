"""One attempt of a session: the prompt, the agent, and what its process came to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn import active, host, names, trace
from ovn.crash import crash_point
from ovn.errors import NeedsPerson
from ovn.git import trailers
from ovn.githooks import install
from ovn.recovery import facts
from ovn.redaction import redact
from ovn.runner import attempt as attempts
from ovn.runner import judging, limits, runs, standing, troubles, watchdog
from ovn.runner.process import Limits
from ovn.runner.watcher import Post, Watcher
from ovn.shift import briefing

if TYPE_CHECKING:
    from ovn.model.documents import Session
    from ovn.runner.attempt import Order, Result
    from ovn.runner.night import Night
    from ovn.runner.standing import End, Going, Standing
    from ovn.runner.watcher import Ears


def last(session: Session, feature: str, *, failed_before: bool) -> str:
    """Return what became of the last attempt at the feature: none, open, failed or passed. Pure.

    ``passed`` is one that ended well and was not judged yet. Without an attempt in this session
    it is that of the session before it, where there was one.
    """
    tried = [one for one in session.attempts if one.feature == feature]
    if not tried:
        return "failed" if failed_before else "none"
    if tried[-1].ended is None:
        return "open"
    return "failed" if tried[-1].exit_code != 0 or tried[-1].reason else "passed"


def attempt(night: Night, going: Going, at: Standing) -> End | None:
    """Let the agent work once, and judge what it did."""
    word = night.why_stop()
    if word is not None and word != "max-sessions":
        return word, None
    night.check_trust()
    wanted = _order(night, going, at)
    trace.enter(attempt=wanted.number)  # until the session's own trace ends
    night.tell(f"{going.feature}: attempt {wanted.number}")
    result = attempts.carry_out(
        night.store,
        wanted,
        night.agent,
        wish=night.stopping.wish,
        watch=lambda ears: _watcher(night, going, wanted.number, ears),
        tell=night.janitor,
    )
    active.beat(night.store.location.local, going.session)
    night.look_for_questions()
    crash_point("run.after_agent")
    night.mend()
    _record_commits(night, going, at)
    end = _after(night, going, wanted, result)
    if end is not None or troubles.wait(night, going, result.told):
        return end
    worked = _worked(night, at)
    if result.enough and not worked:
        judging.count(night, going, judging.Failed(_words(wanted, result)))
        return None
    _count_crash(night, going, crashed=not _well(night, result) and not worked, words=_words(wanted, result))
    if not worked:
        return None
    return judging.judge(night, going, standing.look(night, going))


def _well(night: Night, result: Result) -> bool:
    """Tell whether the process ended by itself and said that all is well.

    Known agents end with exit code 0 when they were interrupted, or said nothing at all; their
    stream knows better.
    """
    if result.outcome.reason != "exited" or result.outcome.exit_code != 0:
        return False
    return not night.agent.module.HOOKED or (result.told.ended and result.told.ok)


def _words(wanted: Order, result: Result) -> str:
    outcome, told = result.outcome, result.told
    words = f"ended, {result.enough}" if result.enough else attempts.words(outcome, wanted.limits)
    return f"{words}: {redact(told.trouble.text)[:200]}" if told.trouble is not None else words


def _after(night: Night, going: Going, wanted: Order, result: Result) -> End | None:
    """Record how the process ended; return what ends the night with it."""
    outcome, words = result.outcome, _words(wanted, result)
    reason = "" if _well(night, result) else words
    attempts.record_end(night.store, wanted, outcome, reason, attempts.usage_of(result))
    night.tell(f"{going.feature}: attempt {wanted.number}: {words}, {outcome.seconds:.0f} s")
    night.spend(result.used)
    if outcome.reason in ("silence", "start", "unready"):
        night.notify("stuck", words, session=going.session, feature=going.feature)
    if outcome.survivors:
        shown = ", ".join(f"{pid} ({host.command_line(pid)})" for pid in outcome.survivors)
        raise NeedsPerson(f"processes of the agent could not be ended: {shown}")
    if result.trouble is not None:
        return result.trouble, None
    if outcome.reason == "stopped" and not result.enough:
        return "stopped", None
    if outcome.reason == "wall" and (word := _limit(night)) is not None:
        return word, None
    return None


def _limit(night: Night) -> str | None:
    """Return the limit of time that ended the attempt; a second early is close enough."""
    end = limits.deadline(night.limits, night.started())
    left = night.seconds_left()
    return end[1] if end is not None and left is not None and left < 1 else None


def _count_crash(night: Night, going: Going, *, crashed: bool, words: str) -> None:
    """Count crashes in a row, in the run's document, where no restart of ours resets them."""
    before = night.document().crashes
    if not crashed:
        if before:
            runs.update(night.store, night.run, "the agent works again", crashes=0)
            night.notify("recovery", "the agent works again", session=going.session, feature=going.feature)
        return
    crashes = before + 1
    runs.update(night.store, night.run, f"crash {crashes} in a row, {words}", crashes=crashes)
    text = f"crash {crashes} in a row: {words}"
    night.notify("crash", text, session=going.session, feature=going.feature)
    wanted = night.config.recovery
    if crashes > wanted.max_restarts:
        return
    seconds = limits.back_off(crashes, wanted.backoff_base_seconds, wanted.backoff_max_seconds, night.random)
    night.tell(f"{going.feature}: the agent crashed without doing anything; again in {seconds:.0f} s")
    night.sleep(seconds)


def _worked(night: Night, at: Standing) -> bool:
    """Tell whether files or HEAD are not as they were before the attempt, or a clean end says so."""
    going = standing.Going(at.session.id, at.session.generation, at.feature.id)
    now = standing.look(night, going)
    if (now.shot.tree, now.shot.head) != (at.shot.tree, at.shot.head):
        return True
    return last(now.session, at.feature.id, failed_before=False) == "passed"


def _order(night: Night, going: Going, at: Standing) -> Order:
    wanted = night.config.session
    number = 1 + max((one.number for one in at.session.attempts), default=0)
    return attempts.Order(
        run=night.run,
        session=going.session,
        generation=going.generation,
        feature=going.feature,
        number=number,
        head=at.shot.head,
        prompt=_prompt(night, going, at),
        limits=Limits(
            start=wanted.start_deadline_seconds,
            silence=60 * wanted.silence_minutes,
            wall=night.seconds_left(),
        ),
        # the last attempt starts afresh, in its mind too
        resume=at.feature.attempts + 1 < night.config.budget.max_attempts_per_feature,
    )


def _watcher(night: Night, going: Going, number: int, ears: Ears) -> Watcher:
    wanted = night.config.session
    post = Post(
        session=going.session,
        generation=going.generation,
        feature=going.feature,
        number=number,
        checkpoint_seconds=60 * wanted.checkpoint_interval_minutes,
        rules=watchdog.Rules(
            failures=wanted.stuck_failures,
            without_progress=60 * wanted.stuck_minutes,
            idle=60 * wanted.max_idle_minutes,
        ),
        budget=night.budget,
        used=night.used(),
        deadline=limits.deadline(night.limits, night.started()),
        noted=night.noted(),
    )

    def note(what: str, text: str) -> None:
        night.note(what, text, session=going.session, feature=going.feature)

    return Watcher(
        night.store,
        post,
        night.checkpoint_limits,
        ears,
        note=note,
        tell=night.tell,
        pulse=night.pulse,
        look=night.look_for_questions,
    )


def _prompt(night: Night, going: Going, at: Standing) -> str:
    """Return the context of the session, with what failed last."""
    view = night.store.view()
    output = judging.output_of_last(night, going)
    notices = briefing.uncommitted_notice(at.shot.paths)
    return briefing.brief(
        night.store,
        view,
        at.session,
        notices=notices,
        output=output[0],
        output_file=str(output[1]) if output[1] else None,
    )


def _record_commits(night: Night, going: Going, at: Standing) -> None:
    """Record the commits of the attempt that no hook recorded: hooks are advice, not enforcement.

    A commit here while the agent lived is its own unless a hook saw that it was not. Where our
    hooks are installed and said nothing of it, they were passed by.
    """
    store = night.store
    session = store.view().session(going.session)
    head = store.objects.resolve("HEAD", peel=True)
    if session is None or head is None or head == at.shot.head:
        return
    known = {one.commit for one in session.commits} | {pair.new for pair in session.rewrites}
    hide = [at.shot.head] if at.shot.head else []
    fresh = [one for one in store.objects.walk([head], hide) if one.oid not in known]
    if len(fresh) > facts.MOST_COMMITS:
        raise NeedsPerson(f"{len(fresh)} commits appeared in one attempt")
    works = bool(fresh) and install.status(store.location).works
    for one in reversed(fresh):
        claimed = trailers.value(one.message, names.TRAILER_SESSION) == going.session
        data = {
            "commit": one.oid,
            "kind": "own",
            "feature": going.feature,
            "bypassed": works and not claimed,
            "subject": one.subject[:200],
        }
        standing.record(night, going, "commit", data)
