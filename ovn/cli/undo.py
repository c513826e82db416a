"""``git ovn undo``: take back one operation of git ovn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ovn.cli.options import dry_run_option, force_option, json_option

if TYPE_CHECKING:
    from ovn.cli.context import Context


@click.command()
@click.argument("operation", required=False)
@dry_run_option
@force_option
@json_option
@click.pass_obj
def command(context: Context, operation: str | None, dry_run: bool, force: bool) -> None:
    """Take back a restore, rollback, commit, merge-back or undo: OPERATION, or the last of this work tree.

    It refuses when files or branch moved since; --force takes a checkpoint and goes on.
    """
    from ovn import operations
    from ovn.cli.moves import order, tell

    wanted = order(context, "undo", force=force, dry_run=dry_run)
    tell(context, operations.undo(context.store, wanted, operation), "undone")
