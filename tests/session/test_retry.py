"""When a step is tried again, and how long after: pure rules, no clock and no sleep."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn.session.retry import RetryPolicy, next_attempt, policy, retry_after

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


def waits(rules, count=6):
    return [rules.interval(attempt) for attempt in range(1, count + 1)]


@pytest.mark.parametrize(
    ("backoff", "expected"),
    [
        ("exponential", [1, 2, 4, 8, 10, 10]),
        ("linear", [1, 2, 3, 4, 5, 6]),
        ("constant", [1, 1, 1, 1, 1, 1]),
    ],
)
def test_waits_grow_as_their_backoff_says_up_to_the_maximum(backoff, expected):
    rules = RetryPolicy(backoff=backoff, maximum_interval=10, jitter=0)
    assert expected == waits(rules)


@given(st.integers(1, 10_000), st.floats(0, 1), st.text(max_size=5))
def test_jitter_only_shortens_and_is_the_same_for_the_same_seed(attempt, jitter, seed):
    rules = RetryPolicy(jitter=jitter)
    base = RetryPolicy(jitter=0).interval(attempt)
    wait = rules.interval(attempt, seed)
    assert base * (1 - jitter) <= wait <= base
    assert wait == rules.interval(attempt, seed)


@pytest.mark.parametrize(
    "fields",
    [
        {"max_retries": -1},
        {"initial_interval": 0},
        {"maximum_interval": float("inf")},
        {"backoff_coefficient": 0.5},
        {"jitter": 1.1},
        {"timeout": -1},
        {"timeout": 0},
        {"max_elapsed": float("nan")},
        {"backoff": "random"},
    ],
)
def test_a_policy_that_cannot_be_followed_is_refused(fields):
    with pytest.raises(ValueError, match=next(iter(fields)) if "backoff" not in fields else "backoff"):
        RetryPolicy(**fields)


def following(rules, error, *, attempt=1, now=NOW, first=NOW):
    when = next_attempt(rules, error, attempt=attempt, first=first, now=now)
    return None if when is None else (when - now).total_seconds()


def test_there_are_as_many_retries_as_were_asked_for():
    rules = RetryPolicy(max_retries=2, jitter=0)
    found = [following(rules, ValueError(), attempt=attempt) for attempt in (1, 2, 3)]
    assert found == [1, 2, None]


def test_only_what_may_be_retried_is():
    rules = RetryPolicy(retry_on=(OSError,), non_retryable=(PermissionError,), jitter=0)
    kinds = [OSError(), ConnectionError(), PermissionError(), ValueError()]
    assert [following(rules, error) for error in kinds] == [1, 1, None, None]


@pytest.mark.parametrize(
    "error", [asyncio.CancelledError(), KeyboardInterrupt(), SystemExit(), GeneratorExit()]
)
def test_cancellation_is_never_retried(error):
    assert following(RetryPolicy(retry_on=(BaseException,)), error) is None


def test_all_attempts_and_waits_end_within_max_elapsed():
    rules = RetryPolicy(max_retries=100, backoff="constant", initial_interval=10, max_elapsed=25, jitter=0)
    later = NOW + timedelta(seconds=16)
    assert following(rules, ValueError(), now=NOW + timedelta(seconds=15)) == 10
    assert following(rules, ValueError(), now=later) is None


class Limited(Exception):
    def __init__(self, **facts):
        super().__init__("slow down")
        self.__dict__.update(facts)


def response(**headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return SimpleNamespace(headers=named)


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (Limited(retry_after=30), 30),
        (Limited(retry_after="2.5"), 2.5),
        (Limited(retry_after=timedelta(minutes=1)), 60),
        (Limited(retry_after=NOW + timedelta(seconds=9)), 9),
        (Limited(retry_after=NOW - timedelta(seconds=9)), 0),
        (Limited(headers={"Retry-After": "120"}), 120),
        (Limited(response=response(retry_after="17")), 17),
        (Limited(response=response(retry_after_ms="1500", retry_after="9")), 1.5),
        (Limited(headers={"retry-after": "Sun, 22 Nov 2026 03:00:40 GMT"}), 40),
        (Limited(headers={"retry-after": "soon"}), None),
        (Limited(retry_after=True), None),
        (Limited(retry_after=float("nan")), None),
        (Limited(retry_after="inf"), None),
        (Limited(retry_after=-3), 0),
        (Limited(response=None), None),
        (ValueError(), None),
    ],
)
def test_what_the_server_asked_for_is_found(error, seconds):
    assert retry_after(error, NOW) == seconds


def test_a_server_that_asks_for_more_gets_it_and_one_that_asks_for_less_does_not():
    rules = RetryPolicy(initial_interval=10, jitter=0)
    assert following(rules, Limited(retry_after=1800)) == 1800
    assert following(rules, Limited(retry_after=1)) == 10


def test_a_server_cannot_ask_for_ever():
    """A wait that no calendar holds is not a wait."""
    assert following(RetryPolicy(jitter=0, maximum_interval=5), Limited(retry_after=1e300)) == 7 * 86_400


def test_the_arguments_of_a_call_make_a_policy_and_a_policy_stands():
    plain = policy("linear", max_retries=5, timeout=3, non_retryable=(KeyError,))
    assert (plain.backoff, plain.max_retries, plain.timeout) == ("linear", 5, 3)
    given_one = RetryPolicy(max_retries=9, timeout=1, non_retryable=(OSError,))
    merged = policy(given_one, max_retries=3, timeout=None, non_retryable=(KeyError, OSError))
    assert (merged.max_retries, merged.timeout, merged.non_retryable) == (9, 1, (OSError, KeyError))
