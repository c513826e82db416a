"""The night's log: lines for people, or one JSON record a line for machines.

``--log-format json`` turns all that a night says into records, also its notes, its warnings and
the error that ended it, so that whoever reads them never meets a line that is none.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ovn import trace

if TYPE_CHECKING:
    from ovn.cli.output import Output
    from ovn.clock import Clock

LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40}
OF_TALK = {"note": "INFO", "hint": "INFO", "warning": "WARNING", "error": "ERROR"}
"""What is said on stderr, as a level."""


class Log:
    """A JSON log on a stream; ``level`` is the least that is written."""

    def __init__(self, clock: Clock, *, level: str = "INFO", to_stderr: bool = False) -> None:
        self._clock = clock
        self._least = LEVELS[level]
        self._to_stderr = to_stderr

    def write(self, level: str, text: str) -> None:
        """Write one record, unless its level is too low. Raises OSError when the reader is gone."""
        if LEVELS[level] < self._least:
            return
        stream = sys.stderr if self._to_stderr else sys.stdout
        stream.write(trace.record(level, text, self._clock.now(), trace.current()) + "\n")
        stream.flush()

    def take(self, out: Output) -> None:
        """Turn what ``out`` would say on stderr into records."""
        out.divert(lambda what, text: self.write(OF_TALK[what], text))
