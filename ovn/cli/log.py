"""``git ovn log``: the story, as the state branch tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ovn.cli import porcelain
from ovn.cli.options import json_option
from ovn.cli.output import Painted

if TYPE_CHECKING:
    from ovn.cli.context import Context
    from ovn.state.log import Entry

COLOURS = {
    "start": "green",
    "handoff": "green",
    "evidence": "cyan",
    "checkpoint": "yellow",
    "recovery": "red",
    "operation": "red",
}
"""First words of a subject that stand out."""


@click.command()
@click.option("--session", metavar="ID", help="Only what happened in one session.")
@click.option("--feature", metavar="ID", help="Only what concerns one feature.")
@click.option(
    "-n", "--max-count", "limit", type=click.IntRange(min=0), metavar="N", help="At most N entries."
)
@click.option("--oneline", is_flag=True, help="Subjects only.")
@json_option
@porcelain.porcelain_option
@click.pass_obj
def command(
    context: Context, session: str | None, feature: str | None, limit: int | None, oneline: bool
) -> None:
    """Tell what happened, newest first: what 'git log overnight/state' holds, formatted."""
    from ovn.cli import reading

    reading.fold(context)
    entries = context.store.log(session, feature, limit)
    if context.json:
        from dataclasses import asdict

        context.out.json({"entries": [asdict(one) for one in entries]})
    elif porcelain.wanted():
        porcelain.show(context, map(porcelain.entry, entries))
    elif not entries:
        context.out.note("nothing has happened yet")
    else:
        for one in entries:
            _tell(context, one, oneline=oneline)


def _tell(context: Context, one: Entry, *, oneline: bool) -> None:
    word, _, rest = one.subject.partition("(")
    style = COLOURS.get(word, "dim" if one.event is None else "bold")
    subject = (Painted(word, style), f"({rest}" if rest else "")
    context.out.line(Painted(one.oid[:8], "yellow"), f" {one.when[:19].replace('T', ' ')}  ", *subject)
    if one.body and not oneline:
        context.out.text("\n".join(f"    {line}" if line else "" for line in one.body.splitlines()))
