"""``git ovn deinit``: take git ovn out of a repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ovn.cli.options import dry_run_option, json_option

if TYPE_CHECKING:
    from ovn.cli.context import Context


@click.command()
@click.option(
    "--purge", is_flag=True, help="Also remove the state branch, checkpoints, their tags and .git/ovn."
)
@dry_run_option
@json_option
@click.pass_obj
def command(context: Context, purge: bool, dry_run: bool) -> None:
    """Take out hooks, instructions, configuration and views; say first what goes.

    Without --purge the state stays, and 'git ovn init' goes on with it. With it nothing of the
    past is left: no checkpoint, no evidence.
    """
    from ovn.upkeep import setup

    planned = setup.removal(context.store, purge=purge)
    if context.json:
        context.out.json(
            {
                "removed": list(planned.lines),
                "kept": list(planned.kept),
                "refs": list(planned.refs),
                "dry_run": dry_run,
            }
        )
    else:
        for line in planned.lines:
            context.out.line(f"{'would remove' if dry_run else 'removing'} {line}")
        if not planned.lines:
            context.out.line("nothing of git ovn is here")
    if dry_run:
        return
    setup.deinit(context.store, planned, purge=purge)
    if purge:
        context.book.revoke()
    for path in planned.kept:
        context.out.note(f"'{path}' is in no commit as it is and was kept")
    if not purge and context.store.tip() is not None:
        context.out.hint("the state is kept; 'git ovn deinit --purge' removes it too")
