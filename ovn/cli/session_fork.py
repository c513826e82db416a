"""``git ovn session fork``: a copy of a session up to a point, in a work tree of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ovn.cli.options import json_option
from ovn.cli.output import Painted

if TYPE_CHECKING:
    from ovn.cli.context import Context


@click.command("fork")
@click.argument("source", metavar="SESSION")
@click.option("--at", metavar="CHECKPOINT|STEP", help="Where the copy begins; by default at the end.")
@click.option("--worktree", type=click.Path(path_type=Path), metavar="DIR", help="Where its files go.")
@click.option("--name", metavar="SESSION", help="The new session's id.")
@json_option
@click.pass_obj
def fork(context: Context, source: str, at: str | None, worktree: Path | None, name: str | None) -> None:
    """Make a new session with SESSION's history up to a point, in a new work tree and branch.

    The original stays as it is. 'git ovn diff' compares checkpoints of both, 'git ovn log'
    tells the story of both.
    """
    from ovn.session.forking import fork

    by = "agent" if context.session else "person"
    made = fork(context.store, source, at=at, new=name, worktree=worktree, by=by)
    if context.json:
        context.out.json(
            {
                "session": made.session_id,
                "worktree": str(made.worktree),
                "branch": made.branch,
                "source": made.source,
                "through": made.through,
                "checkpoint": made.checkpoint,
            }
        )
        return
    context.out.line(Painted(made.session_id, "bold"), f"  in {made.worktree}, on branch {made.branch}")
    context.out.note(
        f"it begins after record {made.through} of '{source}', with the files of {made.checkpoint}"
    )
    context.out.hint(f"start it there: DurableSession.start('{made.session_id}', repo='{made.worktree}')")
