"""``git ovn list``: the checkpoints that are here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ovn.cli import porcelain
from ovn.cli.options import json_option
from ovn.cli.output import Painted

if TYPE_CHECKING:
    from ovn.cli.context import Context
    from ovn.model.documents import Checkpoint


@click.command()
@click.option("--session", metavar="ID", help="Only those of one session.")
@json_option
@porcelain.porcelain_option
@click.pass_obj
def command(context: Context, session: str | None) -> None:
    """List the checkpoints, newest last."""
    from ovn.checkpoints import found
    from ovn.model import codec

    known = found(context.store, session)
    if context.json:
        context.out.json({"checkpoints": [codec.encode(one) for one in known]})
    elif porcelain.wanted():
        porcelain.show(context, map(porcelain.checkpoint, known))
    elif not known:
        context.out.note("no checkpoints yet; 'git ovn checkpoint LABEL' takes one")
    else:
        context.out.table(
            [_row(one) for one in known], head=("checkpoint", "label", "when", "kind", "changed", "on")
        )


def _row(one: Checkpoint) -> tuple[str | Painted, ...]:
    on = (one.branch or "detached").removeprefix("refs/heads/")
    when = one.at[:19].replace("T", " ")
    return Painted(one.id, "yellow"), one.label or "", when, one.kind, str(one.changed), on
