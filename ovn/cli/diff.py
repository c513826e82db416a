"""``git ovn diff``: a checkpoint against the work tree, or against another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ovn.cli.options import PathsCommand, given_paths

if TYPE_CHECKING:
    from ovn.cli.context import Context


@click.command(cls=PathsCommand)
@click.argument("checkpoint")
@click.argument("other", required=False)
@click.option("--stat", is_flag=True, help="Only how much changed, a line a path.")
@click.pass_obj
def command(context: Context, checkpoint: str, other: str | None, stat: bool) -> None:
    """Show what changed from CHECKPOINT to OTHER, or to the work tree as it is now."""
    from ovn.cli.place import named_checkpoint, paths_here, tree_now
    from ovn.git.paths import unquote
    from ovn.git.run import Git

    old = named_checkpoint(context, checkpoint).tree
    new = named_checkpoint(context, other).tree if other else tree_now(context)
    paths = [unquote(path) for path in paths_here(context, given_paths())]
    form = "--stat" if stat else "--patch"
    answer = Git(context.location).run(
        "diff", "--no-ext-diff", "--no-textconv", "--no-color", form, old, new, "--", *paths
    )
    context.out.patch(answer.out)
