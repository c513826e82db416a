"""``git ovn init --agent NAME --spec FILE``: who writes what is to be built, and what it came to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ovn.errors import Unhealthy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ovn.cli.context import Context
    from ovn.runner.attempt import Agent
    from ovn.upkeep.initializer import Made

SHOWN = 20
"""Features that are listed; the rest is counted."""


def crew(context: Context, name: str, spec: Path | None) -> tuple[str, Agent] | None:
    """Return the agent that will write, before anything is changed; None where features are there.

    Raises UsageError for an unknown agent, Unhealthy when it cannot be started, NotTrusted for
    what a clone's configuration wants of it, Refused beside a person's uncommitted work.
    """
    from ovn import agents
    from ovn.agents.environment import allowed
    from ovn.checks import trust
    from ovn.runner.attempt import Agent
    from ovn.upkeep import setup

    if context.store.tip() is not None and context.store.view().features():
        context.out.note("there are features already, so the agent is not asked to write any")
        return None
    wanted = context.config.agent
    settings = agents.Settings.of(wanted)
    agent = Agent(agents.find(name, settings), settings, allowed(context.environ))
    context.book.check(trust.of_agent(context.location, context.config))
    wrong = agent.module.health(settings, context.location.tree(), agent.environ)
    if wrong is not None:
        raise Unhealthy(wrong, hint="see 'agent' in .overnight/config.yaml, or choose another with --agent")
    setup.refuse_loose(context.location, _inside(context, spec))
    return name, agent


def _inside(context: Context, spec: Path | None) -> list[str]:
    """Return the specification's path from the top; nothing for one outside of the repository."""
    top = context.location.tree().resolve()
    path = spec.resolve() if spec else top
    return [os.fspath(path.relative_to(top))] if path.is_relative_to(top) else []


def initialize(context: Context, crew: tuple[str, Agent], spec: bytes) -> Made | None:
    """Let the agent write; None when a person stopped it. Raises what ``initializer`` does."""
    from ovn.cli.place import limits
    from ovn.runner import stop
    from ovn.upkeep import initializer

    name, agent = crew
    wish = initializer.Wish(agent, name, spec, limits(context), tell=context.out.note)
    try:
        return initializer.initialize(context.store, context.config, wish)
    except stop.Stopped:
        context.out.note("stopped; what it wrote is in the files, and nothing of it in the registry")
        return None


def tell(context: Context, made: Made, notes: Sequence[str]) -> None:
    """Say what is to be built now, and that nobody trusts it yet."""
    for one in made.features[:SHOWN]:
        context.out.line(f"{one.priority}  {one.id}  {one.title}")
    if len(made.features) > SHOWN:
        context.out.line(f"and {len(made.features) - SHOWN} more: git ovn feature list")
    for note in (*notes, *made.notes):
        context.out.note(note)
    where = f"commit {made.commit[:12]}" if made.commit else "the work tree"
    context.out.note(f"{len(made.features)} features to build; init.sh and all else is in {where}")
    context.out.hint("read what would run: git ovn trust --show; then: git ovn trust, git ovn run --check")


def document(made: Made) -> dict[str, object]:
    """Return what ``--json`` says of it."""
    return {
        "session": made.session,
        "commit": made.commit,
        "features": [one.id for one in made.features],
    }
