"""``git ovn restore``: bring files back from a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ovn.cli.options import PathsCommand, dry_run_option, force_option, given_paths, json_option

if TYPE_CHECKING:
    from ovn.cli.context import Context


@click.command(cls=PathsCommand)
@click.argument("checkpoint")
@dry_run_option
@force_option
@json_option
@click.pass_obj
def command(context: Context, checkpoint: str, dry_run: bool, force: bool) -> None:
    """Bring back the files of CHECKPOINT, all or those named after '--'.

    HEAD, index and branch stay. A safety checkpoint comes first: 'git ovn undo' takes it back.
    """
    from ovn import operations
    from ovn.cli.moves import order, tell
    from ovn.cli.place import named_checkpoint, paths_here

    target = named_checkpoint(context, checkpoint)
    wanted = order(context, "restore", target=target.id, force=force, dry_run=dry_run)
    paths = paths_here(context, given_paths())
    tell(context, operations.restore(context.store, wanted.only(paths), target), f"restored {target.id}")
