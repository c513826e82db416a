"""``git ovn completion``: what a shell needs to complete ``git ovn``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ovn.cli.context import Context

WHERE = {
    "bash": 'eval "$(git ovn completion bash)" in ~/.bashrc, after git\'s own completion',
    "zsh": 'git ovn completion zsh >"${fpath[1]}/_git-ovn"',
    "fish": "git ovn completion fish >~/.config/fish/completions/git-ovn.fish",
}


@click.command()
@click.argument("shell", type=click.Choice(tuple(WHERE)))
@click.pass_obj
def command(context: Context, shell: str) -> None:
    """Print the completion of 'git ovn' for a shell: verbs, options, features, checkpoints.

    A package that puts files under /usr brings it along; elsewhere:

    \b
      bash   eval "$(git ovn completion bash)" in ~/.bashrc, after git's own completion
      zsh    git ovn completion zsh >"${fpath[1]}/_git-ovn"
      fish   git ovn completion fish >~/.config/fish/completions/git-ovn.fish
    """  # noqa: D301 - click's own mark
    import sys

    from ovn.cli import shells

    context.out.text(shells.script(shell))
    if sys.stdout.isatty():
        context.out.hint(WHERE[shell])
