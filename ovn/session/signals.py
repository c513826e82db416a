"""SIGTERM, SIGHUP and SIGINT while a session is open: the program unwinds, and nothing is lost.

Python's own way for SIGTERM and SIGHUP is to die at once, without ``finally``. Here they raise
SystemExit in the main thread, so that the session's end flushes what waits. A program's own
handlers stay.
"""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType

    from ovn.session.core import Core

ENDING = (signal.SIGTERM, signal.SIGHUP)


class Signals:
    """The handlers of one session, put in place when it begins; only the main thread may have any."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._before: dict[signal.Signals, Any] = {}
        if threading.current_thread() is not threading.main_thread():
            return
        for number in ENDING:
            if signal.getsignal(number) is signal.SIG_DFL:
                self._before[number] = signal.signal(number, self._end)
        known = signal.getsignal(signal.SIGINT)
        if callable(known):
            self._before[signal.SIGINT] = signal.signal(signal.SIGINT, self._interrupt)

    def restore(self) -> None:
        """Put back what was there, where it is still ours."""
        for number, before in self._before.items():
            if signal.getsignal(number) in (self._end, self._interrupt):
                signal.signal(number, before)
        self._before.clear()

    def _end(self, number: int, _: FrameType | None) -> None:
        self._core.ending = True
        raise SystemExit(128 + number)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self._core.ending = True
        self._before[signal.SIGINT](number, frame)
