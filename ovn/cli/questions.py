"""``git ovn questions``: what waits for a person's answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ovn.cli.options import json_option
from ovn.cli.output import Painted

if TYPE_CHECKING:
    from ovn.cli.context import Context


@click.command()
@click.option("--all", "every", is_flag=True, help="Those that were answered too.")
@json_option
@click.pass_obj
def command(context: Context, every: bool) -> None:
    """List the questions that wait for an answer, the oldest first."""
    from ovn.model import codec
    from ovn.session import questions

    view = context.store.view()
    found = questions.open_ones(view)
    if every:
        found = sorted(view.questions().values(), key=lambda one: (one.at, one.id))
    if context.json:
        context.out.json({"questions": [codec.encode(one) for one in found]})
    elif not found:
        context.out.note("no questions")
    else:
        rows = [
            (Painted(one.id, "bold"), one.session, one.text, one.answer or " | ".join(one.options))
            for one in found
        ]
        context.out.table(rows, head=("question", "session", "", "answer"))
