"""A night, from its first session to its last verification: what every part of it shares, and the loop.

Each step looks at the state as it is, asks a table what it means, and does one thing. So a
night that was killed anywhere goes on by doing what it would have done next.
"""

from __future__ import annotations

import os
import random
from dataclasses import field
from typing import TYPE_CHECKING, Any

from ovn import baseline, checkpoints, features, notify, trace
from ovn.agents.usage import Usage
from ovn.checks import health, trust
from ovn.clock import parse_rfc3339
from ovn.crash import crash_point
from ovn.errors import CrashLoop, LeaseHeld, NeedsPerson, NoSpace, OvnError, StaleLease, Unhealthy
from ovn.frozen import dataclass
from ovn.recovery.facts import Us
from ovn.runner import final, limits, ready, recovering, runs, stop, watchdog, work
from ovn.runner.standing import Going
from ovn.session import questions
from ovn.shift import starting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from ovn.config import Config
    from ovn.git.locate import Location
    from ovn.model.documents import Baseline, Feature, Run
    from ovn.runner.attempt import Agent
    from ovn.runner.final import Broken
    from ovn.runner.guarding import Guard
    from ovn.runner.limits import NightLimits
    from ovn.runner.stop import Stopping
    from ovn.state.store import StateStore


BUDGET = {"max-cost-near": "warning", "max-tokens-near": "warning", "max-cost": "all", "max-tokens": "all"}
"""What the watchdog sees of a budget, and how much of it a person is told is gone."""


def sizes(config: Config, book: trust.Book, location: Location) -> checkpoints.Limits:
    """Return what a checkpoint may hold by the configuration, and whether filters may run."""
    wanted = config.checkpoints
    trusted = trust.allows_filters(book, location)
    return checkpoints.Limits(wanted.max_file_mb * 10**6, wanted.max_total_mb * 10**6, trusted)


@dataclass(slots=True)
class Night:
    """What every step of a night works with. ``tell`` gets lines for people, ``pulse`` a sign of life.

    ``only`` names the features to work on (empty: all); ``environ`` is the person's, from
    which agents and commands get what their allow-lists let through; ``janitor`` hears what must
    be ended if this process is killed.
    """

    store: StateStore
    config: Config
    run: str
    agent: Agent
    agent_name: str
    limits: NightLimits
    stopping: Stopping
    environ: Mapping[str, str]
    book: trust.Book
    checkpoint_limits: checkpoints.Limits
    only: tuple[str, ...] = ()
    tell: Callable[[str], None] = lambda _: None
    pulse: Callable[[str], None] = lambda _: None
    janitor: Callable[..., None] = lambda *_: None
    guard: Guard | None = None
    random: Callable[[], float] = random.random
    herald: notify.Herald = field(default_factory=notify.Herald)
    service: notify.Service = field(default_factory=lambda: notify.Service({}))

    @property
    def us(self) -> Us:
        """Who we are to the leases."""
        return Us(run=self.run, pid=os.getpid())

    @property
    def setting(self) -> baseline.Setting | None:
        """What the baseline is; None where the project has none."""
        wanted = self.config.commands
        if wanted.baseline is None:
            return None
        return baseline.Setting(
            wanted.baseline, wanted.setup, self.environ, trusted=self.checkpoint_limits.trusted
        )

    def document(self) -> Run:
        """Return the run's document as it is now."""
        found = self.store.view().run(self.run)
        if found is None:
            raise NeedsPerson(f"the document of run '{self.run}' is gone", hint="run 'git ovn fsck'")
        return found

    def started(self) -> datetime:
        """Return when the run began."""
        return parse_rfc3339(self.document().started)

    def mend(self) -> None:
        """Put back what an agent changed of what git runs here, before any git of ours runs it.

        Raises NeedsPerson for what cannot be put back.
        """
        for one in self.guard.mend() if self.guard is not None else ():
            self.note("surface", f"the agent changed what git runs here: '{one}'; it is put back")

    def changed_hooks(self) -> list[str]:
        """Return the hooks in the work tree that the agent changed: no commit of ours runs them."""
        return self.guard.in_the_work() if self.guard is not None else []

    def check_trust(self) -> None:
        """Raise NotTrusted when a command, or a script it names, is not what a person allowed.

        An agent that edits what verifies it changes nothing in the run that it works in.
        """
        known = self.store.view().features().values()
        self.book.check(trust.items(self.store.location, self.config, known))

    def why_stop(self) -> str | None:
        """Return the stop word that forbids to begin anything now; None when nothing does."""
        if self.stopping.wish():
            return "stopped"
        if not health.disk_of(self.store.location.common_dir).ok:
            return "disk"
        known = self.document()
        for one in watchdog.spent(self.budget, self.used()):
            word = one.word if one.over else f"{one.word}-near"
            if word not in self.noted():
                self.note(word, one.text)
        return limits.reached(
            self.limits,
            started=parse_rfc3339(known.started),
            now=self.store.clock.now(),
            sessions=len(known.sessions),
            cost=known.cost_usd,
            tokens=known.tokens,
        )

    def notify(self, kind: str, text: str, **more: Any) -> None:
        """Tell a person who is not there; returns at once, raises nothing. ``more`` as Herald.notify."""
        self.herald.notify(kind, text, **more)

    def look_for_questions(self) -> None:
        """Tell of each question that waits for a person; of one only once."""
        if self.herald.listening:
            for one in questions.open_ones(self.store.view()):
                self.notify("question", one.text, subject=one.id, session=one.session, id=one.id)

    @property
    def budget(self) -> watchdog.Budget:
        """What the night may use."""
        most = self.limits
        return watchdog.Budget(most.max_cost, most.max_tokens, self.config.budget.warning_threshold_pct)

    def used(self) -> Usage:
        """Return what the night's attempts used so far."""
        known = self.document()
        return Usage(output=known.tokens, cost=known.cost_usd)

    def spend(self, used: Usage) -> None:
        """Add what an attempt used to the run's document."""
        if used.cost or used.tokens:
            now = self.used() + used
            words = f"{now.cost:.2f} USD, {now.tokens} tokens"
            runs.update(self.store, self.run, words, cost_usd=now.cost, tokens=now.tokens)

    def note(self, what: str, text: str, *, session: str | None = None, feature: str | None = None) -> None:
        """Record what the watchdog saw, and tell it; a state that cannot be written now is told too."""
        self.tell(f"{feature}: {text}" if feature else text)
        self._notify_of(what, text, session, feature)
        try:
            runs.note(self.store, self.run, what, text, session=session, feature=feature)
        except OvnError as error:
            self.tell(f"it could not be recorded: {error}")

    def _notify_of(self, what: str, text: str, session: str | None, feature: str | None) -> None:
        level = BUDGET.get(what)
        if level is not None:
            text += "; the night ends here" if level == "all" else ""
            most = self.limits.max_cost or 0.0
            self.notify("budget", text, subject=what, cost_usd=self.used().cost, max_cost_usd=most)
        elif what in ("stuck", "idle"):
            self.notify("stuck", text, session=session, feature=feature)

    def noted(self) -> frozenset[str]:
        """Return the words of what the watchdog saw in this night."""
        return frozenset(seen.what for seen in self.document().watch)

    def seconds_left(self) -> float | None:
        """Return the seconds to the night's end by time, None without one."""
        end = limits.deadline(self.limits, self.started())
        if end is None:
            return None
        return max((end[0] - self.store.clock.now()).total_seconds(), 0.0)

    def sleep(self, seconds: float) -> None:
        """Wait, unless the night is asked to end."""
        end = self.store.clock.monotonic() + seconds
        while not self.stopping.wish() and (left := end - self.store.clock.monotonic()) > 0:
            self.service.alive()
            self.store.clock.sleep(min(left, 0.1))

    def sleep_until(self, moment: str) -> None:
        """Wait until a moment (RFC 3339), the night's end by time, or a wish to stop.

        Raises NeedsPerson for what is no moment: a question, which only its answer ends.
        """
        try:
            until = parse_rfc3339(moment)
        except ValueError:
            raise NeedsPerson(f"the session waits until {moment}", hint="git ovn questions") from None
        seconds = (until - self.store.clock.now()).total_seconds()
        left = self.seconds_left()
        self.tell(f"waiting until {moment}")
        self.sleep(seconds if left is None else min(seconds, left))


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
    grade: notify.Severity = "good" if word == "all-done" else "info" if reason.exit_code == 20 else "bad"
    night.notify("end", text, severity=grade, stop=word, exit_code=reason.exit_code, done=done)
    return Ended(ended, why, broken, known)
