"""When a night has to end, and how long it waits after a crash. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ovn.clock import parse_rfc3339, rfc3339
from ovn.errors import UsageError
from ovn.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from ovn.model.canonical import Json

_CLOCK_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\Z")


@dataclass(frozen=True, slots=True)
class NightLimits:
    """What ends a night before its work does. Cost in USD; None is without limit.

    Without ``auto_resume`` it also ends where its agent's own limit would be waited for.
    """

    until: datetime | None = None
    max_hours: float | None = None
    max_sessions: int | None = None
    max_cost: float | None = None
    max_tokens: int | None = None
    auto_resume: bool = True

    def record(self) -> dict[str, Json]:
        """Return what the run's document keeps."""
        return {
            "until": rfc3339(self.until) if self.until else None,
            "max_hours": self.max_hours,
            "max_sessions": self.max_sessions,
            "max_cost_usd": self.max_cost,
            "max_tokens": self.max_tokens,
            **({} if self.auto_resume else {"auto_resume": False}),
        }


def next_time(text: str, now: datetime) -> datetime:
    """Return the next moment at which a clock shows ``HH:MM``; ``now`` carries the zone.

    Raises UsageError for what is no time of day.
    """
    found = _CLOCK_TIME.match(text)
    if not found:
        raise UsageError(f"not a time of day: '{text}'", hint="use HH:MM, e.g. --until 07:00")
    moment = now.replace(hour=int(found[1]), minute=int(found[2]), second=0, microsecond=0)
    return moment if moment > now else moment + timedelta(days=1)


def deadline(limits: NightLimits, started: datetime) -> tuple[datetime, str] | None:
    """Return the earlier of the two ends by time and its stop word; None without any."""
    ends = []
    if limits.until is not None:
        ends.append((limits.until, "until"))
    if limits.max_hours is not None:
        ends.append((started + timedelta(hours=limits.max_hours), "max-hours"))
    return min(ends, default=None)


def from_record(kept: dict[str, Json]) -> NightLimits:
    """Return the limits that ``record`` wrote; unknown keys and types are no limit."""
    until, hours, sessions, cost, tokens = (
        kept.get(key) for key in ("until", "max_hours", "max_sessions", "max_cost_usd", "max_tokens")
    )
    return NightLimits(
        until=parse_rfc3339(until) if isinstance(until, str) else None,
        max_hours=float(hours) if isinstance(hours, int | float) else None,
        max_sessions=sessions if isinstance(sessions, int) else None,
        max_cost=float(cost) if isinstance(cost, int | float) else None,
        max_tokens=tokens if isinstance(tokens, int) else None,
        auto_resume=kept.get("auto_resume") is not False,
    )


def reached(
    limits: NightLimits, *, started: datetime, now: datetime, sessions: int, cost: float, tokens: int = 0
) -> str | None:
    """Return the stop word of the limit that forbids another attempt; None when none does."""
    end = deadline(limits, started)
    if end is not None and now >= end[0]:
        return end[1]
    if limits.max_cost is not None and cost >= limits.max_cost:
        return "max-cost"
    if limits.max_tokens is not None and tokens >= limits.max_tokens:
        return "max-tokens"
    if limits.max_sessions is not None and sessions >= limits.max_sessions:
        return "max-sessions"
    return None


def back_off(crashes: int, base: float, most: float, random: Callable[[], float]) -> float:
    """Return the seconds to wait after the n-th crash in a row: doubled each time, half jitter.

    ``random`` gives numbers in [0, 1). (Exponential Backoff And Jitter, AWS, 2015: "equal".)
    """
    whole = min(most, base * 2.0 ** min(max(crashes - 1, 0), 60))
    return whole / 2 + random() * whole / 2
