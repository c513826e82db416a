"""Time travel: a copy with the history up to a point, the original untouched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ovn import DurableSession, NonDeterminismError, StateLayer
from ovn.cli.main import main
from ovn.errors import NotFound, Refused
from ovn.git.locate import locate
from tests.session.conftest import Runner


async def story(session, repo, calls):
    """Do five things, with a checkpoint after the second."""
    found = [await session.step("a", calls.give, "a")]
    repo.write("file", "one")
    session.note("early")
    session.layer(StateLayer.SESSION)["key"] = "early"
    session.checkpoint("middle")
    found.append(await session.step("b", calls.give, "b"))
    session.note("late")
    session.layer(StateLayer.SESSION)["key"] = "late"
    await session.step("write", lambda: repo.write("file", "two") and None, snapshot=True)
    found.append(await session.step("c", calls.give, "c", key="the-key"))
    return found


@pytest.fixture
def original(runner, repo, calls):
    """Return a session that ran to its end, and all of git that a fork may not change."""
    runner.run(lambda session: story(session, repo, calls))
    return untouched(repo)


def untouched(repo):
    refs = repo.git("for-each-ref", "--format=%(objectname) %(refname)").splitlines()
    kept = [line for line in refs if "/s/" in line or line.endswith("refs/heads/main")]
    return kept, repo.git("status", "--porcelain"), (repo.path / "file").read_text()


def inside(runner, fork):
    """Return what runs programs in the fork's work tree."""
    return Runner(locate(fork.worktree), runner.face, runner.clock)


def test_at_a_checkpoint_history_and_files_are_as_they_were_there(runner, repo, calls, original):
    fork = DurableSession.fork("s", repo=repo.path, at="middle", new="t")
    assert untouched(repo) == original
    assert (fork.session_id, fork.branch) == ("t", "fork/t")
    assert fork.worktree == repo.path.with_name("repo-t")
    assert (fork.worktree / "file").read_text() == "one"
    copy = runner.store().view().session("t")
    assert copy.notes == ("early",)
    assert runner.store().view().layer("t") == {"key": "early"}
    calls.made.clear()

    async def other(session):
        first = await session.step("a", calls.give, "again")
        session.note("early")
        session.checkpoint("middle")
        return first, await session.step("x", calls.give, "x")

    there = inside(runner, fork)
    assert there.run(other, session="t") == ("a", "x")
    assert there.run(other, session="t") == ("a", "x")
    assert calls.made == ["x"]
    assert untouched(repo) == original


@pytest.mark.parametrize(("at", "ran", "file"), [
    ("a", ["b", "c"], None),
    ("b", ["c"], "one"),
    ("write", ["c"], "two"),
    ("write#1", ["c"], "two"),
    ("the-key", [], "two"),
    (None, [], "two"),
])  # fmt: skip
def test_at_a_step_what_comes_after_it_is_done_again(runner, repo, calls, original, at, ran, file):
    fork = DurableSession.fork("s", repo=repo.path, at=at, new="t")
    assert (
        (fork.worktree / "file").read_text() if (fork.worktree / "file").exists() else None
    ) == file or at == "a"
    calls.made.clear()
    there = inside(runner, fork)
    from tests.conftest import Repo

    again = Repo(fork.worktree)
    assert there.run(lambda session: story(session, again, calls), session="t") == ["a", "b", "c"]
    assert calls.made == ran
    assert untouched(repo) == original


def test_a_fork_of_a_fork_has_the_past_of_both(runner, repo, calls, original):
    first = DurableSession.fork("s", repo=repo.path, at="middle", new="t")

    async def longer(session, *names):
        await session.step("a", calls.give, "a")
        session.note("early")
        session.checkpoint("middle")
        return [await session.step(name, calls.give, name) for name in names]

    inside(runner, first).run(lambda session: longer(session, "x", "y"), session="t")
    second = DurableSession.fork("t", repo=first.worktree, at="x", new="u")
    calls.made.clear()
    assert inside(runner, second).run(lambda session: longer(session, "x", "z"), session="u") == ["x", "z"]
    assert calls.made == ["z"]


def test_another_path_in_what_was_inherited_is_noticed(runner, repo, calls, original):
    fork = DurableSession.fork("s", repo=repo.path, at="b", new="t")

    async def other(session):
        await session.step("else", calls.give, 1)

    with pytest.raises(NonDeterminismError, match="asks for step 'else' where step 'a' is recorded"):
        inside(runner, fork).run(other, session="t")


def test_a_fork_may_roll_back_to_what_it_inherited(runner, repo, calls, original):
    fork = DurableSession.fork("s", repo=repo.path, at="b", new="t")

    async def other(session):
        await session.step("a", calls.give, "a")
        session.note("early")
        session.checkpoint("middle")
        await session.step("b", calls.give, "b")
        (fork.worktree / "file").write_text("three")
        return session.rollback("middle").label, (fork.worktree / "file").read_text()

    assert inside(runner, fork).run(other, session="t") == ("middle", "one")


def test_signals_that_were_taken_before_the_fork_are_taken_in_it(runner, repo, calls):
    from tests.session.test_waiting import signal

    async def program(session, more):
        got = [await session.wait_for("go")]
        await session.step("a", calls.give, "a")
        return got + [await session.wait_for("go") for _ in range(more)]

    runner.run_killed(lambda session: program(session, 0), 1)
    signal(runner, "go", 1)
    signal(runner, "go", 2)
    assert runner.run(lambda session: program(session, 0)) == [1]
    fork = DurableSession.fork("s", repo=repo.path, new="t")
    assert inside(runner, fork).run(lambda session: program(session, 1), session="t") == [1, 2]


@pytest.mark.parametrize(
    ("how", "error", "words"),
    [
        ({"at": "nowhere"}, NotFound, "no checkpoint and no step 'nowhere'"),
        ({"new": "s"}, Refused, "there is a session 's' already"),
        ({"worktree": "."}, Refused, "is there already"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_made(runner, repo, original, how, error, words):
    with pytest.raises(error, match=words):
        DurableSession.fork(
            "s", repo=repo.path, **{**how, **({"worktree": repo.path} if "worktree" in how else {})}
        )
    assert repo.git("worktree", "list").count("\n") == 0
    assert sorted(runner.store().view().sessions()) == ["s"]


def test_there_must_be_a_session(repo, ready):
    with pytest.raises(NotFound, match="no session 'x'"):
        DurableSession.fork("x", repo=repo.path)


def test_the_verbs_fork_and_compare_both(runner, repo, calls, original, monkeypatch, capfd):
    """``session fork``, ``diff`` of checkpoints of both, ``log`` of both and of one."""
    monkeypatch.chdir(repo.path)
    assert main(["session", "fork", "s", "--at", "middle", "--name", "t", "--json"]) == 0
    fork = json.loads(capfd.readouterr().out)

    async def other(session):
        await session.step("a", calls.give, "a")
        session.note("early")
        session.checkpoint("middle")
        (Path(fork["worktree"]) / "file").write_text("three")
        session.checkpoint("elsewhere")

    Runner(locate(Path(fork["worktree"])), runner.face, runner.clock).run(other, "t")
    assert main(["diff", "s/middle", "t/elsewhere"]) == 0
    said = capfd.readouterr().out
    assert "-one" in said
    assert "+three" in said
    assert main(["log"]) == 0
    both = capfd.readouterr().out
    assert main(["log", "--session", "t"]) == 0
    one = capfd.readouterr().out
    assert "checkpoint(s): middle" in both
    assert "fork(t): of s" in both
    assert "checkpoint(t): elsewhere" in one
    assert "checkpoint(s)" not in one
    assert untouched(repo) == original
