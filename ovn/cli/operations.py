"""``git ovn operations``: what git ovn did to files and refs, and what was taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ovn.cli.options import json_option
from ovn.cli.output import Painted

if TYPE_CHECKING:
    from ovn.cli.context import Context
    from ovn.model.documents import Operation


@click.command()
@json_option
@click.pass_obj
def command(context: Context) -> None:
    """List the operations that 'git ovn undo' knows, newest last."""
    from ovn.model import codec
    from ovn.operations import operations

    known = operations(context.store)
    if context.json:
        context.out.json({"operations": [codec.encode(one) for one in known]})
    elif not known:
        context.out.note("no operations yet")
    else:
        context.out.table(
            [_row(one) for one in known], head=("operation", "verb", "when", "state", "of", "safety")
        )


def _row(one: Operation) -> tuple[str | Painted, ...]:
    state = f"undone by {one.undone_by}" if one.undone_by else one.state
    of = one.feature or one.undoes or one.target or ""
    when = one.at[:19].replace("T", " ")
    return Painted(one.id, "yellow"), one.verb, when, state, of, one.before.checkpoint or ""
