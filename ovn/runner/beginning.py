"""The beginning of a run: a new one, or the one whose runner died, made ready to be held."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from ovn import agents, features, names, notify, trace
from ovn.agents.environment import allowed
from ovn.checks import commands, health, trust
from ovn.clock import parse_rfc3339, rfc3339
from ovn.crash import crash_point
from ovn.frozen import dataclass, field
from ovn.git import locate
from ovn.model.documents import Run
from ovn.runner import awake, ground, holding, limits, night, runs, sole, stop
from ovn.runner.attempt import Agent
from ovn.runner.guarding import Guard
from ovn.runner.janitor import Janitor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ovn.config import Config
    from ovn.runner.ground import Ground, Wanted
    from ovn.runner.holding import Ended
    from ovn.runner.limits import NightLimits
    from ovn.state.store import StateStore


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asks of ``git ovn run``. ``by_hand``: a terminal is there, so a person is.

    ``environ`` is theirs, ``trust_home`` and ``trust_given`` where and what they trust.
    """

    ground: Wanted
    limits: NightLimits
    environ: Mapping[str, str]
    trust_home: Path
    trust_given: str | None = None
    agent: str | None = None
    features: tuple[str, ...] = ()
    by_hand: bool = False
    tell: Callable[[str], None] = field(default=lambda _: None)
    pulse: Callable[[str], None] = field(default=lambda _: None)


@dataclass(frozen=True, slots=True)
class Begun:
    """A run that is about to work: its document, where, what a person must know first."""

    run: Run
    ground: Ground
    resumed: bool


def agent_of(config: Config, wish: Wish) -> tuple[str, Agent]:
    """Return the agent's name, and the agent. Raises UsageError."""
    settings = agents.Settings.of(config.agent)
    name = wish.agent or config.agent.name
    return name, Agent(agents.find(name, settings), settings, allowed(wish.environ))


def fit(store: StateStore, config: Config, agent: Agent, environ: Mapping[str, str]) -> list[health.Finding]:
    """Return what was found of the machine and the agent."""

    def run(command: health.Command) -> health.Ran:
        ran = commands.run(command, store.location.tree(), commands.environment(environ), seconds=120)
        return health.Ran(ran.exit_code, ran.summary)

    found = health.look(store.location, config.commands.health, run)
    wrong = agent.module.health(agent.settings, store.location.tree(), agent.environ)
    hint = "see 'agent' in .overnight/config.yaml" if wrong else None
    return [*found, health.Finding("agent", wrong is None, wrong or "can be started", hint)]


def hold(store: StateStore, config: Config, wish: Wish, begun: Callable[[Begun], None]) -> Ended:
    """Hold a night, from its beginning to its end; ``begun`` is told before the first session.

    Raises LeaseHeld (11) where one is running, NotTrusted (17), Unhealthy (14), Refused and
    NeedsPerson for the ground, UsageError.
    """
    name, agent = agent_of(config, wish)
    features.registry(store)  # 10 where there is no state, before anything else is found wanting
    book = trust.Book(wish.trust_home, store.location, wish.trust_given)
    with ExitStack() as stack, ExitStack() as at_first:
        place = at_first.enter_context(sole.held(store.location.local, store.location.worktree))
        known = store.view().features()
        for one in wish.features:
            features.find(known, one)
        book.check(trust.items(store.location, config, known.values()))
        health.demand(fit(store, config, agent, wish.environ))
        beginning = _begin(store, config, wish, name)
        run = beginning.run.id
        stack.enter_context(trace.within(run=run))
        there = ground.linked_store(beginning.ground, store)
        if there is store:
            stack.push(at_first.pop_all())
        else:
            place = stack.enter_context(sole.held(there.location.local, there.location.worktree))
            at_first.close()  # the tree it was asked for in is free for another night
        place.name(run)
        hired = Janitor(there.location.local, there.location.worktree, run, store.clock)
        janitor = stack.enter_context(hired)
        begun(beginning)
        if stack.enter_context(awake.kept(notify.for_children(wish.environ), f"run {run}")):
            wish.tell("the machine is kept awake until it ends")
        crash_point("run.after_start")
        stopping = stack.enter_context(stop.Stopping(_stop_file(store, wish, run), run))
        service = stack.enter_context(notify.Service(wish.environ))
        herald = stack.enter_context(_herald(there, config, wish, beginning))
        service.ready()
        return holding.hold(
            night.Night(
                store=there,
                config=config,
                run=run,
                agent=agent,
                agent_name=name,
                limits=limits.from_record(beginning.run.limits),
                stopping=stopping,
                environ={**wish.environ, names.ENV_COMMAND: run},
                book=book,
                checkpoint_limits=night.sizes(config, book, there.location),
                only=beginning.run.features,
                tell=service.passing(wish.tell),
                pulse=service.passing(wish.pulse),
                janitor=janitor.tell,
                guard=Guard(there.location, wish.trust_home, run),
                herald=herald,
                service=service,
            )
        )


def _herald(store: StateStore, config: Config, wish: Wish, beginning: Begun) -> notify.Herald:
    """Return who tells the person, who by now knows that the night began."""
    run = beginning.run
    herald = notify.herald_of(
        config.notifications,
        notify.About(store.view().project.project, run.id, run.branch),
        top=store.location.tree(),
        local=store.location.local,
        environ=wish.environ,
        tell=wish.tell,
        clock=store.clock,
    )
    if not beginning.resumed:
        herald.notify("start", f"{run.agent} works on {(run.branch or '').removeprefix('refs/heads/')}")
    return herald


def _stop_file(store: StateStore, wish: Wish, run: str) -> Path:
    """Return where to look for a request to stop; a person who runs it again takes it back."""
    file = stop.stop_file(store.location.local, run)
    if wish.by_hand:
        stop.clear(file)
    return file


def _begin(store: StateStore, config: Config, wish: Wish, agent: str) -> Begun:
    dead = runs.running(store.view(), store.location.worktree)
    if dead is not None:
        return _again(store, wish, dead)
    now = store.clock.now()
    run = names.new_id(now)
    book = trust.Book(wish.trust_home, store.location, wish.trust_given)
    before = locate.branch(store.location)
    where = ground.take(store, wish.ground, run, night.sizes(config, book, store.location))
    end = limits.deadline(wish.limits, now)
    document = Run(
        version=1,
        id=run,
        state="running",
        started=rfc3339(now),
        worktree=where.location.worktree,
        branch=where.branch,
        base=where.base,
        onto=before,
        agent=agent,
        limits=wish.limits.record(),
        features=wish.features,
        deadline=rfc3339(end[0]) if end else None,
    )
    return Begun(runs.begin(store, document), where, resumed=False)


def _again(store: StateStore, wish: Wish, dead: Run) -> Begun:
    """Take up the run whose runner died: its branch, its limits unless their time is over."""
    ground.of_run(store, dead.branch)
    over = dead.deadline is not None and parse_rfc3339(dead.deadline) <= store.clock.now()
    if over:
        end = limits.deadline(wish.limits, store.clock.now())
        fresh = {**wish.limits.record(), "max_hours": None, "until": rfc3339(end[0]) if end else None}
        dead = runs.update(store, dead.id, "taken up with new limits", limits=fresh, deadline=fresh["until"])
    return Begun(dead, ground.Ground(store.location, dead.branch or "", dead.base or ""), resumed=True)
