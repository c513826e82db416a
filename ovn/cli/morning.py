"""``git ovn morning``: what a night came to, for the person who wakes up to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ovn.cli.options import json_option
from ovn.cli.output import Painted

if TYPE_CHECKING:
    from ovn.cli.context import Context
    from ovn.cli.output import Piece
    from ovn.report.model import Night
    from ovn.report.text import Block, Row


@click.command()
@click.option("--since", metavar="WHEN", help="All since then: 22:00, 8h, 2d, 2026-11-21, or a full time.")
@click.option("--run", "run", metavar="ID", help="That night, not the newest.")
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write it as one page."
)
@json_option
@click.pass_obj
def command(context: Context, since: str | None, run: str | None, html: Path | None) -> None:
    """Report on the night: what is proven, what needs you, what changed, and what was lost on the way.

    Every line ends in what backs it: a commit, or a document of the state branch that
    'git show overnight/state:PATH' shows.
    """
    from ovn.cli import reading
    from ovn.cli.moments import moment
    from ovn.errors import UsageError
    from ovn.report import gather

    if since is not None and run is not None:
        raise UsageError("--since and --run exclude each other")
    start = moment(since, context.clock.now()) if since is not None else None
    reading.fold(context)
    night = gather(context.store, run=run, since=start)
    if html is not None:
        _write(context, night, html)
    if context.json:
        from ovn.model import codec

        context.out.json(codec.encode(night))
    elif html is None:
        _print(context, night)


def _write(context: Context, night: Night, to: Path) -> None:
    """Write the page, whole or not at all."""
    from ovn.errors import Refused
    from ovn.report import page

    text = page.render(night)
    scratch = to.with_name(f".{to.name}.ovn")
    try:
        scratch.write_text(text, encoding="utf-8", errors="replace")
        scratch.replace(to)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise Refused(f"cannot write '{to}': {error.strerror}", hint="name another file") from error
    context.out.note(f"written to {to}")


def _print(context: Context, night: Night) -> None:
    from ovn.report import text

    for number, block in enumerate(text.blocks(night)):
        if number and (block.heading is not None or not block.table):
            context.out.line("")
        if block.heading is not None:
            context.out.line(Painted(block.heading, "bold"))
        _block(context, block)


def _block(context: Context, block: Block) -> None:
    if block.table:
        context.out.table([("", *map(_piece, row)) for row in block.rows])
        return
    indent = "  " if block.heading is not None else ""
    for row in block.rows:
        context.out.line(indent, *_pieces(row))


def _pieces(row: Row) -> list[Piece]:
    return [_piece(one) for one in row]


def _piece(one: str | tuple[str, str]) -> Piece:
    return one if isinstance(one, str) else Painted(*one)
