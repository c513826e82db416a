"""``git ovn note``: something worth remembering, in the session's own document."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ovn.cli.options import json_option

if TYPE_CHECKING:
    from ovn.cli.context import Context

LONGEST = 20_000


@click.command()
@click.argument("text")
@json_option
@click.pass_obj
def command(context: Context, text: str) -> None:
    """Add TEXT to the notes of the session at work here; the next briefing shows it.

    Secrets of a known shape are taken out.
    """
    from ovn.cli.place import session_here
    from ovn.clock import rfc3339
    from ovn.errors import UsageError
    from ovn.model import records
    from ovn.redaction import redact

    said = redact(text.strip())[:LONGEST]
    if not said:
        raise UsageError("a note needs a text")
    where = session_here(context)
    record = records.make("note", {"text": said}, at=rfc3339(context.clock.now()), by=where.by)
    context.store.record(where.session, record, generation=where.generation)
    if context.json:
        context.out.json({"session": where.session, "note": said})
    else:
        context.out.line(f"noted in {where.session}")
