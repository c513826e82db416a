"""``git ovn answer``: a person's answer to a question."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ovn.cli.options import json_option
from ovn.cli.output import Painted

if TYPE_CHECKING:
    from ovn.cli.context import Context


@click.command()
@click.argument("question")
@click.argument("text", metavar="ANSWER")
@json_option
@click.pass_obj
def command(context: Context, question: str, text: str) -> None:
    """Answer QUESTION (its id, or the beginning of it); an option also by its number.

    The first answer counts. For people: a process of a session is refused.
    """
    from ovn.errors import Refused
    from ovn.model import codec
    from ovn.session import questions

    if context.session:
        raise Refused("a session does not answer its own questions", hint="a person does, from a shell")
    found = questions.find(context.store.view().questions().values(), question)
    answered = questions.answered(found, text, context.clock.now())
    told = questions.record(context.store, answered, by="person")
    if told.answered != answered.answered:
        raise Refused(f"question '{told.id}' was answered meanwhile: {told.answer!r}")
    if context.json:
        context.out.json({"question": codec.encode(told)})
    else:
        context.out.line(Painted(told.id, "bold"), f"  {told.answer}")
