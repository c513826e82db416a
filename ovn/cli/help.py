"""``git ovn help [VERB]``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ovn.cli import verbs

if TYPE_CHECKING:
    from ovn.cli.context import Context


@click.command()
@click.argument("verb", required=False)
@click.pass_obj
def command(context: Context, verb: str | None) -> None:
    """Show what git ovn or one VERB does."""
    if verb is None:
        context.out.text(verbs.overview())
        return
    wanted = verbs.load(verb)
    with click.Context(wanted, info_name=f"git ovn {verb}", obj=context, **verbs.SETTINGS) as of_verb:
        context.out.text(wanted.get_help(of_verb))
