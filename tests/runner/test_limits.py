"""When a night has to end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn.errors import UsageError
from ovn.runner.limits import NightLimits, back_off, deadline, from_record, next_time, reached

NOW = datetime(2026, 11, 22, 22, 30, tzinfo=UTC)


def test_until_is_the_next_time_a_clock_shows_it_in_the_persons_zone() -> None:
    zone = timezone(timedelta(hours=2))
    local = NOW.astimezone(zone)  # 00:30 on the 23rd
    assert next_time("07:00", local) == datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
    assert next_time("0:31", local) == datetime(2026, 11, 22, 22, 31, tzinfo=UTC)
    assert next_time("00:30", local) == datetime(2026, 11, 23, 22, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "7", "24:00", "07:60", "07:00\n", "-1:00", "7 am"])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a time of day"):
        next_time(text, NOW)


def test_the_earlier_end_counts_and_says_which() -> None:
    soon, late = NOW + timedelta(hours=1), NOW + timedelta(hours=9)
    assert deadline(NightLimits(), NOW) is None
    assert deadline(NightLimits(until=soon, max_hours=2), NOW) == (soon, "until")
    assert deadline(NightLimits(until=late, max_hours=1), NOW) == (soon, "max-hours")


@pytest.mark.parametrize(
    ("limits", "hours", "sessions", "cost", "word"),
    [
        (NightLimits(), 1000, 1000, 1000, None),
        (NightLimits(max_hours=8), 7.9, 0, 0, None),
        (NightLimits(max_hours=8), 8, 0, 0, "max-hours"),
        (NightLimits(until=NOW), 0, 0, 0, "until"),
        (NightLimits(max_sessions=3), 0, 2, 0, None),
        (NightLimits(max_sessions=3), 0, 3, 0, "max-sessions"),
        (NightLimits(max_cost=5), 0, 0, 4.99, None),
        (NightLimits(max_cost=5), 0, 0, 5, "max-cost"),
        (NightLimits(max_sessions=0), 0, 0, 0, "max-sessions"),
    ],
)
def test_each_limit(limits: NightLimits, hours: float, sessions: int, cost: float, word: str | None) -> None:
    now = NOW + timedelta(hours=hours)
    assert reached(limits, started=NOW, now=now, sessions=sessions, cost=cost) == word


def test_limits_survive_the_runs_document() -> None:
    limits = NightLimits(NOW, 8.5, 3, 1.25)
    assert from_record(limits.record()) == limits
    assert from_record(NightLimits().record()) == NightLimits() == from_record({"later": [1], "until": 3})


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_back_off_doubles_within_its_bounds(crashes: int, chance: float) -> None:
    seconds = back_off(crashes, 30, 600, lambda: chance)
    whole = min(600, 30 * 2 ** min(crashes - 1, 10))
    assert whole / 2 <= seconds <= whole
