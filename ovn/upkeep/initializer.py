"""The initializer: an agent reads the specification once and writes what a night will build.

What it writes is checked whole; what is wrong goes back to it, a bounded number of times. Then
the registry, ``init.sh``, the first progress file and a baseline commit are there, and nothing
of it runs before a person trusted it. (The two-agent pattern of Anthropic's "Effective harnesses
for long-running agents", with the checks that its prompts only ask for.)
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ovn import checkpoints, names, operations
from ovn.clock import rfc3339
from ovn.errors import CommitRefused, GitTimeout, HandoffRefused, NeedsPerson, OperationInProgress, Unhealthy
from ovn.frozen import dataclass, field, replace
from ovn.model import lifecycle
from ovn.recovery.facts import Us
from ovn.redaction import redact
from ovn.runner import attempt as attempts
from ovn.runner import sole, stop
from ovn.runner.janitor import Janitor
from ovn.runner.process import Limits
from ovn.runner.watcher import Post, Watcher
from ovn.shift import closing, starting
from ovn.upkeep import proposing

if TYPE_CHECKING:
    from collections.abc import Callable

    from ovn.config import Config
    from ovn.features.proposal import Proposal
    from ovn.model.documents import Feature
    from ovn.runner.attempt import Agent, Result
    from ovn.runner.watcher import Ears
    from ovn.shift.starting import Shift
    from ovn.state.store import StateStore

TRIES = 3
"""How often the initializer may write; the first time and twice to mend it."""

SECONDS = 3600.0
"""The longest that one try may take."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Who initializes (``agent`` with its ``name``), and who is told how it goes.

    ``run`` is the mark of its processes, ``janitor`` who ends them if this process is killed;
    ``initialize`` fills both in.
    """

    agent: Agent
    name: str
    spec: bytes
    limits: checkpoints.Limits = checkpoints.Limits()
    tell: Callable[[str], None] = field(default=lambda _: None)
    pulse: Callable[[str], None] = field(default=lambda _: None)
    run: str = ""
    janitor: Callable[..., None] = field(default=lambda *_: None)


@dataclass(frozen=True, slots=True)
class Made:
    """What the initializer left: the features, the session, the baseline commit (None: refused)."""

    features: tuple[Feature, ...]
    session: str
    commit: str | None
    notes: tuple[str, ...] = ()


def initialize(store: StateStore, config: Config, wish: Wish) -> Made:
    """Let the agent write what is to be built, take it over and commit it.

    Whatever happens, the session is handed off and what it wrote stays in the files. Raises
    NeedsPerson when what it writes stays wrong or it cannot go on, Unhealthy when it cannot be
    started or its hooks are off, LeaseHeld, and ``stop.Stopped`` for a signal.
    """
    location = store.location
    # the commit that ends it holds the configuration itself, which the hooks keep from agents;
    # ``untouchable`` does instead
    open_ = replace(config, enforcement=replace(config.enforcement, protect_registry=False))
    run = names.new_id(store.clock.now())
    with (
        sole.held(location.local, location.worktree) as place,
        Janitor(location.local, location.worktree, run, store.clock) as janitor,
    ):
        begun = starting.start(store, open_, _opening(wish))
        place.name(begun.session.id)
        file = stop.stop_file(location.local, begun.session.id)
        with stop.Stopping(file, begun.session.id) as stopping:
            work = _Work(store, open_, replace(wish, run=run, janitor=janitor.tell), begun, stopping)
            try:
                found = work.until_valid()
                return work.take_over(found)
            finally:
                work.hand_off()


def _opening(wish: Wish) -> starting.Opening:
    return starting.Opening(
        agent=wish.name,
        goal="write what is to be built",
        kind="run",
        pid=os.getpid(),
        by="runner",
        limits=wish.limits,
    )


class _Work:
    """One initializer at work: its session, its tries, what came of them."""

    def __init__(
        self, store: StateStore, config: Config, wish: Wish, begun: Shift, stopping: stop.Stopping
    ) -> None:
        self._store = store
        self._config = config
        self._wish = wish
        self._session = begun.session.id
        self._generation = begun.generation
        self._stopping = stopping
        self._untouchable = proposing.untouchable(store.location)
        self._notes: list[str] = []

    # -- the tries ---------------------------------------------------------------------

    def until_valid(self) -> Proposal:
        """Return a proposal in which nothing is wrong. Raises NeedsPerson after the last try."""
        wrong: tuple[str, ...] = ()
        for number in range(1, TRIES + 1):
            self._wish.tell(f"{self._wish.name} writes what is to be built, try {number} of {TRIES}")
            self._try(number, wrong)
            self._notes += proposing.put_back(self._store.location, self._untouchable)
            found = proposing.read(self._store.location, rfc3339(self._store.clock.now()))
            if not found.wrong:
                return found
            wrong = found.wrong
            self._wish.tell(f"refused: {wrong[0]}" + (f" (and {len(wrong) - 1} more)" if wrong[1:] else ""))
        raise NeedsPerson(
            f"what the initializer wrote was refused {TRIES} times, at last: {wrong[0]}",
            hint=f"mend '{names.PROPOSAL_FILE}' yourself: 'git ovn import {names.PROPOSAL_FILE}' takes it in",
            wrong=list(wrong),
        )

    def _try(self, number: int, wrong: tuple[str, ...]) -> None:
        self._go_on()
        order = self._order(number, wrong)
        environ = {**self._wish.agent.environ, names.ENV_PROPOSAL: names.PROPOSAL_FILE}
        agent = replace(self._wish.agent, environ=environ)
        result = attempts.carry_out(
            self._store,
            order,
            agent,
            wish=self._stopping.wish,
            watch=lambda ears: self._watcher(order, ears),
            tell=self._wish.janitor,
        )
        words = attempts.words(result.outcome, order.limits)
        session = self._store.view().session(self._session)
        if session is not None and session.ended is None:
            attempts.record_end(self._store, order, result.outcome, words)
        _refuse_to_go_on(result, words)

    def _watcher(self, order: attempts.Order, ears: Ears) -> Watcher:
        interval = 60 * self._config.session.checkpoint_interval_minutes
        post = Post(order.session, order.generation, order.feature, order.number, interval)
        wish = self._wish
        return Watcher(self._store, post, wish.limits, ears, tell=wish.tell, pulse=wish.pulse)

    def _go_on(self) -> None:
        """Begin another session where the agent ended this one by a handoff of its own."""
        session = self._store.view().session(self._session)
        if session is None or session.ended is None:
            return
        begun = starting.start(self._store, self._config, _opening(self._wish))
        self._session, self._generation = begun.session.id, begun.generation

    def _order(self, number: int, wrong: tuple[str, ...]) -> attempts.Order:
        wanted = self._config.session
        return attempts.Order(
            run=self._wish.run,
            session=self._session,
            generation=self._generation,
            feature="",
            number=number,
            head=self._store.objects.resolve("HEAD", peel=True),
            prompt=proposing.context(self._store, self._session, self._wish.spec, wrong),
            limits=Limits(wanted.start_deadline_seconds, 60 * wanted.silence_minutes, SECONDS),
            resume=number > 1,
            begin="initializer-again" if number > 1 else "initializer",
        )

    # -- what comes of it --------------------------------------------------------------

    def take_over(self, found: Proposal) -> Made:
        """Write the registry, make the baseline commit; ``hand_off`` renders the progress file."""
        self._go_on()
        proposing.record(self._store, found.features)
        self._notes += proposing.configure(self._store.location, found.commands)
        (self._store.location.tree() / names.PROPOSAL_FILE).unlink()
        return Made(found.features, self._session, self._commit(len(found.features)), tuple(self._notes))

    def _commit(self, count: int) -> str | None:
        order = operations.Order(
            "commit", self._session, by="runner", generation=self._generation, limits=self._wish.limits
        )
        try:
            return operations.commit_work(self._store, order, f"Baseline: {count} features to build")
        except (CommitRefused, GitTimeout, OperationInProgress) as error:
            self._notes.append(f"the baseline commit was not made, and is yours to make: {error}")
            return None

    def hand_off(self) -> None:
        """End the session; what could not be committed stays in the files and in a checkpoint."""
        session = self._store.view().session(self._session)
        if session is None or lifecycle.ended(session.state):
            return
        wanted = closing.Closing(
            self._session,
            author="runner",
            us=Us(session=self._session, pid=os.getpid()),
            generation=self._generation,
            limits=self._wish.limits,
            wip=True,
        )
        try:
            closing.hand_off(self._store, self._config, wanted)
        except HandoffRefused as refusal:
            self._wish.tell(f"the session was not handed off: {refusal}")


def _refuse_to_go_on(result: Result, words: str) -> None:
    """Raise what no further try can mend."""
    if result.trouble is not None:
        raise Unhealthy(stop.REASONS[result.trouble].sentence)
    if result.outcome.reason == "stopped":
        raise stop.Stopped
    if result.outcome.reason in ("start", "unready"):
        raise Unhealthy(f"the agent did not start: {words.removeprefix('ended: ')}")
    told = result.told.trouble
    if told is not None and told.kind in ("fatal-person", "wait-until", "wait-back-off"):
        raise NeedsPerson(f"the agent cannot go on: {redact(told.text)[:500]}", hint="try again later")
