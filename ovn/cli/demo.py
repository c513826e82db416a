"""``git ovn demo``: a whole night in a scratch repository."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ovn.cli.output import Painted
from ovn.shown import duration

if TYPE_CHECKING:
    from ovn.cli.context import Context
    from ovn.demo.play import Played


@click.command()
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Play in this folder, which must be empty, and leave everything there.",
)
@click.pass_obj
def command(context: Context, keep: Path | None) -> None:
    """Play a night on a copy of click's source, with an agent that follows a script.

    One feature passes, one depends on it, one is killed with kill -9 half way and goes on, one
    fails, is tried again and given up. Everything stays in one folder, its own HOME too.
    """
    import tempfile

    from ovn.errors import Refused

    if keep is not None and keep.exists() and any(keep.iterdir()):
        raise Refused(f"'{keep}' is not empty", hint="name another folder")
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        _look_further(context, keep.resolve(), _play(context, keep.resolve()))
        return
    with tempfile.TemporaryDirectory(prefix="ovn-demo-", ignore_cleanup_errors=True) as folder:
        _play(context, Path(folder).resolve())
    context.out.hint("it is removed; 'git ovn demo --keep DIR' leaves it there to look around")


def _play(context: Context, folder: Path) -> Played:
    from ovn.demo import play

    out = context.out

    def heading(text: str) -> None:
        out.line("")
        out.line(Painted(f"$ {text}", "bold"))
        sys.stdout.flush()

    def tell(text: str) -> None:
        if text.strip():
            out.text(text)
        sys.stdout.flush()

    played = play.play(folder, dict(context.environ), tell, heading)
    out.line("")
    out.line(Painted("That was a night.", "bold"), f" It took {duration(played.seconds)}.")
    return played


def _look_further(context: Context, folder: Path, played: Played) -> None:
    """Print what to type next; the demo's own HOME keeps a person's configuration out of it."""
    out = context.out
    out.line(f"To look further: cd {played.repository} && export HOME={folder}/home, then")
    rows = [(f"  git {words}", Painted(what, "dim")) for words, what in LOOK]
    out.table([*rows, (f"  git show {played.given_up}", Painted("the work that was given up, kept", "dim"))])


LOOK = (
    ("ovn log", "the story, told by git ovn"),
    ("log -p overnight/state", "the same by plain git, with every document"),
    ("ovn feature list", "what is done, and what is not"),
    ("ovn review", "each feature with its own diff"),
    ("ovn list", "the checkpoints"),
    ("ovn session list", "the shifts"),
)
"""What to type next, and what it shows."""
