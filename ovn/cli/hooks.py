"""``git ovn hooks install|uninstall|status``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ovn.cli.options import json_option
from ovn.errors import Refused
from ovn.githooks import install as installer

if TYPE_CHECKING:
    from ovn.cli.context import Context
    from ovn.githooks.install import Installation


@click.group()
def command() -> None:
    """Install git's hooks beside those that are there, take them out, or say what runs."""


@command.command()
@json_option
@click.pass_obj
def install(context: Context) -> None:
    """Install every hook; doing it again changes nothing."""
    found = installer.install(context.location)
    show(context, found)
    if not found.installed:
        raise Refused(f"no hook could be installed in '{found.folder}'", hint=_hint(found))


@command.command()
@json_option
@click.pass_obj
def uninstall(context: Context) -> None:
    """Take every hook of git ovn out and put back the ones that were there."""
    show(context, installer.uninstall(context.location))


@command.command()
@json_option
@click.pass_obj
def status(context: Context) -> None:
    """Say of each hook whether it runs, and why not."""
    show(context, installer.status(context.location))


def show(context: Context, found: Installation) -> None:
    """Print an installation; ``init`` does too."""
    if context.json:
        context.out.json(
            {
                "folder": str(found.folder),
                "works": found.works,
                "hooks": [
                    {"name": hook.name, "state": hook.state, "works": hook.works, "path": str(hook.path)}
                    for hook in found.hooks
                ],
            }
        )
        return
    context.out.table(
        [(hook.name, hook.state, installer.STATES[hook.state]) for hook in found.hooks],
        head=("hook", "state", "meaning"),
    )
    context.out.note(f"git looks for hooks in '{found.folder}'")
    by_hand = [hook for hook in found.hooks if hook.state in ("tracked", "shadowed")]
    if by_hand:
        context.out.hint(f"in your own {by_hand[0].name} there, this line runs ours too: {by_hand[0].line}")


def _hint(found: Installation) -> str:
    return f"add to each hook there a line such as: {found.hooks[0].line}"
