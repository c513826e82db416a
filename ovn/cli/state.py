"""``git ovn state``: the documents of the state branch as they are (plumbing)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from ovn.cli.options import json_option

if TYPE_CHECKING:
    from ovn.cli.context import Context


@click.group()
def command() -> None:
    """Read the state branch as it is (plumbing)."""


@command.command()
@click.argument("path", default="")
@click.option("-z", "nul", is_flag=True, help="End each path with NUL.")
@json_option
@click.pass_obj
def ls(context: Context, path: str, nul: bool) -> None:
    """List the files below PATH."""
    from ovn.upkeep import fsck

    wanted = path.strip("/")
    below = f"{wanted}/" if wanted else ""
    objects, tip = context.store.objects, _tip(context)
    found = [name for name, _ in fsck.files(objects, tip) if name == wanted or name.startswith(below)]
    if context.json:
        context.out.json({"commit": tip, "paths": found})
    else:
        context.out.records(([name] for name in found), nul=nul)


@command.command()
@click.argument("path")
@click.pass_obj
def cat(context: Context, path: str) -> None:
    """Print the file at PATH as it is at the tip.

    On a terminal what could steer it is made visible; in a pipe the bytes are as they are.
    """
    from ovn.errors import NotFound

    data = context.store.objects.blob(_tip(context), path)
    if data is None:
        raise NotFound(f"the state branch has no file '{path}'", hint="see 'git ovn state ls'")
    if sys.stdout.isatty():
        context.out.text(data.decode("utf-8", "surrogateescape"))
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)


@command.command()
@json_option
@click.pass_obj
def verify(context: Context) -> int:
    """Check every document and record of the state branch against its schema; exit 1 if one breaks it."""
    from ovn.cli.fsck import show
    from ovn.upkeep import fsck

    known = fsck.Known()
    found = tuple(fsck.state(context.store.objects, known))
    return show(context, fsck.Report(found, {"documents": known.documents, "records": known.records}))


def _tip(context: Context) -> str:
    """Return the tip with everything acknowledged in it. Raises NotInitialised."""
    from ovn.cli import reading
    from ovn.errors import NotInitialised

    reading.fold(context)
    tip = context.store.tip()
    if tip is None:
        raise NotInitialised("this repository has no state yet")
    return tip
