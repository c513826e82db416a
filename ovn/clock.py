"""Time, injected. Durations are monotonic, display is UTC, leases use boot time."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the rest of the program may ask about time."""

    def now(self) -> datetime:
        """Return the wall clock in UTC; for display only, never for order."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never run backwards; for durations inside one process."""
        ...

    def boottime(self) -> float:
        """Return seconds since boot, sleep included; for leases between processes."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait that long."""
        ...


class SystemClock:
    """The machine's clocks."""

    monotonic = staticmethod(time.monotonic)

    def now(self) -> datetime:
        return datetime.now(UTC)

    def boottime(self) -> float:
        # CLOCK_BOOTTIME is Linux; macOS' monotonic clock already counts sleep.
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


SYSTEM = SystemClock()

_TWO = tuple(f"{number:02}" for number in range(100))
"""Numbers as two digits."""


def rfc3339(moment: datetime) -> str:
    """Return ``2026-11-22T03:04:05.678Z``: UTC, milliseconds, sorts as text."""
    now = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    # every record has a time: ``isoformat`` takes twice as long, and ``strftime`` twenty times
    date = f"{_TWO[now.year // 100]}{_TWO[now.year % 100]}-{_TWO[now.month]}-{_TWO[now.day]}"
    milli = now.microsecond // 1000
    return f"{date}T{_TWO[now.hour]}:{_TWO[now.minute]}:{_TWO[now.second]}.{_TWO[milli // 10]}{milli % 10}Z"


def parse_rfc3339(text: str) -> datetime:
    """Return the moment that ``rfc3339`` wrote; raises ValueError on anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"timestamp without a zone: {text!r}")
    return moment.astimezone(UTC)


def jitter(low: float, high: float) -> float:
    """Return some number of seconds between the two, so that those who wait do not meet again."""
    import random  # who never waits does not pay for it

    return random.uniform(low, high)  # noqa: S311  not a secret
