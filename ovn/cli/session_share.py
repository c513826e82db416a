"""``git ovn session share``: a person says that a session may be pushed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ovn.cli.context import Context


@click.command("share")
@click.argument("name", metavar="SESSION")
@click.pass_obj
def share(context: Context, name: str) -> None:
    """Let SESSION be pushed although one of its results looks like a secret.

    Look first: 'git ovn session show SESSION' names the result. Nothing is pushed by this.
    """
    from ovn import active
    from ovn.clock import rfc3339
    from ovn.errors import NotFound, Refused
    from ovn.model import records

    if context.session:
        raise Refused(
            f"only a person may say that '{name}' is shared", hint="ask one, outside of the session"
        )
    local = context.location.local
    found = context.store.view().session(name)
    if found is None:
        raise NotFound(f"no session '{name}'", hint="see 'git ovn session list'")
    if any(one.session == name for one in active.everywhere(local).values()):
        raise Refused(
            f"session '{name}' is at work, and may record more of it", hint="say it again when it has ended"
        )
    if found.private is None:
        active.unhide(local, name)
        context.out.note(f"session '{name}' is not private")
        return
    made = records.make("session.private", {"why": None}, at=rfc3339(context.store.clock.now()), by="person")
    context.store.record(name, made)
    active.unhide(local, name)
    context.out.note(f"session '{name}' is no longer kept back: {found.private}")
