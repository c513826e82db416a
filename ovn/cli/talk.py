"""What the modules below log, said as a verb says it: ``warning: ...`` on stderr, escaped.

Without it Python would print their words as they are, and a repository's or an agent's with them.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ovn.cli.output import Output

LOGGER = "ovn"


class Talk(logging.Handler):
    """Says each record through the verb's output."""

    def __init__(self, out: Output) -> None:
        super().__init__(logging.WARNING)
        self._out = out

    def emit(self, record: logging.LogRecord) -> None:
        self._out.warning(record.getMessage())


def listen(out: Output) -> None:
    """Say what is logged through ``out``, and through nothing else, until the verb ends."""
    logger = logging.getLogger(LOGGER)
    talk, before = Talk(out), logger.propagate
    logger.addHandler(talk)
    logger.propagate = False

    def stop() -> None:
        logger.removeHandler(talk)
        logger.propagate = before

    click.get_current_context().call_on_close(stop)
