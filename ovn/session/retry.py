"""When to try again. Pure: a policy, a failure and a number of attempts give a wait.

The fields are Temporal's and DBOS' words: initial and maximum interval, backoff coefficient,
non-retryable errors. Times are seconds.
"""

from __future__ import annotations

import hashlib
import math
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

Backoff = Literal["exponential", "linear", "constant"]

LONGEST = 7 * 86_400.0
"""Seconds; what a server asks for beyond a week is taken for a week."""

_ENDS = (KeyboardInterrupt, SystemExit, GeneratorExit)


def cancellations() -> tuple[type[BaseException], ...]:
    """Return the classes of what is no failure but the end: it is never tried again.

    Those of asyncio only where the program has loaded it: it is a tenth of a program's start.
    """
    cancelled = getattr(sys.modules.get("asyncio.exceptions"), "CancelledError", None)
    return _ENDS if cancelled is None else (cancelled, *_ENDS)


def cancelled_by_loop(error: BaseException) -> bool:
    """Tell whether somebody inside of the program cancelled its task: it may be going on."""
    return isinstance(error, cancellations()) and not isinstance(error, _ENDS)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long after each other a step is tried.

    ``max_retries`` counts the attempts after the first one. ``timeout`` bounds one attempt,
    ``max_elapsed`` all of them with their waits. ``jitter`` is the share of a wait that is
    random, 0 to 1. ``retry_on`` empty means every ``Exception``; ``non_retryable`` wins over it.
    """

    max_retries: int = 3
    backoff: Backoff = "exponential"
    initial_interval: float = 1.0
    maximum_interval: float = 60.0
    backoff_coefficient: float = 2.0
    jitter: float = 0.1
    timeout: float | None = None
    max_elapsed: float | None = None
    retry_on: tuple[type[BaseException], ...] = ()
    non_retryable: tuple[type[BaseException], ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be waited for; raises ValueError."""
        positive = {"initial_interval": self.initial_interval, "maximum_interval": self.maximum_interval}
        positive |= {
            name: value
            for name, value in {"timeout": self.timeout, "max_elapsed": self.max_elapsed}.items()
            if value is not None
        }
        for name, value in positive.items():
            if not 0 < value < math.inf:
                raise ValueError(f"{name} must be positive and finite, not {value!r}")
        if self.max_retries < 0 or not 0 <= self.jitter <= 1 or self.backoff_coefficient < 1:
            raise ValueError(
                "max_retries must be at least 0, jitter within 0..1, backoff_coefficient at least 1"
            )
        if self.backoff not in ("exponential", "linear", "constant"):
            raise ValueError(f"no such backoff: {self.backoff!r}")

    def interval(self, attempt: int, seed: str = "") -> float:
        """Return the wait after the ``attempt``-th failure (from 1), before any "retry after".

        The jitter comes from ``seed``, so that a resumed program waits for the same moment.
        """
        grown = {
            "exponential": self.initial_interval * _power(self.backoff_coefficient, attempt - 1),
            "linear": self.initial_interval * attempt,
            "constant": self.initial_interval,
        }[self.backoff]
        base = min(grown, self.maximum_interval)
        return base * (1 - self.jitter * _chance(seed, attempt))

    def may_retry(self, error: BaseException) -> bool:
        """Tell whether this kind of failure is tried again at all."""
        if isinstance(error, (*cancellations(), *self.non_retryable)):
            return False
        return isinstance(error, self.retry_on or Exception)


def policy(
    backoff: Backoff | RetryPolicy,
    *,
    max_retries: int,
    timeout: float | None,
    non_retryable: tuple[type[BaseException], ...],
) -> RetryPolicy:
    """Return the policy that the arguments of ``execute_with_retry`` mean; a policy stands as it is."""
    if isinstance(backoff, RetryPolicy):
        extra = tuple(kind for kind in non_retryable if kind not in backoff.non_retryable)
        return replace(
            backoff, non_retryable=backoff.non_retryable + extra, timeout=timeout or backoff.timeout
        )
    return RetryPolicy(max_retries=max_retries, backoff=backoff, timeout=timeout, non_retryable=non_retryable)


def next_attempt(
    rules: RetryPolicy, error: BaseException, *, attempt: int, first: datetime, now: datetime, seed: str = ""
) -> datetime | None:
    """Return when to try again after the ``attempt``-th failure; None when it was the last.

    ``first`` is when the first attempt began. What the server asked for ("retry after") counts
    where it is longer than the policy's own wait.
    """
    if attempt > rules.max_retries or not rules.may_retry(error):
        return None
    asked = retry_after(error, now)
    wait = max(rules.interval(attempt, seed), min(asked or 0.0, LONGEST))
    when = now + timedelta(seconds=wait)
    if rules.max_elapsed is not None and when - first > timedelta(seconds=rules.max_elapsed):
        return None
    return when


def retry_after(error: BaseException, now: datetime) -> float | None:
    """Return the seconds that a server asked to wait, where the exception carries them.

    Looks at ``retry_after`` (a number, a timedelta or a moment) and at the ``Retry-After`` or
    ``retry-after-ms`` header of ``headers`` or ``response.headers`` (RFC 9110: seconds or a date).
    """
    found = _seconds(getattr(error, "retry_after", None), now)
    if found is not None:
        return found
    for holder in (error, getattr(error, "response", None)):
        headers = getattr(holder, "headers", None)
        if hasattr(headers, "get"):
            milliseconds = _seconds(_header(headers, "retry-after-ms"), now)
            if milliseconds is not None:
                return milliseconds / 1000
            found = _seconds(_header(headers, "retry-after"), now)
            if found is not None:
                return found
    return None


def _header(headers: Any, name: str) -> Any:
    return next(
        (value for value in (headers.get(name), headers.get(name.title())) if value is not None), None
    )


def _seconds(value: Any, now: datetime) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, timedelta):
        return max(value.total_seconds(), 0.0)
    if isinstance(value, datetime):
        return max((value.astimezone(UTC) - now).total_seconds(), 0.0)
    if isinstance(value, str):
        return _text_seconds(value.strip(), now)
    return _positive(value) if isinstance(value, (int, float)) else None


def _positive(value: float) -> float | None:
    return max(float(value), 0.0) if math.isfinite(value) else None


def _text_seconds(text: str, now: datetime) -> float | None:
    try:
        return _positive(float(text))
    except ValueError:  # a date, perhaps
        pass
    from email.utils import parsedate_to_datetime  # loads sockets

    try:
        return max((parsedate_to_datetime(text) - now).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None


def _power(base: float, exponent: int) -> float:
    try:
        return base**exponent
    except OverflowError:
        return math.inf


def _chance(seed: str, attempt: int) -> float:
    """Return a number in 0..1 that the seed and the attempt decide."""
    digest = hashlib.sha256(f"{seed}/{attempt}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / float(1 << 48)
