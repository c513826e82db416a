"""``git ovn stop``: end a running night from another terminal."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import click

from ovn import host
from ovn.cli.options import json_option
from ovn.errors import Ambiguous, Refused
from ovn.runner import sole, stop

if TYPE_CHECKING:
    from ovn.cli.context import Context
    from ovn.runner.sole import Runner

PATIENCE = 60.0
"""Seconds to wait for the runner's end: the agent's grace, a checkpoint, a handoff."""


@click.command()
@click.option("--now", is_flag=True, help="Kill the agent at once instead of asking it to end.")
@click.option("--no-wait", is_flag=True, help="Ask, and do not wait for the end.")
@json_option
@click.pass_obj
def command(context: Context, now: bool, no_wait: bool) -> None:
    """End the running night: the agent is ended, its work kept, a handoff written.

    It stays stopped until a person runs it again. Exit code 1 when no night is running.
    """
    runner = _choose(sole.alive(context.location.local), context.location.worktree)
    stop.ask(stop.stop_file(context.location.local, runner.run), runner.run, now=now)
    if host.process_start(runner.pid) == runner.process_start:
        os.kill(runner.pid, signal.SIGTERM)
    ended = False if no_wait else _wait(context, runner)
    if context.json:
        context.out.json({"run": runner.run, "pid": runner.pid, "ended": ended})
        return
    context.out.line(f"run {runner.run} ended" if ended else f"run {runner.run} was asked to end")


def _choose(alive: list[Runner], worktree: str) -> Runner:
    """Return the runner of this work tree, else the only one there is."""
    here = [runner for runner in alive if runner.worktree == worktree]
    found = here or alive
    if not found:
        raise Refused("no night is running in this repository")
    if len(found) > 1:
        trees = ", ".join(f"'{runner.worktree}'" for runner in found)
        raise Ambiguous(
            f"nights are running in several work trees: {trees}", hint="go to one of them with -C"
        )
    return found[0]


def _wait(context: Context, runner: Runner) -> bool:
    """Wait until that process runs no night any more; False when it takes too long."""
    end = context.clock.monotonic() + PATIENCE
    while context.clock.monotonic() < end:
        if runner.pid not in [one.pid for one in sole.alive(context.location.local)]:
            return True
        context.clock.sleep(0.05)
    return False
