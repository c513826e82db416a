"""What an agent's output tells while it still comes: chunks in from a thread, events out when asked."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from ovn.agents import events
from ovn.runner import watchdog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ovn.agents.events import Reader

LONGEST = 1 << 20
"""Bytes of one line that are waited for; a longer one holds a file's content, not news."""

WORK = frozenset(("said", "tool", "tool-end", "denied", "usage", "retry", "compacted"))
"""Events of an agent that has asked its model: by then its first hooks have run, or are off."""

WAITING = 16 << 20
"""Bytes that may wait to be looked at; beyond it the oldest are not looked at at all."""


class Stream:
    """Lines of an agent's output, cut as they come; memory is bounded whatever it prints.

    ``worked``: what was taken so far tells that it works, not only that it started.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._lock = threading.Lock()
        self._whole: deque[bytes] = deque()
        self._size = 0
        self._part = b""
        self._skipping = False
        self._called: deque[str] = deque(maxlen=100)
        self.worked = False

    def hear(self, chunk: bytes) -> None:
        """Take output (called from the thread that reads it)."""
        *lines, rest = (self._part + chunk).split(b"\n")
        if self._skipping and lines:
            del lines[0]
            self._skipping = False
        if len(rest) > LONGEST:
            rest, self._skipping = b"", True
        self._part = rest
        with self._lock:
            self._whole.extend(lines)
            self._size += sum(map(len, lines))
            while self._size > WAITING:
                self._size -= len(self._whole.popleft())

    def take(self, now: float) -> Iterator[watchdog.Event]:
        """Yield what has come since the last time, as the watchdog counts it."""
        with self._lock:
            lines, self._whole, self._size = self._whole, deque(), 0
        for line in events.lines(b"\n".join(lines)):
            for event in self._reader(line) if line is not None else ():
                self.worked = self.worked or event.kind in WORK
                found = self._seen(event, now)
                if found is not None:
                    yield found

    def _seen(self, event: events.Event, now: float) -> watchdog.Event | None:
        if event.kind == "tool":
            self._called.append(event.name)
            return watchdog.Event(now, "acted", event.name)
        if event.kind == "tool-end":
            # some CLIs name the tool only when it is called; calls end in their order, nearly always
            called = self._called.popleft() if self._called else ""
            return watchdog.Event(now, "worked" if event.ok else "failed", event.name or called or "?")
        return None
