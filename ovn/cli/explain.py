"""``git ovn explain``: why a commit, a feature or a checkpoint is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ovn.cli.options import json_option
from ovn.cli.output import Painted

if TYPE_CHECKING:
    from ovn.cli.context import Context


@click.command()
@click.argument("what", metavar="COMMIT|FEATURE|CHECKPOINT")
@json_option
@click.pass_obj
def command(context: Context, what: str) -> None:
    """Say why something is there: which session, for which feature, decided why, proven how.

    A feature's id is taken first, then a checkpoint (id, tag or label), then what git takes for
    a commit. Each line ends in what backs it.
    """
    from ovn.cli import reading
    from ovn.cli.place import current_session
    from ovn.model import codec
    from ovn.report import words
    from ovn.report.explaining import explain

    reading.fold(context)
    found = explain(context.store, what, session=current_session(context))
    if context.json:
        context.out.json(codec.encode(found))
        return
    rows = [
        (Painted(one.what, "bold"), one.text, Painted(f"[{words.source(one.source)}]", "dim"))
        for one in found.facts
    ]
    for name, text, source in rows:
        context.out.line(name, " " * max(12 - len(name.text), 1), text, "  ", source)
