"""The facts that are computed from documents alone; those of a repository are in test_resume."""

from __future__ import annotations

import os

import pytest

from ovn import host
from ovn.model.documents import Attempt, Feature, Session
from ovn.recovery.facts import attempts_left, is_over, last_attempt, living

AT = "2026-11-22T03:04:05.678Z"
OID = "ab" * 20


def session(*attempts: Attempt) -> Session:
    return Session(
        version=1,
        id="a",
        state="active",
        kind="run",
        created=AT,
        updated=AT,
        worktree="main",
        feature="parser",
        attempts=attempts,
    )


def feature(attempts: int) -> Feature:
    return Feature(version=2, id="parser", number=1, title="Parse", created=AT, attempts=attempts)


def ended(number: int, code: int | None, of: str = "parser") -> Attempt:
    return Attempt(number, of, AT, OID, ended=AT, exit_code=code)


OPEN = Attempt(9, "parser", AT, OID)


@pytest.mark.parametrize(
    ("attempts", "counted", "word"),
    [
        ((), 0, "none"),
        ((ended(1, 0, "printer"),), 0, "none"),
        ((ended(1, 1),), 0, "failed"),
        ((ended(1, None),), 0, "failed"),
        ((ended(1, 0),), 0, "passed"),
        ((ended(1, 0),), 1, "failed"),
        ((ended(1, 1), ended(2, 0)), 1, "passed"),
        ((ended(1, 1), OPEN), 1, "open"),
    ],
)
def test_the_last_attempt(attempts, counted, word):
    assert last_attempt(session(*attempts), feature(counted)) == word


@pytest.mark.parametrize(
    ("attempts", "counted", "left"),
    [
        ((), 0, 3),
        ((ended(1, 1),), 0, 2),
        ((ended(1, 0),), 1, 2),
        ((ended(1, 1), OPEN), 0, 2),
        ((), 5, 0),
    ],
)
def test_an_interrupted_attempt_is_not_used_up(attempts, counted, left):
    assert attempts_left(session(*attempts), feature(counted), 3) == left


def test_a_moment_is_over_an_answer_is_not():
    assert is_over("2026-11-22T03:04:05.678Z", 2e9)
    assert not is_over("2026-11-22T03:04:05.678Z", 1e9)
    assert not is_over("question 'q' is answered", 2e9)


def test_only_the_very_process_that_was_recorded_lives():
    start, boot = host.process_start(os.getpid()), host.boot_id()
    this = Attempt(1, None, AT, None, pid=os.getpid(), process_start=start, boot_id=boot)
    other = Attempt(1, None, AT, None, pid=os.getpid(), process_start="1", boot_id=boot)
    before = Attempt(1, None, AT, None, pid=os.getpid(), process_start=start, boot_id="another")
    assert [living(one) for one in (this, other, before, OPEN)] == [os.getpid(), None, None, None]
