"""``git ovn rollback``: files, index and branch to a checkpoint; or one feature's commits inverted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ovn.cli.options import dry_run_option, force_option, json_option
from ovn.errors import UsageError

if TYPE_CHECKING:
    from ovn.cli.context import Context


@click.command()
@click.argument("checkpoint", required=False)
@click.option("--feature", metavar="ID", help="Invert this feature's commits, keep later ones.")
@dry_run_option
@force_option
@json_option
@click.pass_obj
def command(
    context: Context, checkpoint: str | None, feature: str | None, dry_run: bool, force: bool
) -> None:
    """Bring files, index and branch back to CHECKPOINT (default: the newest of this work tree).

    The branch moves back only over commits that no remote has; published ones are inverted by
    new commits. A safety checkpoint comes first: 'git ovn undo' takes it back.
    """
    from ovn import operations
    from ovn.cli.moves import order, tell
    from ovn.cli.place import named_checkpoint

    if feature and checkpoint:
        raise UsageError("name a checkpoint or --feature, not both")
    if feature:
        wanted = order(context, "rollback", force=force, dry_run=dry_run)
        tell(
            context,
            operations.rollback_feature(context.store, wanted, feature),
            f"rolled back feature {feature}",
        )
        return
    target = named_checkpoint(context, checkpoint or "@{0}")
    wanted = order(context, "rollback", target=target.id, force=force, dry_run=dry_run)
    tell(context, operations.rollback(context.store, wanted, target), f"rolled back to {target.id}")
