"""The pure parts of a night."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn.errors import NotFound, UsageError
from ovn.model.documents import Attempt, Run, Session
from ovn.recovery.table import TABLE
from ovn.runner import attempt, final, runs, trying, work
from ovn.runner.ground import Wanted
from ovn.runner.process import Limits, Outcome
from ovn.state.store import StateStore

AT = "2026-01-02T03:04:05.000Z"


def session(*attempts: Attempt) -> Session:
    return Session(1, "s", "active", "run", AT, AT, "main", feature="a", attempts=attempts)


def tried(number: int, **how) -> Attempt:
    return Attempt(number, how.pop("feature", "a"), AT, None, **how)


@pytest.mark.parametrize(
    ("attempts", "failed_before", "answer"),
    [
        ((), False, "none"),
        ((), True, "failed"),
        ((tried(1, feature="other", ended=AT, exit_code=1),), False, "none"),
        ((tried(1),), False, "open"),
        ((tried(1, ended=AT, exit_code=0, reason=""),), False, "passed"),
        ((tried(1, ended=AT, exit_code=0, reason="red"),), False, "failed"),
        ((tried(1, ended=AT, exit_code=None, reason="died by signal 9"),), False, "failed"),
        ((tried(1, ended=AT, exit_code=1, reason="x"), tried(2)), True, "open"),
    ],
)
def test_what_became_of_the_last_attempt(attempts, failed_before: bool, answer: str) -> None:
    assert trying.last(session(*attempts), "a", failed_before=failed_before) == answer


def test_every_row_that_is_the_nights_to_carry_out_has_a_step() -> None:
    """'passed' is said to be for the run; 'feature-over' ends the session's loop."""
    wanted = {row.name for row in TABLE if row.by == "run"} - {"feature-over"}
    assert wanted <= set(work.STEPS)
    assert set(work.STEPS) <= {row.name for row in TABLE}


def ended(reason: str, exit_code: int | None = None, sign: int | None = None) -> Outcome:
    return Outcome(exit_code, sign, reason, 1.0, Path("log"))


WITHIN = "within 60 s (session.start_deadline_seconds)"


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (ended("exited", 0), "exit code 0"),
        (ended("exited", None, 9), "died by signal 9"),
        (ended("silence", None, 2), "ended after 600 s of silence"),
        (ended("start", None, 15), f"ended: it put out nothing and gave no other sign of life {WITHIN}"),
        (
            ended("unready", None, 15),
            f"ended: it put something out, but neither worked nor ran a hook {WITHIN}",
        ),
        (ended("wall", 0), "ended: its time was over"),
        (ended("stopped", 0), "ended: the run was asked to stop"),
    ],
)
def test_ends_in_words(outcome: Outcome, words: str) -> None:
    assert attempt.words(outcome, Limits(start=60, silence=600, wall=7)) == words


@given(st.integers(1, 300), st.data())
def test_halving_finds_the_first_bad_commit_in_few_steps(count: int, data) -> None:
    commits = [f"{n:040x}" for n in range(count)]
    bad = data.draw(st.integers(0, count - 1))
    asked: list[str] = []

    def is_bad(commit: str) -> bool:
        asked.append(commit)
        return commits.index(commit) >= bad

    assert final.first_bad(commits, is_bad) == commits[bad]
    assert len(asked) <= count.bit_length()


@pytest.mark.parametrize(
    "both",
    [{"current": True, "branch": "x"}, {"current": True, "worktree": ""}, {"branch": "x", "worktree": "y"}],
)
def test_only_one_ground_can_be_wanted(both) -> None:
    with pytest.raises(UsageError, match="exclude each other"):
        Wanted(**both)


def test_a_runs_document_from_beginning_to_end(repo) -> None:
    store = StateStore.open(repo.location)
    store.init("demo")
    run = Run(1, "r-1", "running", AT, "main", "refs/heads/night/r-1", repo.head, "command")
    runs.begin(store, run)
    assert runs.running(store.view(), "main") == run == runs.latest(store.view())
    assert runs.running(store.view(), "other") is None
    after = runs.update(store, "r-1", "one crash", crashes=1)
    tip = store.tip()
    assert runs.update(store, "r-1", "nothing new", crashes=1) == after
    assert store.tip() == tip
    over = runs.end(store, "r-1", "all-done", 0, "every feature is done")
    assert (over.state, over.stop, over.exit_code, over.crashes) == ("ended", "all-done", 0, 1)
    assert runs.running(store.view(), "main") is None
    subjects = repo.git("log", "--format=%s", "-3", "overnight/state").splitlines()
    assert subjects == [
        "run(r-1): ended, every feature is done",
        "run(r-1): one crash",
        "run(r-1): command on night/r-1",
    ]
    with pytest.raises(NotFound):
        runs.update(store, "r-2", "x", crashes=1)
