"""``git ovn checkpoint``: keep the work tree as it is now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ovn.cli import checkpointing
from ovn.cli.options import json_option

if TYPE_CHECKING:
    from ovn.cli.context import Context


@click.command()
@click.argument("label", required=False)
@click.option("-m", "--message", "text", metavar="TEXT", help="Say more about it.")
@json_option
@click.pass_obj
def command(context: Context, label: str | None, text: str | None) -> None:
    """Keep files, index and HEAD as they are now, under LABEL if one is given.

    Nothing of yours is touched. Ignored files are not read; what is left out is named.
    """
    checkpointing.run(context, label, text)
