"""A step runs once, its result is what later runs get, through both faces of a session."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from ovn import DurableSession, NonDeterminismError, StepFailed, StepInterrupted, current_step
from ovn.errors import InvalidDocument, InvalidName, LeaseHeld, NotInitialised, Refused, SessionOver

pytestmark = pytest.mark.unmeasured


@dataclass(frozen=True)
class Found:
    path: Path
    lines: int


class Odd(Exception):
    def __init__(self, number, *, why):
        super().__init__(f"{number}: {why}")
        self.number = number


def test_what_is_recorded_is_not_run_again(runner, calls):
    async def program(session):
        first = await session.step("read", calls.give, 1)
        second = await session.step("read", calls.give, 2)
        return [first, second, await session.step("found", calls.give, Found(Path("a"), 3))]

    expected = [1, 2, Found(Path("a"), 3)]
    assert runner.run(program) == expected
    assert runner.run(program) == expected
    assert calls.made == expected


def test_both_kinds_of_functions_are_run(runner, calls):
    async def program(session):
        if runner.face == "async":
            return await session.step("x", calls.give_later, 4)
        return await session.step("x", calls.give, 4)

    assert runner.run(program) == 4


def test_the_synchronous_face_runs_coroutine_functions_too(ready, calls):
    for _ in range(2):
        with DurableSession.start("s", repo=ready.tree()) as session:
            assert session.step("x", calls.give_later, 4) == 4
    assert calls.made == [4]


def test_arguments_reach_the_function(runner):
    async def program(session):
        return await session.step("x", lambda *args, **named: [*args, named], 1, 2, three=3)

    assert runner.run(program) == [1, 2, {"three": 3}]


def test_a_key_is_the_identity_in_any_order(runner, calls):
    async def program(session, order):
        return [await session.step("fetch", calls.give, item, key=item) for item in order]

    assert runner.run(lambda session: program(session, "abc")) == list("abc")
    assert runner.run(lambda session: program(session, "cab")) == list("cab")
    assert calls.made == list("abc")


def test_the_same_key_gives_the_same_result_in_one_run(runner, calls):
    async def program(session):
        first = await session.step("x", calls.give, 1, key="k")
        return first, await session.step("x", calls.give, 2, key="k")

    assert runner.run(program) == (1, 1)
    assert runner.run(program) == (1, 1)
    assert calls.made == [1]


def test_a_key_belongs_to_one_step(runner, calls):
    async def program(session, name):
        return await session.step(name, calls.give, 1, key="k")

    runner.run(lambda session: program(session, "fetch"))
    with pytest.raises(NonDeterminismError, match="asks for step 'send' with the key 'k' where step 'fetch'"):
        runner.run(lambda session: program(session, "send"))


# -- failures ------------------------------------------------------------------------------


def test_a_failure_is_recorded_and_raised_again_as_what_it_was(runner, calls):
    async def program(session):
        try:
            await session.step("x", calls.fail, "no such file")
        except ValueError as error:
            return str(error), getattr(error, "__notes__", [])
        return None

    assert runner.run(program) == ("no such file", [])
    text, notes = runner.run(program)
    assert text == "no such file"
    assert "recorded in an earlier run, as the outcome of step 'x'" in notes[0]
    assert "in fail" in notes[0]  # the end of the traceback
    assert calls.made == ["no such file"]


@pytest.mark.parametrize(
    "error",
    [KeyError("k"), FileNotFoundError(2, "No such file", "a.py"), Odd(7, why="odd"), NotInitialised("none")],
    ids=lambda error: type(error).__name__,
)
def test_exceptions_of_many_kinds_come_back(runner, error):
    def fail():
        raise error

    async def program(session):
        with pytest.raises(type(error)) as caught:
            await session.step("x", fail)
        return str(caught.value)

    assert runner.run(program) == str(error)
    assert runner.run(program) == str(error)


@pytest.mark.measured
def test_an_exception_that_this_program_does_not_know_is_a_failed_step(runner, calls):
    async def program(session):
        class Local(Exception):
            pass

        def fail():
            raise Local("gone")

        try:
            await session.step("x", fail)
        except Local:
            return "local"
        except StepFailed as error:
            return str(error)

    assert runner.run(program) == "local"
    assert runner.run(program) == "step 'x' failed with " + runner.run(program).partition("with ")[2]
    assert "gone" in runner.run(program)


def test_a_failure_that_ended_the_program_stands_until_it_is_wished_away(runner, calls):
    async def program(session):
        return await session.step("x", calls.fail if not calls.made else calls.give, "try")

    with pytest.raises(ValueError, match="try"):
        runner.run(program)
    assert runner.store().view().session("s").state == "crashed"
    with pytest.raises(ValueError, match="try"):
        runner.run(program)
    assert runner.run(program, retry_failed=True) == "try"
    assert runner.run(program) == "try"
    assert calls.made == ["try", "try"]


def test_a_result_that_is_not_json_is_a_failure_that_says_where(runner):
    async def program(session):
        with pytest.raises(InvalidDocument, match=r"result\.a\[0\]: builtins\.object is not JSON"):
            await session.step("x", lambda: {"a": [object()]})

    runner.run(program)
    runner.run(program)
    assert [one["outcome"] for one in runner.records("step")] == ["failed"]


@pytest.mark.parametrize("name", ["", "two\nlines", "x" * 1001, 7])
def test_a_name_is_one_line(runner, name):
    async def program(session):
        with pytest.raises(InvalidName, match="name of a step"):
            await session.step(name, print)

    runner.run(program)


def test_only_functions_are_steps(runner):
    async def program(session):
        with pytest.raises(TypeError, match="7 is not a function"):
            await session.step("x", 7)

    runner.run(program)


def test_words_that_mean_nothing_are_refused(runner):
    async def program(session):
        with pytest.raises(ValueError, match="no such semantics: 'exactly_once'"):
            await session.step("x", print, semantics="exactly_once")

    runner.run(program)


# -- large results -------------------------------------------------------------------------


@pytest.mark.parametrize("size", [8_000, 9_000, 3_000_000])
def test_results_of_any_size_come_back(runner, calls, size):
    async def program(session):
        return await session.step("x", calls.give, "ä" * size)

    assert len(runner.run(program)) == size
    assert len(runner.run(program)) == size
    assert len(calls.made) == 1


def test_a_large_result_is_a_blob_of_its_own_and_survives_a_harsh_gc(runner, repo, calls):
    async def program(session):
        return await session.step("x", calls.give, "x" * 100_000)

    runner.run(program)
    record = runner.records("step")[0]
    assert "result" not in record
    assert record["blob"]["bytes"] == 100_002
    repo.git("gc", "--prune=now", "--quiet")
    assert repo.git("cat-file", "-s", record["blob"]["oid"]) == "100002"
    listed = repo.git("ls-tree", "-r", "--name-only", "overnight/state")
    assert any(line.endswith(f"{record['blob']['oid']}.json") for line in listed.splitlines())
    assert runner.run(program) == "x" * 100_000
    assert not list((runner.location.local / "results").iterdir())


def test_a_large_result_is_there_before_it_is_folded(runner, calls):
    async def program(session):
        return await session.step("x", calls.give, "y" * 50_000)

    assert runner.run_killed(program, 1)
    assert list((runner.location.local / "results").iterdir())
    assert runner.run(program) == "y" * 50_000
    assert len(calls.made) == 1


# -- at most once --------------------------------------------------------------------------


def test_a_step_that_may_run_once_does_not_run_again_when_it_was_half_done(runner, calls):
    async def program(session):
        return await session.step("push", calls.give, 1, semantics="at_most_once")

    assert runner.run_killed(program, 2, acknowledged=False)  # it ran, and nobody knows
    for _ in range(2):
        with pytest.raises(StepInterrupted, match="step 'push' had begun when its process died"):
            runner.run(program)
    assert calls.made == [1]
    assert runner.run(program, retry_failed=True) == 1
    assert calls.made == [1, 1]


def test_a_step_that_may_run_once_runs_when_it_had_not_begun(runner, calls):
    async def program(session):
        return await session.step("push", calls.give, 1, semantics="at_most_once")

    assert runner.run_killed(program, 1, acknowledged=False)
    assert calls.made == []
    assert runner.run(program) == 1
    assert runner.run(program) == 1
    assert calls.made == [1]


@pytest.mark.measured
def test_a_half_done_step_may_be_handled_by_the_program(runner, calls):
    async def program(session):
        try:
            return await session.step("push", calls.give, 1, semantics="at_most_once")
        except StepInterrupted:
            return await session.step("look", calls.give, "it was pushed")

    assert runner.run_killed(program, 2, acknowledged=False)
    assert runner.run(program) == "it was pushed"
    assert runner.run(program) == "it was pushed"
    assert calls.made == [1, "it was pushed"]


# -- what a step knows of itself -----------------------------------------------------------


def test_the_idempotency_key_is_the_same_again_and_nobody_elses(runner):
    seen = []

    def look():
        seen.append(current_step().idempotency_key)

    async def program(session):
        await session.step("x", look)
        await session.step("x", look)
        await session.step("y", look, key="k")

    assert runner.run_killed(program, 1, acknowledged=False)
    runner.run(program)
    assert seen[0] == seen[1]
    assert len(set(seen)) == 3
    assert current_step() is None


def test_steps_inside_of_steps_are_their_own(runner, calls):
    async def program(session):
        if runner.face == "async":

            async def outer():
                return [await session.step("x", calls.give, n) for n in (1, 2)]
        else:

            def outer():
                return [session._session.step("x", calls.give, n) for n in (1, 2)]

        return await session.step("x", outer), await session.step("x", calls.give, 3)

    assert runner.run_killed(program, 2, acknowledged=False)  # killed inside of the second inner step
    assert runner.run(program) == ([1, 2], 3)
    assert calls.made == [1, 2, 2, 3]
    assert runner.run(program) == ([1, 2], 3)
    assert calls.made == [1, 2, 2, 3]


# -- another path --------------------------------------------------------------------------


def steps(calls, *names):
    async def program(session):
        return [await session.step(name, calls.give, name) for name in names]

    return program


@pytest.mark.parametrize(
    ("then", "words"),
    [
        ("axc", "asks for step 'x' where step 'b' is recorded"),
        ("xabc", "asks for step 'x' where step 'a' is recorded"),
        ("ac", "asks for step 'c' where step 'b' is recorded"),
        ("bac", "asks for step 'b' where step 'a' is recorded"),
        ("aab", r"asks for step 'a' \(number 2\) where step 'b' is recorded"),
        ("ab", "at its end where step 'c' is recorded"),
        ("", "at its end where step 'a' is recorded"),
    ],
)
def test_another_path_is_noticed_and_both_are_named(runner, calls, then, words):
    runner.run(steps(calls, *"abc"))
    before = list(calls.made)
    with pytest.raises(NonDeterminismError, match=words) as caught:
        runner.run(steps(calls, *then))
    assert {"recorded", "requested"} <= set(caught.value.facts)
    assert calls.made == before


def test_a_program_may_grow_at_its_end(runner, calls):
    runner.run(steps(calls, *"ab"))
    assert runner.run(steps(calls, *"abc")) == list("abc")
    assert calls.made == list("abc")


def test_replaying_says_whether_something_is_still_to_come(runner, calls):
    async def program(session):
        seen = [session.replaying]
        await session.step("a", calls.give, 1)
        return [*seen, session.replaying]

    assert runner.run(program) == [False, False]
    assert runner.run(program) == [True, False]


# -- many at once --------------------------------------------------------------------------


def test_concurrent_steps_come_back_in_any_order_of_completion(ready, calls):
    async def give(value, turns):
        await turns[value].wait()
        if value:
            turns[value - 1].set()  # the last one that was begun ends first
        return calls.give(value)

    async def program(session):
        turns = [asyncio.Event() for _ in range(5)]
        turns[4].set()
        return await asyncio.gather(*(session.step("x", give, n, turns) for n in range(5)))

    async def main():
        async with DurableSession.start("s", repo=ready.tree()) as session:
            return await program(session)

    assert asyncio.run(main()) == [0, 1, 2, 3, 4]
    assert calls.made == [4, 3, 2, 1, 0]
    assert asyncio.run(main()) == [0, 1, 2, 3, 4]
    assert len(calls.made) == 5


def test_chains_of_tasks_are_replayed_whichever_was_faster(ready, calls):
    async def chain(session, name, pause):
        for n in range(3):
            await asyncio.sleep(pause)
            await session.step(f"{name}{n}", calls.give, (name, n))

    async def main(first, second):
        async with DurableSession.start("s", repo=ready.tree()) as session:
            async with asyncio.TaskGroup() as group:
                group.create_task(chain(session, "a", first))
                group.create_task(chain(session, "b", second))
            return await session.step("end", calls.give, "end")

    assert asyncio.run(main(0.001, 0.01)) == "end"
    assert asyncio.run(main(0.01, 0.001)) == "end"
    assert len(calls.made) == 7


def test_workers_on_a_queue_need_no_fixed_order(ready, calls):
    async def worker(session, queue, found):
        while not queue.empty():
            item = queue.get_nowait()
            await asyncio.sleep(0.001 * (hash((item, len(calls.made))) % 5))
            found[item] = await session.step("do", calls.give, item, key=f"item-{item}")

    async def main():
        queue, found = asyncio.Queue(), {}
        for item in range(20):
            queue.put_nowait(item)
        async with DurableSession.start("s", repo=ready.tree()) as session:
            await asyncio.gather(*(worker(session, queue, found) for _ in range(4)))
        return found

    expected = {item: item for item in range(20)}
    assert asyncio.run(main()) == expected
    assert asyncio.run(main()) == expected
    assert sorted(calls.made) == list(range(20))


def test_threads_may_make_steps(ready, calls):
    for _ in range(2):
        with DurableSession.start("s", repo=ready.tree()) as session, ThreadPoolExecutor(8) as pool:
            found = pool.map(lambda n: session.step("x", calls.give, n, key=str(n)), range(40))
            assert sorted(found) == list(range(40))
    assert sorted(calls.made) == list(range(40))


@pytest.mark.measured
def test_the_same_key_twice_at_once_is_refused(ready, calls):
    async def main():
        async with DurableSession.start("s", repo=ready.tree()) as session:
            one = session.step("x", calls.give_later, 1, key="k")
            two = session.step("x", calls.give_later, 1, key="k")
            return await asyncio.gather(one, two, return_exceptions=True)

    good, bad = asyncio.run(main())
    assert good == 1
    assert "runs already" in str(bad)


# -- cancelled -----------------------------------------------------------------------------


def test_a_cancelled_step_is_recorded_and_cancelled_again(ready, calls, clock):
    async def slow():
        calls.give("began")
        await asyncio.sleep(30)

    async def main():
        async with DurableSession.start("s", repo=ready.tree()) as session:
            try:
                async with asyncio.timeout(0.05):
                    await session.step("slow", slow)
            except TimeoutError:
                return await session.step("instead", calls.give, "instead")

    assert asyncio.run(main()) == "instead"
    assert asyncio.run(main()) == "instead"
    assert calls.made == ["began", "instead"]


def test_what_ended_the_program_runs_again_when_it_is_resumed(ready, calls):
    async def program(session, pause):
        await session.step("first", calls.give, 1)
        try:
            return await session.step("slow", asyncio.sleep, pause, "slept")
        finally:
            session.note("unwinding")

    async def main(pause, limit):
        async with DurableSession.start("s", repo=ready.tree()) as session:
            return await program(session, pause)

    async def cut_short():
        await asyncio.wait_for(main(30, None), 0.3)

    with pytest.raises(TimeoutError):
        asyncio.run(cut_short())
    assert asyncio.run(main(0.001, None)) == "slept"
    assert calls.made == [1]
    assert asyncio.run(main(0.001, None)) == "slept"


def test_a_keyboard_interrupt_ends_a_synchronous_program_and_the_step_runs_again(ready, calls):
    def interrupted():
        calls.give("tried")
        if len(calls.made) == 1:
            raise KeyboardInterrupt
        return "done"

    def main():
        with DurableSession.start("s", repo=ready.tree()) as session:
            return session.step("x", interrupted)

    with pytest.raises(KeyboardInterrupt):
        main()
    assert main() == "done"
    assert main() == "done"
    assert calls.made == ["tried", "tried"]


# -- beginning -----------------------------------------------------------------------------


def test_a_second_holder_is_told_who_holds_it_and_since_when(runner):
    async def program(session):
        other = DurableSession.start("s", repo=runner.location.tree())
        with pytest.raises(LeaseHeld, match="is held by session 's'") as caught, other:
            pass
        assert caught.value.facts["since"]
        assert caught.value.facts["holder"]["pid"]

    runner.run(program)


def test_a_session_whose_process_died_is_taken_over_at_once(runner, calls):
    async def program(session):
        return await session.step("x", calls.give, 1)

    assert runner.run_killed(program, 1)
    assert runner.run(program) == 1
    assert calls.made == [1]


@pytest.mark.measured
def test_without_a_state_branch_it_says_what_to_do(location):
    with pytest.raises(NotInitialised) as caught, DurableSession.start("s", repo=location.tree()):
        pass
    assert "git ovn init" in caught.value.hint


@pytest.mark.parametrize("how", [{"durability": "hopeful"}, {"on_version": "guess"}])
def test_words_for_a_start_that_mean_nothing_are_refused(ready, how):
    with pytest.raises(ValueError, match=next(iter(how.values()))):
        DurableSession.start("s", repo=ready.tree(), **how)


@pytest.mark.measured
def test_a_shift_that_is_no_programs_is_not_taken(ready, runner):
    from ovn.shift.manual import manual_session

    name = manual_session(runner.store())
    with pytest.raises(Refused, match="is not a program's"):
        runner.run(steps(None), session=name)


def test_a_session_that_was_handed_off_gives_what_is_recorded_and_nothing_new(runner, calls):
    async def program(session, more=()):
        found = [await session.step("a", calls.give, 1)]
        session.handoff(accomplished=["(all)"], next=["rest"])
        return found + [await session.step(name, calls.give, name) for name in more]

    assert runner.run(program) == [1]
    assert runner.run(program) == [1]
    assert calls.made == [1]
    with pytest.raises(SessionOver, match="was handed off"):
        runner.run(lambda session: program(session, ["b"]))
    assert calls.made == [1]


def test_goal_and_state_are_in_the_session_document(runner):
    async def program(session):
        return session.state

    state = runner.run(program, goal="rebuild the parser")
    assert (state.id, state.kind, state.state) == ("s", "python", "active")
    assert state.goal == "rebuild the parser"


def test_batched_is_on_disk_when_the_program_ends(runner, calls):
    assert runner.run(steps(calls, *"abc"), durability="batched") == list("abc")
    assert runner.run(steps(calls, *"abc")) == list("abc")
    assert calls.made == list("abc")
