"""``git ovn ask``: a question that only a person can answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ovn.cli.options import json_option
from ovn.cli.output import Painted

if TYPE_CHECKING:
    from ovn.cli.context import Context


@click.command()
@click.argument("text", metavar="QUESTION")
@click.option("--option", "options", multiple=True, metavar="TEXT", help="One of the answers to choose from.")
@click.option("--default", metavar="TEXT", help="What to go on with until somebody answers.")
@json_option
@click.pass_obj
def command(context: Context, text: str, options: tuple[str, ...], default: str | None) -> None:
    """Ask a person, and go on: it waits for nobody.

    'git ovn questions' shows what is open, 'git ovn answer' answers.
    """
    from ovn.cli.place import session_here
    from ovn.errors import UsageError
    from ovn.model import codec
    from ovn.session import questions

    if not text.strip():
        raise UsageError("a question needs a text")
    where = session_here(context)
    made = questions.new(where.session, text, context.clock.now(), options=options, default=default)
    asked = questions.record(context.store, made, by=where.by, generation=where.generation)
    if context.json:
        context.out.json({"question": codec.encode(asked)})
    else:
        context.out.line(Painted(asked.id, "bold"), "  asked")
        context.out.hint(f"a person answers it with 'git ovn answer {asked.id} TEXT'")
