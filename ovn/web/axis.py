"""The time axis: round moments between a first and a last one. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ovn.clock import parse_rfc3339
from ovn.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import tzinfo

MOST = 8
"""Marks on an axis: more would touch one another on a narrow screen."""

ROUND = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
"""Seconds that people count in; beyond a day, whole days."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment on the axis: where, and what is written there."""

    x: float
    text: str


def every(seconds: float) -> int:
    """Return the seconds between marks on an axis that is so many seconds long."""
    fitting = next((one for one in ROUND if seconds / one < MOST), None)
    return fitting or 86400 * (int(seconds / 86400 / MOST) + 1)


def marks(begin: datetime, end: datetime, x: Callable[[datetime], float], zone: tzinfo) -> Iterator[Mark]:
    """Yield the marks from left to right, at moments that are round in ``zone``."""
    step = every((end - begin).total_seconds())
    here = begin.astimezone(zone)
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0)
    passed = (here - midnight).total_seconds()
    moment = midnight + timedelta(seconds=step * -(-passed // step))
    while moment <= end:
        yield Mark(x(moment), text(moment, step))
        moment += timedelta(seconds=step)


def text(moment: datetime, step: int) -> str:
    """Return what is written at a mark: as much as the distance between marks needs."""
    if step >= 86400:
        return f"{moment:%d %b}"
    return f"{moment:%H:%M:%S}" if step < 60 else f"{moment:%H:%M}"


def clock(moment: str, zone: tzinfo) -> str:
    """Return the time of day of an RFC 3339 moment, as a person's clock showed it."""
    return f"{parse_rfc3339(moment).astimezone(zone):%H:%M:%S}"


def day(moment: str, zone: tzinfo) -> str:
    """Return the day of a moment: ``Sunday 22 November 2026``."""
    found = parse_rfc3339(moment).astimezone(zone)
    return f"{found:%A} {found.day} {found:%B %Y}"
