"""``git ovn install-man``: the man pages where man looks for them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ovn.cli.options import dry_run_option
from ovn.errors import Refused

if TYPE_CHECKING:
    from ovn.cli.context import Context


@click.command()
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="A folder of manuals; ~/.local/share/man by default.",
)
@dry_run_option
@click.pass_obj
def command(context: Context, folder: Path | None, dry_run: bool) -> None:
    """Write the man pages, so that 'git ovn --help' and 'man git-ovn-run' work.

    Needed where pip put git ovn into an environment of its own. Pages of an older version are
    replaced; nothing else is touched.
    """
    from ovn.cli import manpages

    target = (folder or _default(context)) / "man1"
    made = manpages.every()
    stale = [one for one in sorted(target.glob("git-ovn*.1")) if one.name not in made and _is_ours(one)]
    for name in made:
        path = target / name
        if path.exists() and not _is_ours(path):
            raise Refused(f"'{path}' is not a page of git ovn", hint="move it away, or choose another --dir")
    if not dry_run:
        target.mkdir(parents=True, exist_ok=True)
        for name, text in made.items():
            (target / name).write_text(text, encoding="utf-8")
        for path in stale:
            path.unlink()
    context.out.line(f"{'would write' if dry_run else 'wrote'} {len(made)} pages to '{target}'")
    if not dry_run and not _is_found(context, target.parent):
        context.out.hint(f"man does not look there: export MANPATH='{target.parent}:'")


def _default(context: Context) -> Path:
    base = Path(context.environ.get("XDG_DATA_HOME", ""))
    home = Path(context.environ.get("HOME") or Path.home())
    return (base if base.is_absolute() else home / ".local" / "share") / "man"


def _is_ours(path: Path) -> bool:
    from ovn.cli.manpages import MARK

    with path.open("rb") as file:
        return file.read(len(MARK)) == MARK.encode()


def _is_found(context: Context, folder: Path) -> bool:
    """Ask man itself; one that cannot be asked is believed to know."""
    import subprocess

    try:
        done = subprocess.run(
            ["manpath", "-q"],
            env=dict(context.environ),
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return True
    return str(folder) in done.stdout.strip().split(":")
