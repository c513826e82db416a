"""What the modules below warn of, said as a verb says it: ``warning: ...`` on stderr, escaped.

Without it Python would print their words as they are, and a repository's or an agent's with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ovn import warn

if TYPE_CHECKING:
    from ovn.cli.output import Output


def listen(out: Output) -> None:
    """Say what is warned of through ``out``, and through nothing else, until the verb ends."""
    click.get_current_context().call_on_close(warn.listen(out.warning))
