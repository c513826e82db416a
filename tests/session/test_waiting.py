"""Questions, moments and signals: waited for across restarts, answered once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from ovn import DurableSession
from ovn.clock import rfc3339
from ovn.errors import Ambiguous, InvalidName, NotFound, Refused
from ovn.model import records
from ovn.session import questions


def answer(runner, text):
    store = runner.store()
    found = questions.open_ones(store.view())[0]
    return questions.record(store, questions.answered(found, text, runner.clock.now()), by="person")


def signal(runner, name, payload=None, session="s"):
    store = runner.store()
    data = {"name": name, "payload": payload}
    store.record(session, records.make("signal", data, at=rfc3339(runner.clock.now()), by="person"))


def once(clock, act):
    """Do something the first time the program sleeps."""

    def first():
        clock.on_sleep = lambda: None
        act()

    clock.on_sleep = first


# -- questions -----------------------------------------------------------------------------


def test_a_question_is_answered_by_a_person(runner, clock):
    once(clock, lambda: answer(runner, "blue"))

    async def program(session):
        return await session.ask("which colour?")

    assert runner.run(program) == "blue"
    assert runner.run(program) == "blue"
    assert len(runner.store().view().questions()) == 1


def test_while_it_waits_the_session_says_for_what(runner, clock):
    seen = []

    def look():
        seen.append(runner.store().view().session("s"))
        answer(runner, "yes")

    once(clock, look)

    async def program(session):
        await session.ask("may I?", timeout=3600)
        return session.state.state

    assert runner.run(program) == "active"
    assert seen[0].state == "waiting"
    assert seen[0].why.endswith(": may I?")
    assert seen[0].until == "2026-11-23T00:00:00.000Z"


def test_a_question_survives_the_death_of_who_asked(runner, clock):
    async def program(session):
        return await session.ask("which?", options=["red", "blue"])

    assert runner.run_killed(program, 2)  # asked, and waiting
    answer(runner, "2")
    assert runner.run(program) == "blue"
    assert len(runner.store().view().questions()) == 1
    assert clock.slept == []


def test_at_the_deadline_the_default_is_the_answer(runner, clock):
    async def program(session):
        return await session.ask("which?", options=["red", "blue"], timeout=60, default="red")

    assert runner.run(program) == "red"
    assert sum(clock.slept) == pytest.approx(60)
    found = next(iter(runner.store().view().questions().values()))
    assert (found.answer, found.author) == ("red", "deadline")
    assert runner.run(program) == "red"


def test_without_a_default_it_is_a_timeout_that_the_program_may_handle(runner, clock):
    async def program(session):
        try:
            return await session.ask("which?", timeout=timedelta(minutes=1))
        except TimeoutError as error:
            return str(error)

    first = runner.run(program)
    assert first.startswith("nobody answered question")
    assert runner.run(program) == first


def test_the_deadline_counts_from_when_it_was_asked(runner, clock):
    async def program(session):
        return await session.ask("which?", timeout=100, default="x")

    assert runner.run_killed(program, 2)
    clock.moment += timedelta(seconds=80)
    assert runner.run(program) == "x"
    assert sum(clock.slept) == pytest.approx(20)


def test_of_two_answers_the_first_counts(runner, clock):
    def both():
        store = runner.store()
        asked = questions.open_ones(store.view())[0]
        now = clock.now()
        questions.record(store, questions.answered(asked, "first", now), by="person")
        told = questions.record(store, questions.answered(asked, "second", now), by="person")
        assert told.answer == "first"

    once(clock, both)

    async def program(session):
        return await session.ask("which?")

    assert runner.run(program) == "first"


def test_a_default_that_is_no_option_is_refused(runner):
    async def program(session):
        with pytest.raises(Refused, match="'green' is none of the options"):
            await session.ask("which?", options=["red"], default="green", timeout=1)

    runner.run(program)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("blue", "blue"), ("2", "blue"), ("BL", "blue"), ("black", None), ("b", None), ("9", None)],
)
def test_an_option_may_be_typed_short(typed, meant):
    options = ["red", "blue", "brown"]
    if meant is None:
        with pytest.raises(Refused):
            questions.choose(options, typed)
    else:
        assert questions.choose(options, typed) == meant


def test_a_question_is_found_by_the_beginning_of_its_id():
    now = datetime(2026, 11, 22, tzinfo=UTC)
    known = [questions.new("s", f"q{n}", now) for n in range(3)]
    assert questions.find(known, known[1].id) is known[1]
    with pytest.raises(Ambiguous):
        questions.find(known, "2026")
    with pytest.raises(NotFound):
        questions.find(known, "1999")


# -- moments -------------------------------------------------------------------------------


def test_it_sleeps_until_a_moment(runner, clock):
    async def program(session):
        await session.sleep_until(clock.moment + timedelta(hours=2) if not clock.slept else clock.moment)
        return clock.now()

    first = runner.run(program)
    assert first == datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
    slept = list(clock.slept)
    assert runner.run(program) == first
    assert clock.slept == slept


@pytest.mark.parametrize("span", [90, timedelta(seconds=90)])
def test_a_span_counts_from_the_first_run(runner, clock, span):
    async def program(session):
        await session.sleep_until(span)

    assert runner.run_killed(program, 1)
    clock.moment += timedelta(seconds=60)
    runner.run(program)
    assert sum(clock.slept) == pytest.approx(30)


def test_a_naive_moment_is_local_time(runner, clock):
    async def program(session):
        await session.sleep_until(datetime(2026, 11, 22, 23, 1))  # noqa: DTZ001 - on purpose

    runner.run(program)
    assert sum(clock.slept) == 60


# -- signals -------------------------------------------------------------------------------


def test_a_signal_wakes_and_carries_a_value(runner, clock):
    once(clock, lambda: signal(runner, "deployed", {"version": 3}))

    async def program(session):
        return await session.wait_for("deployed")

    assert runner.run(program) == {"version": 3}
    assert runner.run(program) == {"version": 3}


def test_signals_wake_one_wait_each_in_their_order(runner, clock):
    async def program(session):
        return [await session.wait_for("go") for _ in range(3)]

    runner.run_killed(program, 1)
    for number in range(3):
        signal(runner, "go", number)
        signal(runner, "stop", "other")
    assert runner.run(program) == [0, 1, 2]
    assert runner.run(program) == [0, 1, 2]


def test_a_signal_wakes_once_across_restarts(runner, clock):
    async def program(session, count):
        return [await session.wait_for("go") for _ in range(count)]

    runner.run_killed(lambda session: program(session, 2), 1)
    signal(runner, "go", "first")
    assert runner.run(lambda session: program(session, 1)) == ["first"]
    once(clock, lambda: signal(runner, "go", "second"))
    assert runner.run(lambda session: program(session, 2)) == ["first", "second"]


def test_no_signal_in_time_is_a_timeout(runner, clock):
    async def program(session):
        with pytest.raises(TimeoutError, match="no signal 'go'"):
            await session.wait_for("go", timeout=30)

    assert runner.run_killed(program, 2)
    clock.moment += timedelta(seconds=20)
    runner.run(program)
    assert sum(clock.slept) == pytest.approx(10)
    signal(runner, "go")
    runner.run(program)


def test_a_signal_has_a_name(runner):
    async def program(session):
        with pytest.raises(InvalidName):
            await session.wait_for("two words")

    runner.run(program)


def test_two_waits_at_once_each_get_their_own(ready):
    from tests.session.conftest import Clock, Runner

    runner = Runner(ready, "async", Clock())

    async def main(*, told):
        async with DurableSession.start("s", repo=ready.tree()) as session:
            waits = asyncio.gather(session.wait_for("a"), session.wait_for("b"), session.ask("c?"))
            await asyncio.sleep(0.1)
            if not told:
                signal(runner, "b", 2)
                signal(runner, "a", 1)
                answer(runner, "3")
            return await asyncio.wait_for(waits, 20)

    assert asyncio.run(main(told=False)) == [1, 2, "3"]
    assert asyncio.run(main(told=True)) == [1, 2, "3"]


def test_a_wait_that_was_cancelled_and_survived_is_not_waited_for_again(ready, calls):
    async def main():
        async with DurableSession.start("s", repo=ready.tree()) as session:
            try:
                async with asyncio.timeout(0.2):
                    await session.wait_for("never")
            except TimeoutError:
                return await session.step("instead", calls.give, 1)

    assert asyncio.run(main()) == 1
    assert asyncio.run(main()) == 1
    assert calls.made == [1]
