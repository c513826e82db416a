"""One agent process inside a session: recorded, started, watched, its work kept while it goes.

The records come before what they tell of: an attempt, then its process, then the agent. So
whatever dies in between, the next run knows what to look for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn import names
from ovn.clock import rfc3339
from ovn.crash import crash_point
from ovn.errors import Unhealthy
from ovn.frozen import dataclass, replace
from ovn.model import codec, records
from ovn.model.documents import Usage
from ovn.runner.process import AgentProcess, Launch, Limits, Outcome
from ovn.runner.watcher import Ears

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ovn import agents
    from ovn.agents import usage as used
    from ovn.agents.events import Account
    from ovn.runner.process import Wish
    from ovn.runner.watcher import Watcher
    from ovn.state.store import StateStore

LOG = "agent.log"
"""In the folder of an attempt."""


@dataclass(frozen=True, slots=True)
class Order:
    """What an attempt is: whose, at what, with which prompt, within which limits.

    ``resume``: it goes on in the agent's own session of the attempt before, where there is one.
    ``agent_session`` is the agent's own session to go on in whatever became of it.
    ``begin`` names a file of ``prompts/`` to begin with, other than the usual one. ``feature``
    is empty for an initializer, which works on none.
    """

    run: str
    session: str
    generation: int
    feature: str
    number: int
    head: str | None
    prompt: str
    limits: Limits
    resume: bool = False
    begin: str | None = None
    agent_session: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """How the agent's process ended, what it used, and what went wrong around it, if anything.

    ``trouble`` is a stop word (``disk``, ``lost-lease``, ``hooks-off`` ...) or None, ``enough``
    why the watchdog ended this attempt alone; ``told`` is what the agent's own stream says.
    """

    outcome: Outcome
    used: used.Usage
    trouble: str | None
    told: Account
    enough: str | None = None


@dataclass(frozen=True, slots=True)
class Agent:
    """Who works: the module, its settings, and the environment it may see."""

    module: agents.Agent
    settings: agents.Settings
    environ: Mapping[str, str]


def folder_of(store: StateStore, run: str, session: str, number: int) -> Path:
    """Return the attempt's own folder under ``.git/ovn/``: prompt, log, cost."""
    return store.location.local / "runs" / run / session / f"{number:03d}"


def carry_out(
    store: StateStore,
    order: Order,
    agent: Agent,
    *,
    wish: Callable[[], Wish],
    watch: Callable[[Ears], Watcher],
    tell: Callable[..., None] = lambda *_: None,
) -> Result:
    """Let the agent work once and return how it ended.

    ``watch`` makes the watcher that sits beside it, ``tell`` gets what the janitor must know.

    Raises Unhealthy when it cannot be started (recorded as the attempt's end), StaleLease.
    """
    from ovn.agents import Task, past

    folder = folder_of(store, order.run, order.session, order.number)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    prompt_file = folder / "prompt.md"
    prompt_file.write_text(order.prompt, encoding="utf-8")
    reader = agent.module.events
    resume = order.agent_session or (past.resumable(reader, folder) if order.resume else None)
    task = Task(order.feature, order.session, prompt_file, folder, resume, order.begin)
    launch = _launch(store, order, agent, task)
    _record(store, order, "attempt.started", _started(store, order, launch))
    crash_point("run.before_launch")
    watcher = watch(Ears(reader, lambda: agent.module.spent(task), agent.module.HOOKED))
    with AgentProcess(launch, store.clock, tell=tell, hear=watcher.stream.hear) as process:
        _record(store, order, "attempt.launched", _launched(order, process))
        try:
            process.open()
        except Unhealthy as error:
            record_end(store, order, None, str(error))
            raise
        crash_point("run.after_launch")

        def wished() -> Wish:
            if agent.module.HOOKED and watcher.trouble is None:
                watcher.look_for_hooks(task.folder, order.limits.start)
            over = watcher.trouble or watcher.enough or watcher.unready
            return wish() or ("stop" if over else None)

        outcome = process.watch(order.limits, wish=wished, tick=lambda: watcher.tick(process.written))
    if watcher.unready and outcome.reason == "stopped" and not wish():
        outcome = replace(outcome, reason="unready")
    told = past.account(reader, folder)
    watcher.look_for_hooks_at_the_end(folder, told)
    return Result(outcome, agent.module.spent(task), watcher.trouble, told, watcher.enough)


def record_end(
    store: StateStore, order: Order, outcome: Outcome | None, reason: str, usage: Usage | None = None
) -> None:
    """Record how the attempt ended, in words; None is a process that never became the agent."""
    head = store.objects.resolve("HEAD", peel=True)
    code = outcome.exit_code if outcome else None
    data = {"number": order.number, "exit_code": code, "reason": reason, "head": head}
    used = {"usage": codec.encode(usage)} if usage is not None else {}
    _record(store, order, "attempt.ended", {**data, **used})


def usage_of(result: Result) -> Usage | None:
    """Return what the attempt used; None where the agent told nothing of it."""
    told = result.used
    if not told.tokens and not told.cost:
        return None
    return Usage(told.input, told.output, told.cached, told.cost or None)


def words(outcome: Outcome, limits: Limits) -> str:
    """Return in words how the process ended. Pure."""
    if outcome.reason == "exited":
        return (
            f"exit code {outcome.exit_code}" if outcome.signal is None else f"died by signal {outcome.signal}"
        )
    within = f"within {limits.start:g} s (session.start_deadline_seconds)" if limits.start else "in time"
    return {
        "silence": f"ended after {limits.silence:g} s of silence" if limits.silence else "",
        "start": f"ended: it put out nothing and gave no other sign of life {within}",
        "unready": f"ended: it put something out, but neither worked nor ran a hook {within}",
        "wall": "ended: its time was over",
        "stopped": "ended: the run was asked to stop",
    }[outcome.reason]


def _launch(store: StateStore, order: Order, agent: Agent, task: agents.Task) -> Launch:
    marks = {
        names.ENV_SESSION: order.session,
        names.ENV_GENERATION: str(order.generation),
        names.ENV_FEATURE: order.feature,
        names.ENV_ATTEMPT: str(order.number),
        names.ENV_CONTEXT: str(task.prompt_file),
    }
    own = agent.module.environment(agent.settings, task, agent.environ)
    return Launch(
        argv=agent.module.argv(agent.settings, task),
        folder=store.location.tree(),
        environ={**agent.environ, **own, **marks, "PWD": str(store.location.tree())},
        run=order.run,
        log=task.folder / LOG,
        beat=store.location.local / names.BEAT_FOLDER / order.session,
    )


def _started(store: StateStore, order: Order, launch: Launch) -> dict[str, object]:
    log = launch.log.relative_to(store.location.common_dir).as_posix()
    return {"number": order.number, "feature": order.feature or None, "head": order.head, "log": log}


def _launched(order: Order, process: AgentProcess) -> dict[str, object]:
    found = process.recorded
    return {
        "number": order.number,
        "pid": found.pid,
        "pgid": found.pgid,
        "process_start": found.process_start,
        "boot_id": found.boot_id,
    }


def _record(store: StateStore, order: Order, kind: str, data: Mapping[str, object]) -> None:
    record = records.make(kind, data, at=rfc3339(store.clock.now()), by="runner")
    store.record(order.session, record, generation=order.generation)
