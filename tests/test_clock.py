"""Clocks, and times as text."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn.clock import SYSTEM, parse_rfc3339, rfc3339


def test_times_are_utc_with_milliseconds():
    moment = datetime(2026, 11, 22, 5, 4, 5, 678_900, tzinfo=timezone(timedelta(hours=2)))
    assert rfc3339(moment) == "2026-11-22T03:04:05.678Z"


@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.timezones()))  # noqa: DTZ001
def test_a_time_read_back_is_the_same_but_for_what_is_below_a_millisecond(moment):
    back = parse_rfc3339(rfc3339(moment))
    assert timedelta(0) <= moment - back < timedelta(milliseconds=1)
    assert rfc3339(back) == rfc3339(moment)


@given(st.lists(st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))))  # noqa: DTZ001
def test_times_sort_as_text(moments):
    assert [rfc3339(moment) for moment in sorted(moments)] == sorted(map(rfc3339, moments))


@pytest.mark.parametrize("text", ["", "now", "2026-11-22T03:04:05", "2026-13-01T00:00:00Z", "1"])
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        parse_rfc3339(text)


def test_the_machines_clocks_go_forward():
    assert SYSTEM.now().tzinfo is UTC
    for read in (SYSTEM.monotonic, SYSTEM.boottime):
        before = read()
        SYSTEM.sleep(0.002)
        assert 0.002 <= read() - before < 60


def test_boot_time_counts_at_least_what_the_monotonic_clock_does():
    """The difference is the time that the machine slept."""
    assert SYSTEM.boottime() >= time.clock_gettime(time.CLOCK_MONOTONIC) - 0.001
