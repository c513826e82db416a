"""``git ovn signal``: wake a program that waits for something from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ovn.cli.options import json_option

if TYPE_CHECKING:
    from ovn.cli.context import Context


@click.command()
@click.argument("session")
@click.argument("name")
@click.argument("payload", metavar="[JSON]", required=False)
@json_option
@click.pass_obj
def command(context: Context, session: str, name: str, payload: str | None) -> None:
    """Send SESSION the signal NAME, which wakes its 'wait_for("NAME")', with a JSON value.

    It is kept until the session asks for it, and wakes one wait. What is no JSON is a text.
    """
    from ovn import names
    from ovn.clock import rfc3339
    from ovn.errors import NotFound, Refused
    from ovn.model import records

    known = context.store.view().session(session)
    if known is None:
        raise NotFound(f"no session '{session}'", hint="see 'git ovn session list'")
    if known.ended is not None:
        raise Refused(f"session '{session}' has ended; it waits for nothing")
    data = {"name": names.check_name(name, "signal"), "payload": _value(payload)}
    by = "agent" if context.session else "person"
    made = records.make("signal", data, at=rfc3339(context.clock.now()), by=by)
    seq = context.store.record(session, made)
    if context.json:
        context.out.json({"session": session, "record": seq, **data})
    else:
        context.out.line(f"signal '{name}' sent to '{session}'")


def _value(text: str | None) -> object:
    """Return the JSON value that was typed; a text that is none is taken as it is."""
    from ovn.errors import InvalidDocument
    from ovn.model import canonical

    if text is None:
        return None
    try:
        return canonical.load(text.encode("utf-8", "surrogateescape"), "the signal's value")
    except InvalidDocument:
        if text[:1] in '{["':  # meant as JSON, and broken: not what anybody wants to receive
            raise
        return text
