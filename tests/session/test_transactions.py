"""All of it, or as before: files, index, branch, session state; nested, killed, cancelled."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ovn import DurableSession, StateLayer
from ovn.errors import InvalidDocument
from ovn.state.store import StateStore
from tests.conftest import new_repo
from tests.session.conftest import Clock, Killed, Runner


class Boom(Exception):
    pass


def seen(repo, session):
    """Everything a transaction is about."""
    state = session.state
    files = {
        str(path.relative_to(repo.path)): path.read_bytes()
        for path in repo.path.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }
    return {
        "files": files,
        "index": repo.git("ls-files", "--stage"),
        "head": repo.head,
        "branch": repo.git("symbolic-ref", "HEAD"),
        "notes": state.notes,
        "decisions": state.decisions,
        "blockers": state.blockers,
        "commits": state.commits,
        "session": dict(session.layer(StateLayer.SESSION)),
        "transient": dict(session.layer(StateLayer.TRANSIENT)),
    }


async def change(session, repo, calls, name):
    """Do one of everything that a transaction takes back."""
    await session.step(f"step {name}", calls.give, name)
    repo.write(name, name)
    repo.git("add", name)
    session.commit(f"commit-{name}")
    repo.write(f"{name}-uncommitted", name)
    session.note(f"note {name}")
    session.decide(f"decision {name}")
    session.block(f"blocker {name}")
    session.layer(StateLayer.SESSION)["key"] = name
    session.layer(StateLayer.SESSION)[f"key {name}"] = [name]
    session.layer(StateLayer.TRANSIENT)["fast"] = name


def test_on_an_error_everything_is_as_before(runner, repo, calls):
    async def program(session):
        repo.write("mine", "uncommitted")
        session.layer(StateLayer.SESSION)["key"] = "before"
        session.layer(StateLayer.TRANSIENT)["fast"] = "before"
        before = seen(repo, session)
        with pytest.raises(Boom):
            async with session.transaction("try"):
                await change(session, repo, calls, "x")
                raise Boom
        return before, seen(repo, session)

    before, after = runner.run(program)
    assert before == after
    assert {"note", "decision", "blocker", "step", "commit"} <= {
        record["type"] for _, record in runner.store().records("s")
    }  # what was undone stays readable


def test_without_one_everything_stays(runner, repo, calls):
    async def program(session):
        async with session.transaction("try"):
            await change(session, repo, calls, "x")
        return seen(repo, session)

    after = runner.run(program)
    assert after["notes"] == ("note x",)
    assert "x-uncommitted" in after["files"]
    assert after["session"]["key"] == "x"


def test_what_was_undone_is_replayed_and_touches_nothing(runner, repo, calls):
    async def program(session):
        try:
            async with session.transaction("try") as transaction:
                transaction.on_rollback(calls.give, "compensated")
                await session.step("x", calls.give, "x")
                raise Boom
        except Boom:
            return await session.step("after", calls.give, "after")

    assert runner.run(program) == "after"
    repo.write("later", "not to be lost")
    operations = runner.store().view().operations()
    assert runner.run(program) == "after"
    assert calls.made == ["x", "compensated", "after"]
    assert runner.store().view().operations() == operations
    assert (repo.path / "later").exists()


def test_compensations_run_in_reverse_and_each_is_a_step(runner, calls):
    async def program(session):
        with pytest.raises(Boom):
            async with session.transaction("saga") as transaction:
                for name in ("flight", "hotel", "car"):
                    await session.step(f"book {name}", calls.give, name)
                    transaction.on_rollback(calls.give, f"cancel {name}")
                raise Boom

    runner.run(program)
    assert calls.made == ["flight", "hotel", "car", "cancel car", "cancel hotel", "cancel flight"]
    assert [one["name"] for one in runner.records("step")[3:6]] == ["undo saga: Calls.give"] * 3


def test_a_compensation_that_fails_is_said_and_the_others_run(runner, calls):
    async def program(session):
        with pytest.raises(Boom) as caught:
            async with session.transaction("saga") as transaction:
                transaction.on_rollback(calls.give, "first")
                transaction.on_rollback(calls.fail, "no route")
                raise Boom
        return caught.value.__notes__

    assert runner.run(program) == ["the compensation 'undo saga: Calls.fail' failed: ValueError: no route"]
    assert calls.made == ["no route", "first"]


@pytest.mark.slow
@pytest.mark.parametrize("acknowledged", [False, True])
@pytest.mark.parametrize("after", range(1, 13))
def test_killed_anywhere_it_is_all_undone_once(runner, repo, calls, after, acknowledged):
    async def program(session):
        try:
            async with session.transaction("try") as transaction:
                transaction.on_rollback(calls.give, "compensated")
                await session.step("x", lambda: repo.write("x", "x") and None)
                session.note("inside")
                raise Boom
        except Boom:
            session.note("after")
        return session.state.notes

    runner.run_killed(program, after, acknowledged=acknowledged)
    assert runner.run(program) == ("after",)
    assert not (repo.path / "x").exists()
    assert len(calls.made) <= 2  # at least once: the record of the compensation was cut off
    assert runner.run(program) == ("after",)
    undone = [one for one in runner.store().view().operations().values() if one.state == "done"]
    assert len([one for one in undone if one.verb == "rollback"]) <= 1


# -- nested --------------------------------------------------------------------------------


def test_inner_ones_are_savepoints(runner, repo, calls):
    async def program(session):
        async with session.transaction("outer"):
            repo.write("a", "1")
            session.note("outer")
            with pytest.raises(Boom):
                async with session.transaction("inner"):
                    repo.write("a", "2")
                    session.note("inner")
                    raise Boom
            return (repo.path / "a").read_text(), session.state.notes

    assert runner.run(program) == ("1", ("outer",))


def test_the_outer_one_takes_back_inner_ones_with_their_compensations(runner, repo, calls):
    async def program(session):
        with pytest.raises(Boom):
            async with session.transaction("outer") as outer:
                outer.on_rollback(calls.give, "outer")
                async with session.transaction("inner") as inner:
                    inner.on_rollback(calls.give, "inner")
                    repo.write("a", "2")
                raise Boom
        return (repo.path / "a").exists()

    assert runner.run(program) is False
    assert calls.made == ["inner", "outer"]


ACTS = st.recursive(
    st.sampled_from(["write", "note", "commit"]),
    lambda inner: st.tuples(st.lists(inner, max_size=3), st.booleans()),
    max_leaves=5,
)


def model(acts, files, notes, count):
    """Do to a dict and a list what the acts do; a tuple is a transaction, which fails or not."""
    for act in acts:
        count[0] += 1
        mark = str(count[0])
        if isinstance(act, tuple):
            before = dict(files), list(notes)
            model(act[0], files, notes, count)
            if act[1]:
                files.clear()
                files.update(before[0])
                notes[:] = before[1]
        elif act == "write":
            files[f"f{count[0] % 3}"] = mark
        elif act == "note":
            notes.append(mark)


async def perform(session, repo, acts, count):
    """Do the acts in a session."""
    for act in acts:
        count[0] += 1
        mark, name = str(count[0]), f"f{count[0] % 3}"
        if isinstance(act, tuple):
            try:
                async with session.transaction(f"t{mark}"):
                    await perform(session, repo, act[0], count)
                    if act[1]:
                        raise Boom
            except Boom:
                continue
        elif act == "write":
            await session.step("write", lambda name=name, mark=mark: repo.write(name, mark) and None)
        elif act == "note":
            session.note(mark)
        else:
            session.commit(f"c{mark}")


@pytest.mark.slow
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(ACTS, min_size=1, max_size=4), kills=st.lists(st.integers(1, 30), max_size=2))
def test_nested_transactions_killed_anywhere_are_as_the_model_says(tmp_path_factory, acts, kills):
    repo = new_repo(tmp_path_factory.mktemp("nested"))
    store = StateStore.open(repo.location)
    store.init("p")
    store.close()
    runner = Runner(repo.location, "sync", Clock())

    async def program(session):
        await perform(session, repo, acts, [0])
        return session.state.notes

    files, notes = {}, []
    model(acts, files, notes, [0])
    for after in kills:
        runner.run_killed(program, after)
    found = runner.run(program)
    there = {path.name: path.read_text() for path in repo.path.glob("f?")}
    assert (files, tuple(notes)) == (there, found)
    assert runner.run(program) == found


# -- cancelled -----------------------------------------------------------------------------


def test_a_transaction_that_was_cancelled_and_survived_is_taken_back(ready, repo, calls):
    async def main():
        async with DurableSession.start("s", repo=ready.tree()) as session:
            try:
                async with asyncio.timeout(0.5):
                    async with session.transaction("slow"):
                        await session.step("write", lambda: repo.write("a", "1") and None)
                        await session.step("wait", asyncio.sleep, 30)
            except TimeoutError:
                return (repo.path / "a").exists(), await session.step("after", calls.give, 1)

    assert asyncio.run(main()) == (False, 1)
    assert asyncio.run(main()) == (False, 1)
    assert calls.made == [1]


def test_a_transaction_whose_program_was_cancelled_begins_anew(ready, repo, calls):
    async def program(pause):
        async with DurableSession.start("s", repo=ready.tree()) as session:
            async with session.transaction("slow"):
                await session.step("write", lambda: repo.write("a", "1") and None)
                await session.step("wait", asyncio.sleep, pause)
            return (repo.path / "a").read_text()

    async def cut_short():
        await asyncio.wait_for(program(30), 0.7)

    with pytest.raises(TimeoutError):
        asyncio.run(cut_short())
    assert not (repo.path / "a").exists()
    assert asyncio.run(program(0)) == "1"
    assert asyncio.run(program(0)) == "1"


def test_a_transaction_that_is_interrupted_goes_on_where_it_was(ready, repo, calls):
    def interrupted():
        calls.give("tried")
        if len(calls.made) == 1:
            raise KeyboardInterrupt

    def main():
        with DurableSession.start("s", repo=ready.tree()) as session:
            with session.transaction("slow"):
                session.step("write", lambda: repo.write("a", "1") and None)
                session.step("x", interrupted)
            return (repo.path / "a").read_text()

    with pytest.raises(KeyboardInterrupt):
        main()
    assert (repo.path / "a").exists()
    assert main() == "1"


def test_two_transactions_at_once_are_refused(ready):
    async def one(session, name, gate):
        async with session.transaction(name):
            gate.set()
            await asyncio.sleep(0.05)

    async def main():
        async with DurableSession.start("s", repo=ready.tree()) as session:
            gate = asyncio.Event()
            first = asyncio.create_task(one(session, "first", gate))
            await gate.wait()
            second = asyncio.create_task(one(session, "second", gate))
            return await asyncio.gather(first, second, return_exceptions=True)

    found = asyncio.run(main())
    assert isinstance(found[1], InvalidDocument)
    assert "'first' is open in another task" in str(found[1])


def test_killed_while_files_are_put_back_it_is_put_back_once(runner, repo, calls, monkeypatch):
    async def program(session):
        try:
            async with session.transaction("try"):
                await session.step("x", lambda: repo.write("x", "x") and None)
                raise Boom
        except Boom:
            return "undone"

    def dies(point):
        if point == "operation.after_branch":
            raise Killed

    monkeypatch.setattr("ovn.operations.transaction.crash_point", dies)
    core = runner.open_core()
    with pytest.raises(Killed):
        runner._go(core, program)
    runner.die(core)
    monkeypatch.undo()
    assert runner.run(program) == "undone"
    assert not (repo.path / "x").exists()
