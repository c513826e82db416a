"""``git ovn handoff``: end a shift with its last words."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ovn.cli.options import json_option
from ovn.cli.output import Painted

if TYPE_CHECKING:
    from ovn.cli.context import Context
    from ovn.shift.closing import Closed

LARGEST = 1 << 20


@click.command()
@click.option("--accomplished", multiple=True, metavar="TEXT", help="What is done; a feature by its id.")
@click.option("--next", "following", multiple=True, metavar="TEXT", help="What comes next.")
@click.option("--blocker", "blockers", multiple=True, metavar="TEXT", help="What stands in the way.")
@click.option("--tried", multiple=True, metavar="TEXT", help="What was tried and failed.")
@click.option("--from", "source", metavar="FILE|-", help="Read all of it as JSON; '-' is stdin.")
@click.option("--wip", is_flag=True, help="Keep uncommitted work in a checkpoint instead of committing it.")
@json_option
@click.pass_obj
def command(
    context: Context,
    *,
    accomplished: tuple[str, ...],
    following: tuple[str, ...],
    blockers: tuple[str, ...],
    tried: tuple[str, ...],
    source: str | None,
    wip: bool,
) -> None:
    """End the shift at work here: commit what is left, check the handoff, give the lease back.

    The rest is committed as you, with your hooks. A handoff that breaks a rule is refused (13).
    """
    from ovn.cli.place import limits
    from ovn.cli.who import generation, us
    from ovn.shift.closing import Closing, hand_off

    session = _session(context)
    said = {"accomplished": accomplished, "next": following, "blockers": blockers, "tried": tried}
    if source is not None:
        said = _joined(said, _read(source))
    closing = Closing(
        session,
        author="agent" if context.session else "person",
        said=said,
        wip=wip,
        us=us(context),
        generation=generation(context, session),
        limits=limits(context),
    )
    _tell(context, hand_off(context.store, context.config, closing))


def _session(context: Context) -> str:
    """Return the session to end: this process's own, else the one at work here."""
    from ovn.cli.place import current_session
    from ovn.errors import NotFound

    found = context.session or current_session(context)
    if found is None:
        raise NotFound("no shift is at work in this work tree", hint="begin one with 'git ovn start'")
    return found


def _read(source: str) -> dict[str, tuple[str, ...]]:
    from ovn.errors import NotFound
    from ovn.shift import handoff

    if source == "-":
        return handoff.read(sys.stdin.buffer.read(LARGEST + 1), "standard input")
    try:
        with Path(source).open("rb") as file:
            return handoff.read(file.read(LARGEST + 1), f"'{source}'")
    except (FileNotFoundError, IsADirectoryError) as error:
        raise NotFound(f"cannot read '{source}': {error.strerror}") from error


def _joined(
    typed: dict[str, tuple[str, ...]], read: dict[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    return {key: (*read.get(key, ()), *texts) for key, texts in typed.items()}


def _tell(context: Context, closed: Closed) -> None:
    one = closed.handoff
    if context.json:
        from ovn.model import codec

        extra = {"commit": closed.commit, "next_feature": closed.next, "said": list(closed.said)}
        # "version" of the document on stdout stands above the handoff's own
        context.out.json({key: value for key, value in codec.encode(one).items() if key != "version"} | extra)
        return
    for sentence in closed.said:
        context.out.warning(sentence)
    if closed.commit:
        context.out.note(f"what was uncommitted is commit {closed.commit[:10]}; 'git ovn undo' takes it back")
    if one.wip:
        context.out.note(f"uncommitted work stays in the files, and is in checkpoint {one.checkpoint}")
    context.out.line(Painted(one.session, "bold"), " handed off")
    if closed.next:
        context.out.line(f"next feature: {closed.next}")
