"""The tools that find non-determinism before the night does."""

from __future__ import annotations

import itertools

import pytest

from ovn import NonDeterminismError, StateLayer
from ovn.errors import InvalidDocument
from ovn.testing import History, always_replay, replay

pytest_plugins: list[str] = []


def program_of(calls):
    def program(session):
        found = [session.step("a", calls.give, 1)]
        session.layer(StateLayer.SESSION)["seen"] = len(found)
        session.note("between")
        found.append(session.step("large", calls.give, "x" * 20_000))
        with session.transaction("t"):
            found.append(session.step("c", calls.give, 3))
        return found

    return program


def test_a_program_is_begun_anew_after_each_outcome_and_runs_nothing_twice(ready, calls):
    begun = itertools.count()
    program = program_of(calls)

    def counted(session):
        next(begun)
        return program(session)

    assert always_replay(counted, "s", repo=ready.tree()) == [1, "x" * 20_000, 3]
    assert calls.made == [1, "x" * 20_000, 3]
    assert next(begun) >= 4


def test_coroutine_functions_are_replayed_too(ready, calls):
    async def program(session):
        return [await session.step("a", calls.give_later, n) for n in range(3)]

    assert always_replay(program, "s", repo=ready.tree()) == [0, 1, 2]
    assert calls.made == [0, 1, 2]


def test_what_depends_on_something_else_than_its_steps_is_found(ready, calls):
    count = itertools.count()

    def program(session):
        session.step(f"step-{next(count)}", calls.give, 1)
        session.step("end", calls.give, 2)

    with pytest.raises(NonDeterminismError, match="step 'step-1' where step 'step-0' is recorded"):
        always_replay(program, "s", repo=ready.tree())


@pytest.fixture
def saved(ready, calls, tmp_path):
    always_replay(program_of(calls), "s", repo=ready.tree())
    path = tmp_path / "history.jsonl"
    History.of("s", repo=ready.tree()).save(path)
    calls.made.clear()
    return path


def test_todays_program_runs_over_a_saved_history_without_running_a_step(saved, calls):
    assert replay(program_of(calls), History.load(saved)) == [1, "x" * 20_000, 3]
    assert calls.made == []


def test_a_program_that_has_grown_is_stopped_at_the_end_of_the_history(saved, calls):
    def longer(session):
        program_of(calls)(session)
        session.step("new", calls.give, "new")
        raise AssertionError("nothing comes after the end")

    assert replay(longer, History.load(saved)) is None
    assert calls.made == []


@pytest.mark.parametrize("count", [1, 2])
def test_a_program_that_takes_another_path_is_found(saved, calls, count):
    def other(session):
        session.step("a", calls.give, 1)
        if count == 2:
            session.step("other", calls.give, 1)

    with pytest.raises(NonDeterminismError):
        replay(other, History.load(saved))
    assert calls.made == []


def test_state_is_what_was_recorded(saved, calls):
    def look(session):
        seen.append((session.state.notes, session.checkpoints, session.session_id))
        return program_of(calls)(session)

    seen: list = []
    replay(look, History.load(saved))
    assert seen == [(("between",), [], "s")]


def test_a_file_that_is_no_history_is_refused(tmp_path):
    (tmp_path / "x").write_text('{"version": 7}\n')
    with pytest.raises(InvalidDocument, match="not a saved history"):
        History.load(tmp_path / "x")


def test_there_is_a_fixture_for_it():
    from ovn import testing

    assert testing.replay_history.__name__ == "replay_history"
