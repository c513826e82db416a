"""``git ovn trust``: allow the commands of this repository to run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ovn.cli.options import json_option
from ovn.cli.output import Painted
from ovn.errors import Refused, UsageError

if TYPE_CHECKING:
    from ovn.checks.trust import Item
    from ovn.cli.context import Context


@click.command()
@click.option("--show", is_flag=True, help="Print what could run and what is trusted; allow nothing.")
@click.option("--revoke", is_flag=True, help="Trust nothing of this repository any more.")
@json_option
@click.pass_obj
def command(context: Context, show: bool, revoke: bool) -> None:
    """Allow the commands of this repository: those of the configuration, the features, its filters.

    Trust ends when a command or a script it names changes. On a machine without a person set
    OVN_TRUST to the digest that --show prints.
    """
    if show and revoke:
        raise UsageError("--show and --revoke do not go together")
    if not show:
        _refuse_agents(context)
    if revoke:
        context.out.line("revoked" if context.book.revoke() else "nothing was trusted")
        return
    found = everything(context)
    if not show:
        context.book.allow(found, only=True)
    if context.json:
        _print_json(context, found)
    else:
        _print(context, found, show=show)


def everything(context: Context) -> list[Item]:
    """Return all that could run for this repository."""
    from ovn import features
    from ovn.checks import trust

    return trust.items(context.location, context.config, features.registry(context.store).values())


def _refuse_agents(context: Context) -> None:
    from ovn.cli.acting import is_person

    if not is_person(context):
        raise Refused(
            "a session cannot decide what is trusted",
            hint="a person can, in a terminal outside of the session",
        )


def _print(context: Context, found: list[Item], *, show: bool) -> None:
    from ovn.checks import commands, trust

    shown = trust.show(context.book, found)
    for one in shown:
        mark = Painted("trusted", "green") if one.trusted else Painted("not trusted", "yellow")
        context.out.line(mark, f"  {one.item.where}: {commands.show(one.item.command)}")
        for path, digest in one.item.scripts:
            context.out.line(Painted(f"           {path}  sha256:{digest[:16]}", "dim"))
    if not shown:
        context.out.note("this repository has nothing that could run")
    if show:
        context.out.line(trust.digest(context.location, found))
    elif shown:
        context.out.note(f"{len(shown)} trusted, until one of them changes")


def _print_json(context: Context, found: list[Item]) -> None:
    from ovn.checks import trust

    rows = [
        {
            "where": one.item.where,
            "command": one.item.command,
            "scripts": [{"path": path, "sha256": digest} for path, digest in one.item.scripts],
            "trusted": one.trusted,
        }
        for one in trust.show(context.book, found)
    ]
    context.out.json({"digest": trust.digest(context.location, found), "items": rows})
