"""A watcher at its post, on a real repository, with a clock that the test turns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ovn import names
from ovn.agents import claude, command, ours
from ovn.agents.usage import Usage
from ovn.runner import watchdog
from ovn.runner.watcher import Ears, Post, Watcher
from ovn.state.store import StateStore

from .test_stream import called, ended

BEGUN = b'{"type": "system", "subtype": "init", "session_id": "x"}\n'


class Clock:
    """A clock with hands."""

    def __init__(self) -> None:
        self.at = 1000.0
        self.asleep = 0.0
        self.off = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.at + self.asleep + self.off)

    def monotonic(self) -> float:
        return self.at

    def boottime(self) -> float:
        return self.at + self.asleep

    def sleep(self, seconds: float) -> None:
        self.at += seconds


class Watched:
    """A watcher, what it noted, and the hands of its clock."""

    def __init__(self, store: StateStore, *, hooked: bool = True, **post) -> None:
        self.clock = store.clock
        self.noted: list[tuple[str, str]] = []
        self.used = Usage()
        wanted = {"checkpoint_seconds": 900.0, **post}
        reader = claude.events if hooked else command.events
        self.watcher = Watcher(
            store,
            Post("s-1", 1, "a", 1, **wanted),
            None,
            Ears(reader, lambda: self.used, hooked),
            note=lambda *words: self.noted.append(words),
        )

    def pass_time(self, seconds: float, *, written: int = 0) -> None:
        """Let time go by as the runner does: a look every few seconds."""
        end = self.clock.at + seconds
        while self.clock.at < end:
            self.clock.at = min(self.clock.at + 5, end)
            self.watcher.tick(written)


@pytest.fixture
def store(repo) -> StateStore:
    repo.write("f.txt", "1\n")
    repo.commit("first")
    made = StateStore.open(repo.location, Clock())
    made.init("demo")
    return made


def test_an_agent_that_fails_again_and_again_is_ended_and_one_that_commits_is_not(store, repo) -> None:
    watched = Watched(store, rules=watchdog.Rules(failures=4))
    for _ in range(3):
        watched.watcher.stream.hear(called("Bash") + ended(well=False))
    watched.pass_time(6)
    repo.write("f.txt", "2\n")
    repo.commit("progress")
    watched.pass_time(6)
    for _ in range(3):
        watched.watcher.stream.hear(called("Bash") + ended(well=False))
    watched.pass_time(6)
    assert (watched.watcher.enough, watched.noted) == (None, [])
    watched.watcher.stream.hear(called("Bash") + ended(well=False))
    watched.pass_time(6)
    words = "the tool 'Bash' failed 4 times since anything moved"
    assert watched.watcher.enough == f"stuck: {words}"
    assert watched.noted == [("stuck", words)]
    assert watched.watcher.trouble is None


def test_a_move_in_the_registry_is_progress(store) -> None:
    from ovn import features

    watched = Watched(store, rules=watchdog.Rules(without_progress=60))
    watched.pass_time(50)
    features.add(store, features.PERSON, "Build it", feature="a", verify=("true",))
    watched.pass_time(50)
    assert watched.watcher.enough is None
    watched.pass_time(20)
    assert (watched.watcher.enough or "").startswith("stuck: no commit")


def test_an_idle_agent_is_ended_though_it_talks_and_one_without_a_known_language_by_its_silence(
    store,
) -> None:
    talking = Watched(store, rules=watchdog.Rules(idle=60))
    for written in range(1, 15):
        talking.pass_time(5, written=written)
    assert (talking.watcher.enough or "").startswith("idle: no tool was used")
    unknown = Watched(store, hooked=False, rules=watchdog.Rules(idle=60))
    for written in range(1, 15):
        unknown.pass_time(5, written=written)
    assert unknown.watcher.enough is None


def test_the_budget_is_warned_of_once_and_ends_the_night_when_used_up(store) -> None:
    watched = Watched(store, budget=watchdog.Budget(cost=10.0, tokens=1000), used=Usage(cost=5.0))
    watched.used = Usage(output=100, cost=3.5)
    watched.pass_time(20)
    assert watched.noted == [("max-cost-near", "8.50 of 10.00 USD are spent")]
    assert watched.watcher.trouble is None
    watched.used = Usage(output=1000, cost=4.0)
    watched.pass_time(20)
    assert watched.watcher.trouble == "max-tokens"
    assert watched.noted[1:] == [("max-tokens", "1000 of 1000 tokens are used")]


def test_a_warning_of_the_attempt_before_is_not_repeated(store) -> None:
    watched = Watched(
        store, budget=watchdog.Budget(cost=10.0), used=Usage(cost=9.0), noted=frozenset({"max-cost-near"})
    )
    watched.pass_time(20)
    assert watched.noted == []


def test_sleep_and_a_clock_that_is_set_are_noted_and_end_nothing(store) -> None:
    watched = Watched(store, rules=watchdog.Rules(idle=600, without_progress=600))
    watched.pass_time(10)
    store.clock.asleep += 7200
    watched.pass_time(5)
    store.clock.off -= 3600
    watched.pass_time(5)
    assert [what for what, _ in watched.noted] == ["slept", "clock"]
    assert (watched.watcher.enough, watched.watcher.trouble) == (None, None)


def test_a_machine_that_slept_past_the_end_of_the_night_ends_it(store) -> None:
    deadline = (store.clock.now() + timedelta(hours=1), "until")
    watched = Watched(store, deadline=deadline)
    watched.pass_time(10)
    assert watched.watcher.trouble is None
    store.clock.asleep += 3600
    watched.pass_time(5)
    assert watched.watcher.trouble == "until"


def test_a_mark_of_the_hooks_is_a_checkpoint_of_the_runner(store, repo) -> None:
    from ovn import checkpoints

    watched = Watched(store)
    mark = store.location.local / names.DIRTY_FOLDER / "s-1"
    mark.parent.mkdir(exist_ok=True)
    watched.pass_time(5)
    assert len(checkpoints.found(store, "s-1")) == 0
    for number, expected in ((1, 1), (2, 1)):
        repo.write("f.txt", f"changed {number}\n")
        mark.touch()
        watched.pass_time(5)
        assert len(checkpoints.found(store, "s-1")) == expected
    watched.pass_time(70)
    held = checkpoints.found(store, "s-1")
    assert [one.kind for one in held] == ["automatic", "automatic"]
    assert repo.git("show", f"{held[-1].commit}:f.txt") == "changed 2"
    assert not mark.exists()


def late(store, folder, *heard: bytes, written: int = 0) -> Watched:
    """Return a watcher after the start deadline; ``heard`` is what the agent put out."""
    watched = Watched(store)
    for chunk in heard:
        watched.watcher.stream.hear(chunk)
    watched.pass_time(59, written=written)
    watched.watcher.look_for_hooks(folder, 60)
    assert (watched.watcher.trouble, watched.watcher.unready) == (None, False)
    watched.pass_time(2, written=written)
    watched.watcher.look_for_hooks(folder, 60)
    return watched


def test_an_agent_that_works_and_runs_no_hook_has_its_hooks_off(store, tmp_path) -> None:
    watched = late(store, tmp_path, BEGUN, called("Bash"), written=200)
    assert (watched.watcher.trouble, watched.watcher.unready) == ("hooks-off", False)
    assert watched.noted == [("hooks-off", "it works, and no hook of it ran within 60 s")]


@pytest.mark.parametrize("heard", [b"npm warn: deprecated\n", BEGUN])
def test_an_agent_that_has_only_put_something_out_is_not_ready_and_its_hooks_are_not_blamed(
    store, tmp_path, heard
) -> None:
    watched = late(store, tmp_path, heard, written=len(heard))
    assert (watched.watcher.trouble, watched.watcher.unready, watched.noted) == (None, True, [])


def test_an_agent_that_has_put_out_nothing_is_left_to_its_start_deadline(store, tmp_path) -> None:
    watched = late(store, tmp_path)
    assert (watched.watcher.trouble, watched.watcher.unready, watched.noted) == (None, False, [])


def test_a_hook_that_ran_in_time_is_all_that_is_asked(store, tmp_path) -> None:
    (tmp_path / ours.HOOKS_FILE).touch()
    watched = late(store, tmp_path, BEGUN, called("Bash"), written=200)
    assert (watched.watcher.trouble, watched.watcher.unready) == (None, False)
