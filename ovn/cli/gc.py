"""``git ovn gc``: thin the checkpoints and tidy up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ovn.cli.options import dry_run_option, json_option
from ovn.cli.output import Painted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ovn.cli.context import Context
    from ovn.model.documents import Checkpoint


@click.command()
@dry_run_option
@json_option
@click.pass_obj
def command(context: Context, dry_run: bool) -> None:
    """Forget automatic checkpoints that nobody will miss, and join git ovn's packs.

    Kept are the named ones, the newest 'checkpoints.keep' of the configuration, one an hour of
    the last day, one a day before, and all that undo or a session still needs.
    """
    from ovn.upkeep import housekeeping

    keep = context.config.checkpoints.keep
    if dry_run:
        gone, kept = housekeeping.plan(context.store, keep=keep)
        done: dict[str, object] = {"packs": 0, "leftovers": []}
    else:
        result = housekeeping.tidy_up(context.store, keep=keep)
        gone, kept = list(result.forgotten), result.kept
        done = {"packs": result.packs, "leftovers": list(result.leftovers)}
    if context.json:
        context.out.json({"forgotten": [one.id for one in gone], "kept": kept, "dry_run": dry_run} | done)
    else:
        _tell(context, gone, kept, dry_run=dry_run)


def _tell(context: Context, gone: Sequence[Checkpoint], kept: int, *, dry_run: bool) -> None:
    for one in gone:
        context.out.line(Painted(one.id, "yellow"), f"  {one.at[:19].replace('T', ' ')}  {one.kind}")
    word = "would be forgotten" if dry_run else "forgotten"
    context.out.line(f"{len(gone)} checkpoints {word}, {kept} kept")
