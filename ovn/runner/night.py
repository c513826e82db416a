"""A night as every part of it sees it: what it works with, may use, records and tells.

``ovn.runner.holding`` is the loop over its sessions.
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, Any

from ovn import baseline, checkpoints, notify
from ovn.agents.usage import Usage
from ovn.checks import health, trust
from ovn.clock import parse_rfc3339
from ovn.errors import NeedsPerson, OvnError
from ovn.frozen import dataclass, field
from ovn.recovery.facts import Us
from ovn.runner import limits, runs, watchdog
from ovn.session import questions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from ovn.config import Config
    from ovn.git.locate import Location
    from ovn.model.documents import Run
    from ovn.runner.attempt import Agent
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
