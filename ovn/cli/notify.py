"""``git ovn notify``: a message as the night would send it, now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ovn.cli.options import json_option
from ovn.errors import Refused

if TYPE_CHECKING:
    from ovn.cli.context import Context


@click.command()
@click.argument("text", required=False, metavar="[TEXT]")
@json_option
@click.pass_obj
def command(context: Context, text: str | None) -> int:
    """Send a message through every channel of the configuration; exit 1 if one does not get through.

    Try at six in the evening what has to work at three in the morning. Set
    'notifications' in .overnight/config.yaml.
    """
    from ovn.notify import channels, events

    _refuse_agents(context)
    top, wanted = context.location.tree(), context.config.notifications
    ways, troubles = channels.of(wanted, top, context.environ)
    _check_trust(context)
    about = events.About(context.store.view().project.project, context.run)
    said = text or "this is how a night will tell you what happens"
    message = events.message(events.Event("message", said, context.clock.now(), about))
    rows = [{"channel": "webhook", "ok": False, "text": words} for words in troubles]
    for way in ways:
        trouble = way.send(message).trouble
        rows.append({"channel": way.name, "ok": trouble is None, "text": trouble or "sent"})
    _show(context, rows)
    return 0 if rows and all(row["ok"] for row in rows) else 1


def _refuse_agents(context: Context) -> None:
    from ovn.cli.acting import is_person

    if not is_person(context):
        raise Refused("a session does not send messages", hint="ask a person with 'git ovn ask'")


def _check_trust(context: Context) -> None:
    from ovn.checks import trust

    everything = trust.items(context.location, context.config, ())
    context.book.check(one for one in everything if one.where.startswith("notifications."))


def _show(context: Context, rows: list[dict[str, object]]) -> None:
    if context.json:
        context.out.json({"channels": rows})
        return
    for row in rows:
        context.out.line(f"{row['channel']}: {row['text']}")
    if not rows:
        context.out.note("nobody is told anything: there is no webhook and no command")
        context.out.hint("see 'notifications' in .overnight/config.yaml, and set OVN_WEBHOOK")
