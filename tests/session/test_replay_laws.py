"""The laws of replay, as properties: any prefix of a run, killed and resumed, gives the same."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from ovn import RetryPolicy
from ovn.state.store import StateStore
from tests.conftest import new_repo
from tests.session.conftest import FACES, Clock, Runner

LONG = os.environ.get("OVN_TEST_SIZE") == "long"
FAST = RetryPolicy(max_retries=10, backoff="constant", jitter=0)
"""More attempts than three failures and four kills can use up: an interrupted one counts too."""

CALLS = st.recursive(
    st.one_of(
        st.tuples(st.just("step"), st.sampled_from("abc")),
        st.tuples(st.just("key"), st.integers(0, 5)),
        st.tuples(st.just("fail"), st.sampled_from("ab")),
        st.tuples(st.just("retry"), st.integers(0, 3)),
        st.tuples(st.just("large"), st.integers(1, 3)),
        st.tuples(st.just("note"), st.just("text")),
        st.tuples(st.just("sleep"), st.integers(1, 50)),
        st.tuples(st.just("once"), st.sampled_from("ab")),
    ),
    lambda inner: st.tuples(st.just("nest"), st.lists(inner, min_size=1, max_size=3)),
    max_leaves=4,
)


class World:
    """What the steps of a program see: it counts how often each ran."""

    def __init__(self):
        self.ran = {}

    def give(self, name, value):
        self.ran[name] = self.ran.get(name, 0) + 1
        return value

    def fail(self, name):
        self.give(name, None)
        raise ValueError(name)

    def flaky(self, name, failures):
        if self.give(name, 1) and self.ran[name] <= failures:
            raise ConnectionError(name)
        return "up"


async def perform(session, world, calls, path="", face="sync"):
    """Make the calls in order and return what each gave."""
    given = []
    for number, (kind, what) in enumerate(calls):
        name = f"{path}{number}"
        if kind == "step":
            given.append(await session.step(what, world.give, name, [name]))
        elif kind == "key":
            given.append(await session.step("keyed", world.give, f"key{what}", what, key=f"{path}{what}"))
        elif kind == "fail":
            try:
                await session.step(what, world.fail, name)
            except ValueError as error:
                given.append(str(error))
        elif kind == "retry":
            given.append(await session.execute_with_retry(world.flaky, name, what, backoff=FAST))
        elif kind == "large":
            given.append(len(await session.step("large", world.give, name, "x" * (what * 6000))))
        elif kind == "note":
            session.note(name)
        elif kind == "sleep":
            await session.sleep_until(what)
        elif kind == "once":
            given.append(await session.step(what, world.give, name, name))
        else:
            given += await perform(session, world, what, f"{name}.", face)
    return given


def fresh(factory, face):
    repo = new_repo(factory.mktemp("law"))
    store = StateStore.open(repo.location)
    store.init("p")
    store.close()
    return Runner(repo.location, face, Clock())


@pytest.mark.slow
@pytest.mark.parametrize("face", FACES)
@settings(max_examples=150 if LONG else 20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    calls=st.lists(CALLS, min_size=1, max_size=6),
    kills=st.lists(st.tuples(st.integers(1, 12), st.booleans()), max_size=4),
)
def test_any_prefix_killed_and_resumed_gives_the_same(tmp_path_factory, face, calls, kills):
    """And what was recorded ran once; what was cut off between ran once more for each death."""
    plain = fresh(tmp_path_factory, face)
    expected = plain.run(lambda session: perform(session, World(), calls))
    runner, world = fresh(tmp_path_factory, face), World()

    async def program(session):
        return await perform(session, world, calls)

    deaths = sum(runner.run_killed(program, after, acknowledged=said) for after, said in kills)
    assert runner.run(program) == expected
    before = dict(world.ran)
    assert runner.run(program) == expected
    assert world.ran == before
    outcomes = [one for one in runner.records("step") if one.get("verb", "step") == "step"]
    identities = [(one["name"], one.get("key"), one.get("occurrence")) for one in outcomes]
    assert len(identities) == len(set(identities))
    assert sum(world.ran.values()) <= sum(before.values()) + deaths


@pytest.mark.slow
@pytest.mark.parametrize("face", FACES)
def test_every_single_prefix_gives_the_same(tmp_path_factory, face):
    calls = [("step", "a"), ("retry", 1), ("nest", [("fail", "b"), ("key", 1)]), ("large", 2), ("note", "x")]
    expected = fresh(tmp_path_factory, face).run(lambda session: perform(session, World(), calls))
    for after in range(1, 14):
        for said in (False, True):
            runner, world = fresh(tmp_path_factory, face), World()

            async def program(session, world=world):
                return await perform(session, world, calls)

            died = runner.run_killed(program, after, acknowledged=said)
            assert runner.run(program) == expected, (after, said)
            assert runner.run(program) == expected
            assert sum(world.ran.values()) <= 6 + died


def test_every_life_may_last_one_record(tmp_path_factory):
    """A program that is killed after each of its records still ends, and runs nothing twice."""
    calls = [("step", "a"), ("step", "a"), ("fail", "b"), ("key", 1), ("step", "c"), ("note", "x")]
    runner, world = fresh(tmp_path_factory, "sync"), World()

    async def program(session):
        return await perform(session, world, calls)

    lives = 0
    while runner.run_killed(program, 1):
        lives += 1
        assert lives < 50
    assert lives == len(calls)
    assert set(world.ran.values()) == {1}


# -- a machine over session, step, checkpoint, rollback and crash ---------------------------


class Night(RuleBasedStateMachine):
    """A program that grows call by call, in one session that is closed, killed and rolled back.

    The model: the calls so far with what each gave, and what the work tree's one file holds. A
    call that is new runs; the calls before it are replayed after each death, and run nothing.
    """

    factory = None

    @initialize()
    def begin(self):
        self.runner = fresh(self.factory, "sync")
        self.top = self.runner.location.tree()
        self.calls, self.gave, self.ran = [], [], []
        self.held = {}
        self.content = None

    def _write(self, text):
        self.ran.append(text)
        (self.top / "file").write_text(text)
        return text

    async def _program(self, session):
        gave = []
        for number, (kind, what) in enumerate(self.calls):
            if kind == "step":
                gave.append(await session.step("write", self._write, f"{number}"))
            elif kind == "checkpoint":
                gave.append(session.checkpoint(what).label)
            elif kind == "rollback":
                gave.append(session.rollback(what).label)
            else:
                session.note(f"{number}")
                gave.append(None)
        return gave

    def _go_on(self, kind, what, gave, kill=None):
        self.calls.append((kind, what))
        self.gave.append(gave)
        if kill is not None and self.runner.run_killed(self._program, *kill[:1], acknowledged=kill[1]):
            self.deaths = getattr(self, "deaths", 0) + 1
        assert self.runner.run(self._program) == self.gave

    @rule(kill=st.none() | st.tuples(st.integers(1, 3), st.booleans()))
    def step(self, kill):
        name = str(len(self.calls))
        self._go_on("step", None, name, kill)
        self.content = name

    @rule(kill=st.none() | st.tuples(st.integers(1, 3), st.booleans()))
    def note(self, kill):
        self._go_on("note", None, None, kill)

    @rule(label=st.sampled_from(["one", "two"]), kill=st.none() | st.tuples(st.integers(1, 3), st.booleans()))
    def checkpoint(self, label, kill):
        self._go_on("checkpoint", label, label, kill)
        self.held[label] = self.content

    @rule(label=st.sampled_from(["one", "two"]), kill=st.none() | st.tuples(st.integers(1, 6), st.booleans()))
    def rollback(self, label, kill):
        if label in self.held:
            self._go_on("rollback", label, label, kill)
            self.content = self.held[label]

    @rule()
    def come_back(self):
        before = list(self.ran)
        assert self.runner.run(self._program) == self.gave
        assert self.ran == before

    @rule()
    def crash_at_once(self):
        core = self.runner.open_core()
        self.runner.die(core)

    @invariant()
    def files_are_as_the_model_says(self):
        if not hasattr(self, "top"):
            return
        path = self.top / "file"
        assert (path.read_text() if path.exists() else None) == self.content

    @invariant()
    def nothing_recorded_is_lost_or_there_twice(self):
        if getattr(self, "calls", None):
            steps = [one for one in self.runner.records("step") if one.get("verb", "step") == "step"]
            assert len(steps) == sum(kind == "step" for kind, _ in self.calls)
            assert len(self.runner.records("note")) == sum(kind == "note" for kind, _ in self.calls)


@pytest.mark.slow
def test_a_night_of_steps_checkpoints_rollbacks_and_crashes(tmp_path_factory):
    class OneNight(Night):
        factory = tmp_path_factory

    run_state_machine_as_test(
        OneNight,
        settings=settings(
            max_examples=60 if LONG else 8,
            stateful_step_count=20 if LONG else 8,
            suppress_health_check=list(HealthCheck),
            deadline=None,
        ),
    )


# -- every named crash point ---------------------------------------------------------------

POINTS = [
    "journal.before_write",
    "journal.before_sync",
    "journal.after_sync",
    "journal.before_reset",
    "pack.before_keep",
    "pack.before_index",
    "pack.after_index",
    "fold.before_ref",
    "fold.after_ref",
    "checkpoint.after_objects",
    "checkpoint.before_ref",
    "checkpoint.after_ref",
    "checkpoint.after_tag",
    "checkpoint.after_record",
    "operation.after_intent",
    "operation.after_files",
    "operation.after_index",
    "operation.after_branch",
    "commit.before",
    "commit.after",
    "lease.after_take",
    "handoff.after_commit",
    "handoff.after_record",
]

PROGRAM = """
import sys
from pathlib import Path
from ovn import DurableSession

top, log = Path(sys.argv[1]), Path(sys.argv[2])

def write(name):
    with log.open("a") as file:
        file.write(name + "\\n")
    (top / name).write_text(name)
    return name

with DurableSession.start("s", repo=top) as session:
    gave = [session.step("a", write, "a"), session.checkpoint("one").label]
    gave += [session.step("b", write, "b"), session.commit("two").label]
    gave += [session.step("c", write, "c"), session.rollback("one").label, session.step("d", write, "d")]
    gave.append(session.handoff(next=["on"]).next[0])
    print(gave)
"""


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 3] if LONG else [2])
@pytest.mark.parametrize("point", POINTS)
def test_killed_at_every_crash_point_the_program_ends_as_if_nothing_had_been(
    repo, ready, tmp_path, point, count
):
    import subprocess
    import sys

    program, log = tmp_path / "program.py", tmp_path / "log"
    program.write_text(PROGRAM)
    command = [sys.executable, str(program), str(repo.path), str(log)]
    armed = {**os.environ, "OVN_CRASH_POINT": f"{point}@{count}"}
    subprocess.run(command, env=armed, capture_output=True, check=False)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "['a', 'one', 'b', 'two', 'c', 'one', 'd', 'on']\n"
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert again.stdout == done.stdout
    assert sorted(path.name for path in repo.path.iterdir() if path.name[0] != ".") == ["README", "a", "d"]
    ran = log.read_text().split()
    assert sorted(set(ran)) == list("abcd")
    assert len(ran) <= 5  # only what was running when it died ran again
    made = [
        line for line in repo.git("reflog", "--format=%gs").splitlines() if line.startswith("commit: two")
    ]
    assert len(made) == 1
    repo.fsck()
