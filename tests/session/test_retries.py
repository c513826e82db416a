"""Attempts and waits that survive a restart; the clock is the test's, so nobody waits."""

from __future__ import annotations

import asyncio
import time

import pytest

from ovn import DurableSession, RetryPolicy, StepInterrupted, current_step
from ovn.errors import InvalidDocument

EXACT = RetryPolicy(max_retries=3, jitter=0)


class Flaky:
    """Fails so many times, then gives a value."""

    def __init__(self, failures, error=ConnectionError):
        self.left = failures
        self.error = error
        self.attempts = []

    def __call__(self, *args):
        self.attempts.append(current_step().attempt)
        if self.left:
            self.left -= 1
            raise self.error(f"down {self.left}")
        return ["up", *args]


def test_it_is_tried_until_it_succeeds_and_then_recorded(runner, clock):
    flaky = Flaky(2)

    async def program(session):
        return await session.execute_with_retry(flaky, 7, backoff=EXACT, name="call")

    assert runner.run(program) == ["up", 7]
    assert clock.slept == [1, 2]
    assert runner.run(program) == ["up", 7]
    assert flaky.attempts == [1, 2, 3]
    assert [(one["name"], one["attempts"]) for one in runner.records("step")] == [("call", 3)]


@pytest.mark.parametrize(
    ("backoff", "waits"), [("exponential", [1, 2, 4]), ("linear", [1, 2, 3]), ("constant", [1, 1, 1])]
)
def test_the_words_of_the_contract_are_policies(runner, clock, backoff, waits):
    async def program(session):
        return await session.execute_with_retry(Flaky(3), max_retries=3, backoff=backoff)

    assert runner.run(program) == ["up"]
    for wait, most in zip(clock.slept, waits, strict=True):
        assert 0.9 * most <= wait <= most


def test_the_last_error_is_raised_with_the_attempts_in_its_notes(runner):
    async def program(session):
        with pytest.raises(ConnectionError) as caught:
            await session.execute_with_retry(Flaky(9), backoff=RetryPolicy(max_retries=2, jitter=0))
        return str(caught.value), caught.value.__notes__

    text, notes = runner.run(program)
    assert text == "down 6"
    assert notes == [
        "attempt 1: ConnectionError: down 8",
        "attempt 2: ConnectionError: down 7",
        "attempt 3: ConnectionError: down 6",
    ]
    again, notes = runner.run(program)
    assert again == text
    assert "recorded in an earlier run" in notes[0]


def test_what_must_not_be_retried_is_not(runner, clock):
    flaky = Flaky(1, PermissionError)

    async def program(session):
        with pytest.raises(PermissionError):
            await session.execute_with_retry(flaky, non_retryable=(PermissionError,))

    runner.run(program)
    assert clock.slept == []
    assert flaky.attempts == [1]


class Limited(Exception):
    retry_after = 1800


def test_a_wait_goes_on_after_a_restart_and_only_the_rest_of_it_is_waited(runner, clock):
    """Half an hour of back-off, the process dies after ten minutes: twenty are left."""
    flaky = Flaky(1, Limited)

    async def program(session):
        return await session.execute_with_retry(flaky, backoff=EXACT)

    real = clock.sleep

    class Death(BaseException):
        pass

    def dies(_seconds):
        clock.sleep = real
        clock.sleep(600)
        raise Death

    clock.sleep = dies
    core = runner.open_core()
    with pytest.raises(Death):
        runner._go(core, program)
    runner.die(core)
    clock.slept.clear()
    assert runner.run(program) == ["up"]
    assert clock.slept == [1200]
    assert flaky.attempts == [1, 2]


def test_a_crash_does_not_reset_the_count_of_attempts(runner):
    flaky = Flaky(9)
    rules = RetryPolicy(max_retries=3, backoff="constant", jitter=0)

    async def program(session):
        return await session.execute_with_retry(flaky, backoff=rules)

    for number in (1, 2):
        # dies in the middle of an attempt: its start is recorded, its end is not
        assert runner.run_killed(program, 2, acknowledged=False), number
    with pytest.raises(ConnectionError) as caught:
        runner.run(program)
    assert flaky.attempts == [1, 2, 3, 4]
    assert caught.value.__notes__[:2] == [
        "attempt 1: interrupted, its process died",
        "attempt 2: interrupted, its process died",
    ]


def test_what_kills_its_process_each_time_is_given_up(runner):
    flaky = Flaky(9)

    async def program(session):
        return await session.execute_with_retry(flaky, backoff=RetryPolicy(max_retries=1))

    assert runner.run_killed(program, 2, acknowledged=False)
    assert runner.run_killed(program, 2, acknowledged=False)
    for _ in range(2):
        with pytest.raises(StepInterrupted, match="was interrupted in attempt 2, and has no more"):
            runner.run(program)
    assert flaky.attempts == [1, 2]
    with pytest.raises(ConnectionError):
        runner.run(program, retry_failed=True)
    assert flaky.attempts == [1, 2, 1, 2]


def test_max_elapsed_counts_from_the_first_attempt_of_the_first_run(runner, clock):
    flaky = Flaky(99)
    rules = RetryPolicy(max_retries=50, backoff="constant", initial_interval=10, jitter=0, max_elapsed=35)

    async def program(session):
        return await session.execute_with_retry(flaky, backoff=rules)

    assert runner.run_killed(program, 4)
    with pytest.raises(ConnectionError):
        runner.run(program)
    assert len(flaky.attempts) == 4
    assert sum(clock.slept) == 30


def test_a_clock_that_was_set_back_does_not_lengthen_a_wait(runner, clock):
    from datetime import timedelta

    async def program(session):
        return await session.execute_with_retry(flaky, backoff=EXACT)

    flaky = Flaky(1)
    assert runner.run_killed(program, 2)  # the failure and its wait are recorded
    clock.moment -= timedelta(days=1)
    assert runner.run(program) == ["up"]
    assert clock.slept == [1]


def test_a_result_that_is_not_json_is_not_tried_again(runner):
    ran = []

    async def program(session):
        with pytest.raises(InvalidDocument):
            await session.execute_with_retry(lambda: ran.append(1) or object())

    runner.run(program)
    runner.run(program)
    assert ran == [1]


def test_cancellation_is_never_retried(ready):
    tries = []

    async def slow():
        tries.append(1)
        await asyncio.sleep(30)

    async def main():
        async with DurableSession.start("s", repo=ready.tree()) as session, asyncio.timeout(0.05):
            await session.execute_with_retry(slow, max_retries=5)

    with pytest.raises(TimeoutError):
        asyncio.run(main())
    assert tries == [1]


def test_a_timeout_bounds_one_attempt(ready):
    tries = []

    async def slow(first):
        tries.append(first)
        await asyncio.sleep(30 if len(tries) == 1 else 0)
        return "done"

    async def main():
        async with DurableSession.start("s", repo=ready.tree()) as session:
            rules = RetryPolicy(initial_interval=0.001, timeout=0.05)
            return await session.execute_with_retry(slow, 1, backoff=rules)

    assert asyncio.run(main()) == "done"
    assert tries == [1, 1]


def test_a_timeout_bounds_plain_functions_too_in_a_thread(runner, clock):
    tries = []

    def slow():
        tries.append(current_step().attempt)
        time.sleep(0.3 if len(tries) == 1 else 0)
        return "done"

    async def program(session):
        return await session.execute_with_retry(slow, timeout=0.05)

    assert runner.run(program) == "done"
    assert tries == [1, 2]


def test_a_timeout_bounds_coroutines_of_the_synchronous_face(ready):
    tries = []

    async def slow():
        tries.append(1)
        await asyncio.sleep(30 if len(tries) == 1 else 0)
        return "done"

    with DurableSession.start("s", repo=ready.tree()) as session:
        rules = RetryPolicy(initial_interval=0.001, timeout=0.05)
        assert session.execute_with_retry(slow, backoff=rules) == "done"
    assert tries == [1, 1]


def test_a_function_is_named_by_itself(runner, calls):
    async def program(session):
        return await session.execute_with_retry(calls.give, 1)

    runner.run(program)
    assert runner.records("step")[0]["name"] == "Calls.give"


def test_a_long_wait_shows_in_the_state_of_the_session(runner, clock):
    seen = []
    clock.on_sleep = lambda: seen.append(runner.store().view().session("s"))

    async def program(session):
        await session.execute_with_retry(Flaky(1, Limited), backoff=EXACT)
        return session.state.state

    assert runner.run(program) == "active"
    assert (seen[0].state, seen[0].until) == ("waiting", "2026-11-22T23:30:00.000Z")
