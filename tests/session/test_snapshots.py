"""Steps that change files: the result and the files after it are one, killed anywhere."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime

import pytest

from ovn.errors import NeedsPerson

pytestmark = pytest.mark.unmeasured


def writing(repo, calls):
    """Return a program whose step changes files in several ways, and the files that it leaves."""

    def work():
        calls.made.append("ran")
        repo.write("half", "1")
        repo.write("README", "changed\n")
        repo.write("more/deep", "2")
        return "written"

    async def program(session):
        return await session.step("write", work, snapshot=True)

    return program


def files(repo):
    return {
        str(path.relative_to(repo.path)): path.read_text()
        for path in repo.path.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }


AFTER = {"half": "1", "README": "changed\n", "more/deep": "2"}


@pytest.fixture
def now(clock):
    """Let the test's clock begin at the machine's time: files have the machine's."""
    clock.moment = datetime.now(UTC)
    return clock


def test_the_result_and_the_files_are_one(runner, repo, calls, now):
    program = writing(repo, calls)
    assert runner.run(program) == "written"
    assert files(repo) == AFTER
    assert runner.run(program) == "written"
    assert calls.made == ["ran"]
    assert files(repo) == AFTER


@pytest.mark.parametrize("acknowledged", [False, True])
@pytest.mark.parametrize("after", range(1, 6))
def test_killed_anywhere_a_replay_finds_both_or_neither(runner, repo, calls, now, after, acknowledged):
    program = writing(repo, calls)
    runner.run_killed(program, after, acknowledged=acknowledged)
    assert runner.run(program) == "written"
    assert files(repo) == AFTER
    assert len(calls.made) <= 2


@pytest.mark.measured
def test_what_a_killed_step_left_is_put_back_before_it_runs_again(runner, repo, calls, now):
    seen = []

    def work():
        seen.append(sorted(files(repo)))
        repo.write("half", str(len(seen)))
        return len(seen)

    async def program(session):
        return await session.step("write", work, snapshot=True)

    assert runner.run_killed(program, 3, acknowledged=False)
    assert (repo.path / "half").exists()
    assert runner.run(program) == 2
    assert seen == [["README"], ["README"]]


def test_commits_of_a_killed_step_are_taken_back_too(runner, repo, calls, now):
    first = repo.head

    def work():
        repo.write("a", str(len(calls.made)))
        calls.made.append(repo.commit("work\n\nOvn-Session: s"))

    async def program(session):
        await session.step("write", work, snapshot=True)
        return repo.git("log", "--format=%s")

    assert runner.run_killed(program, 3, acknowledged=False)
    assert runner.run(program) == "work\nfirst"
    assert repo.git("rev-parse", "HEAD~1") == first
    assert len(calls.made) == 2


def test_files_that_a_crash_lost_are_brought_back(runner, repo, calls, now):
    program = writing(repo, calls)
    runner.run(program)
    (repo.path / "half").unlink()
    (repo.path / "README").write_text("")
    assert runner.run(program) == "written"
    assert files(repo) == AFTER


@pytest.mark.measured
def test_somebody_elses_work_is_never_rolled_over(runner, repo, calls, now, ready):
    from ovn import active

    program = writing(repo, calls)
    assert runner.run_killed(program, 3, acknowledged=False)
    beat = ready.local / "beat" / "s"
    long_ago = time.time() - 3600
    os.utime(beat, (long_ago, long_ago))  # the process died an hour ago, the files are of now
    assert active.last_beat(ready.local, "s") == pytest.approx(long_ago)
    now.moment = datetime.now(UTC)
    with pytest.raises(NeedsPerson, match="was interrupted, and a change of files came after it"):
        runner.run(program)
    assert files(repo) == AFTER
    assert calls.made == ["ran"]


def test_a_foreign_commit_is_never_rolled_over(runner, repo, calls, now):
    program = writing(repo, calls)
    assert runner.run_killed(program, 3, acknowledged=False)
    head = repo.commit("somebody else's")
    with pytest.raises(NeedsPerson, match=f"commit {head[:10]} came after it"):
        runner.run(program)
    assert repo.head == head


def test_what_came_after_the_step_stays(runner, repo, calls, now):
    """Only the last recorded step's files are brought back: a replay of earlier ones touches nothing."""
    first = writing(repo, calls)

    async def program(session):
        found = await first(session)
        await session.step("later", lambda: repo.write("half", "later") and None)
        return found

    runner.run(program)
    assert runner.run(program) == "written"
    assert (repo.path / "half").read_text() == "later"


def test_it_may_be_at_most_once_too(runner, repo, calls, now):
    from ovn import StepInterrupted

    async def program(session):
        return await session.step(
            "w", lambda: repo.write("a", "1") and None, snapshot=True, semantics="at_most_once"
        )

    assert runner.run_killed(program, 3, acknowledged=False)
    with pytest.raises(StepInterrupted):
        runner.run(program)
