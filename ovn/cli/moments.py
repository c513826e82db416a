"""A moment in the past as a person types it: ``22:00``, ``8h``, ``2d``, a day, a full time. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from ovn.errors import UsageError

_AGO = re.compile(r"([0-9]{1,6})\s*(m|h|d|w)")
_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str, now: datetime) -> datetime:
    """Return the moment that ``text`` means, as of ``now``; days and times of day are this machine's.

    Raises UsageError for what is none, or lies ahead.
    """
    plain = text.strip().lower()
    try:
        found = _moment(plain, now)
    except (ValueError, OverflowError):
        found = None
    if found is None:
        raise UsageError(f"not a moment: '{text}'", hint="use 22:00, 8h, 2d, yesterday, 2026-11-21")
    if found > now:
        raise UsageError(f"'{text}' is not over yet", hint="name a moment in the past")
    return found


def _moment(text: str, now: datetime) -> datetime | None:
    here = now.astimezone()
    if text == "yesterday":
        return (here - timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    if ago := _AGO.fullmatch(text):
        return here - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    if clock := _CLOCK.fullmatch(text):
        at = here.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
        return at if at <= here else at - timedelta(days=1)
    found = datetime.fromisoformat(text.upper())
    return found if found.tzinfo is not None else found.astimezone()
