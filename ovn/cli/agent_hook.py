"""``git ovn agent-hook CLI``: handle one event of an agent, for hooks of one's own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ovn.errors import UsageError

if TYPE_CHECKING:
    from ovn.cli.context import Context

KEEPS = {
    "guard": "before a command that discards work",
    "compact": "before the agent's context was compacted",
    "tool": "while the agent worked",
}
"""Why a checkpoint is taken; ``brief`` takes none."""


@click.command()
@click.argument("cli", required=False)
@click.option(
    "--keep", "why", type=click.Choice([*KEEPS, "brief"]), hidden=True, help="Take a checkpoint for a hook."
)
@click.pass_obj
def command(context: Context, cli: str | None, why: str | None) -> None:
    """Answer one event of the agent CLI (claude, codex, gemini, opencode), read as JSON from stdin.

    'git ovn run' hands the hooks over by itself; this is the line for settings of your own.
    """
    if why is not None:
        _keep(context, why)
        return
    from ovn.agents import AGENTS, ours

    if cli is None or not (cli in AGENTS and AGENTS[cli].HOOKED):
        known = ", ".join(name for name, agent in AGENTS.items() if agent.HOOKED)
        raise UsageError(f"no such agent '{cli or ''}'", hint=f"agents with hooks: {known}")
    words = ours.hook_argv(cli)
    os.execv(words[0], words)  # noqa: S606 - to become it is the point


def _keep(context: Context, why: str) -> None:
    """Take a checkpoint of the session at work, and write its briefing where that has changed."""
    from ovn import checkpoints
    from ovn.cli.place import limits, session_here

    where = session_here(context)
    if why in KEEPS:
        request = checkpoints.Request(where.session, kind="automatic", text=KEEPS[why], by="agent")
        checkpoints.take(context.store, request, limits(context), generation=where.generation)
    if why in ("brief", "compact"):
        _brief(context, where.session)


def _brief(context: Context, name: str) -> None:
    from ovn import names
    from ovn.git.run import Git
    from ovn.recovery.facts import uncommitted_paths
    from ovn.shift import briefing

    view = context.store.view()
    session = view.session(name)
    if session is None or session.ended is not None:
        return
    notices = briefing.uncommitted_notice(uncommitted_paths(Git(context.location)))
    text = briefing.brief(context.store, view, session, notices=notices)
    path = context.location.local / names.BRIEF_FOLDER / f"{name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(f"{path}.{os.getpid()}.tmp")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(path)
