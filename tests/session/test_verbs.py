"""The verbs of a program: carried out once, replayed without touching anything."""

from __future__ import annotations

import pytest

from ovn import Checkpoint, NonDeterminismError
from ovn.errors import CommitRefused, HandoffRefused, InvalidName, NotFound
from tests.session.conftest import Killed


def lines(repo):
    return repo.git("log", "--format=%s").splitlines()


def everything(repo):
    """What a replay may not touch: refs but the state's own and leases, files, index, reflog."""
    refs = [
        line
        for line in repo.git("for-each-ref", "--format=%(objectname) %(refname)").splitlines()
        if not any(part in line for part in ("overnight/state", "ovn/keep", "ovn/lease"))
    ]
    files = {
        str(path.relative_to(repo.path)): path.read_bytes()
        for path in repo.path.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }
    return refs, files, repo.git("status", "--porcelain"), repo.git("reflog", "HEAD")


def test_the_program_of_the_contract(runner, repo, calls):
    async def implement():
        repo.write("feature.py", "print('x')\n")
        return "ok"

    def plainly():
        repo.write("feature.py", "print('x')\n")
        return "ok"

    async def program(session):
        session.checkpoint("before_feature_x")
        work = implement if runner.face == "async" else plainly
        result = await session.execute_with_retry(work, max_retries=3, backoff="exponential")
        done = session.commit("feature_x_complete")
        back = session.rollback("before_feature_x")
        return result, done.head, back.label

    result, head, label = runner.run(program)
    assert (result, label) == ("ok", "before_feature_x")
    assert lines(repo) == ["first"]
    assert not (repo.path / "feature.py").exists()
    before = everything(repo)
    assert runner.run(program) == (result, head, label)
    assert everything(repo) == before


def test_a_checkpoint_is_a_checkpoint_and_taken_once(runner, repo):
    async def program(session):
        repo.write("a", "1")
        first = session.checkpoint("before")
        second = session.checkpoint("before")
        return first, second, session.checkpoints

    first, second, known = runner.run(program)
    assert isinstance(first, Checkpoint)
    assert [first, second] == known
    assert (first.label, second.label, first.tag, second.tag) == (
        "before",
        "before",
        "ovn/s/before",
        "ovn/s/before.2",
    )
    assert runner.run(program) == (first, second, known)


def test_what_a_person_types_becomes_a_label_and_stays_as_text(runner):
    async def program(session):
        return session.checkpoint("before the parser!")

    one = runner.run(program)
    assert (one.label, one.text) == ("before-the-parser", "before the parser!")
    with pytest.raises(InvalidName):
        runner.run(lambda session: program_of(session, "!!"), session="other")


async def program_of(session, label):
    return session.checkpoint(label)


def test_restore_brings_files_back_and_only_files(runner, repo):
    async def program(session):
        repo.write("a", "1")
        held = session.checkpoint("one")
        repo.write("a", "2")
        head = repo.commit("later")
        return session.restore(held.id), (repo.path / "a").read_text(), repo.head == head

    assert runner.run(program) == (True, "1", True)


@pytest.mark.parametrize("name", ["nowhere", "s/0099", "@{7}", "no such!"])
def test_restore_is_false_when_there_is_no_such_checkpoint(runner, name):
    async def program(session):
        return session.restore(name)

    assert runner.run(program) is False
    assert runner.run(program) is False


def test_rollback_to_nowhere_raises_and_is_recorded(runner, repo):
    async def program(session):
        try:
            session.rollback("nowhere")
        except NotFound:
            return await session.step("instead", lambda: "instead")

    assert runner.run(program) == "instead"
    repo.git("tag", "nowhere")
    assert runner.run(program) == "instead"


def test_rollback_takes_files_index_and_branch_back(runner, repo):
    async def program(session):
        session.checkpoint("start")
        repo.write("a", "1")
        session.commit("one")
        repo.write("b", "2")
        repo.git("add", "b")
        session.rollback("start")
        return lines(repo), repo.git("status", "--porcelain"), (repo.path / "a").exists()

    assert runner.run(program) == (["first"], "", False)


def test_a_commit_is_the_persons_with_trailers_and_a_checkpoint(runner, repo):
    async def program(session):
        repo.write("a", "1")
        return session.commit("feature done", message="Add the feature\n\nAs planned.")

    held = runner.run(program)
    assert held.head == repo.head
    assert repo.git("log", "-1", "--format=%an|%s|%(trailers:key=Ovn-Session,valueonly)").strip() == (
        "A U Thor|Add the feature|s"
    )
    assert runner.store().view().session("s").commits[-1].commit == repo.head
    assert runner.run(program) == held
    assert lines(repo) == ["Add the feature", "first"]


def test_with_nothing_to_commit_only_the_checkpoint_is_taken(runner, repo):
    async def program(session):
        return session.commit("nothing").head

    assert runner.run(program) == repo.head
    assert lines(repo) == ["first"]


def test_a_hook_that_refuses_is_heard_and_recorded(runner, repo):
    hook = repo.git_dir / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'no tabs, please' >&2\nexit 1\n")
    hook.chmod(0o755)

    async def program(session):
        repo.write("a", "\t1")
        try:
            session.commit("tabs")
        except CommitRefused as error:
            return str(error)

    assert "no tabs, please" in runner.run(program)
    hook.unlink()
    assert "no tabs, please" in runner.run(program)
    assert lines(repo) == ["first"]


# -- killed in between ---------------------------------------------------------------------


def kill_everywhere(runner, program, *, most=40):
    """Kill a program with each of its records, once before and once after it is written, then end it.

    Returns what it gave at last, in a repository where each of them happened one after the other.
    """
    for acknowledged in (False, True):
        if not runner.run_killed(program, 1, acknowledged=acknowledged):
            break
    for _ in range(most):
        if not runner.run_killed(program, 1):
            break
    return runner.run(program)


@pytest.mark.slow
@pytest.mark.parametrize("acknowledged", [False, True])
@pytest.mark.parametrize("after", range(1, 16))
def test_a_program_killed_anywhere_never_commits_or_rolls_back_twice(runner, repo, after, acknowledged):
    async def program(session):
        held = session.checkpoint("start")
        session.note("begun")
        await session.step("write", lambda: repo.write("a", "1") and None)
        done = session.commit("one")
        await session.step("more", lambda: repo.write("b", "2") and None)
        back = session.rollback("start")
        await session.step("again", lambda: repo.write("c", "3") and None)
        return held.id, done.head, back.id

    runner.run_killed(program, after, acknowledged=acknowledged)
    held, head, back = runner.run(program)
    assert held == back
    assert lines(repo) == ["first"]
    assert sorted(path.name for path in repo.path.iterdir() if path.name != ".git") == ["README", "c"]
    made = [
        line for line in repo.git("reflog", "--format=%gs").splitlines() if line.startswith("commit: one")
    ]
    assert len(made) == 1
    assert repo.git("log", "-1", "--format=%s", head) == "one"
    assert len(runner.store().view().session("s").notes) == 1
    assert runner.run(program) == (held, head, back)


def test_a_commit_that_was_made_and_not_recorded_is_found(runner, repo, monkeypatch):
    async def program(session):
        repo.write("a", "1")
        return session.commit("one").head

    def dies(point):
        if point == "commit.after":
            raise Killed

    monkeypatch.setattr("ovn.operations.committing.crash_point", dies)
    core = runner.open_core()
    with pytest.raises(Killed):
        runner._go(core, program)
    runner.die(core)
    monkeypatch.undo()
    head = repo.head
    assert lines(repo) == ["one", "first"]
    assert runner.run(program) == head
    assert lines(repo) == ["one", "first"]
    assert [work.commit for work in runner.store().view().session("s").commits] == [head]


# -- notes ---------------------------------------------------------------------------------


def test_notes_decisions_and_blockers_are_written_once(runner):
    async def program(session):
        session.note("one")
        session.note("one")
        session.decide("use a table")
        blocker = session.block("no key")
        other = session.block("no model")
        session.unblock(blocker)
        return session.state.notes, session.state.decisions, blocker, other

    first = runner.run(program)
    assert first[:2] == (("one", "one"), ("use a table",))
    assert runner.run(program) == first
    state = runner.store().view().session("s")
    assert [(one.text, one.open) for one in state.blockers] == [("no key", False), ("no model", True)]


def test_a_text_may_differ_between_runs(runner):
    """Identity is the verb and its place; what a program says may hold the time of day."""
    said = iter(["took 1 s", "took 2 s"])

    async def program(session):
        session.note(next(said))
        return session.state.notes

    assert runner.run(program) == ("took 1 s",)
    assert runner.run(program) == ("took 1 s",)


def test_secrets_do_not_reach_the_document(runner):
    async def program(session):
        session.note("password=hunter2hunter2")
        return session.state.notes

    assert runner.run(program) == ("password=[redacted]",)


# -- handoff -------------------------------------------------------------------------------


def test_a_handoff_commits_what_is_left_and_ends_the_session(runner, repo):
    async def program(session):
        await session.step("write", lambda: repo.write("a", "1") and None)
        return session.handoff(accomplished=["(the table)"], next=["the parser"], tried=["a regex"])

    words = runner.run(program)
    assert (words.accomplished, words.next, words.author) == (("(the table)",), ("the parser",), "agent")
    assert repo.git("status", "--porcelain") == ""
    state = runner.store().view().session("s")
    assert state.state == "handed_off"
    assert repo.git("for-each-ref", "refs/ovn/lease/") == ""
    before = everything(repo)
    assert runner.run(program) == words
    assert everything(repo) == before


def test_a_handoff_killed_before_its_end_is_finished(runner, repo):
    async def program(session):
        return session.handoff(next=["go on"]).next

    for after in (1, 2, 3):
        runner.run_killed(program, after)
    assert runner.run(program) == ("go on",)
    assert runner.store().view().session("s").state == "handed_off"
    assert len(runner.records("handoff")) == 1


def test_a_refused_handoff_may_be_mended_in_the_program_and_by_the_next_start(runner, repo):
    from ovn import features

    features.add(runner.store(), features.PERSON, "the parser")
    words: list = []

    async def program(session):
        return session.handoff(next=words).next

    with pytest.raises(HandoffRefused, match="next"):
        runner.run(program)
    words.append("the parser")
    assert runner.run(program) == ("the parser",)


def test_a_handoff_before_the_end_of_what_is_recorded_is_another_path(runner, calls):
    async def program(session, names):
        for name in names:
            await session.step(name, calls.give, name)
        session.handoff(next=["x"])

    async def longer(session):
        for name in "abc":
            await session.step(name, calls.give, name)

    runner.run(longer)
    with pytest.raises(NonDeterminismError, match="asks for handoff 'handoff' where step 'b' is recorded"):
        runner.run(lambda session: program(session, "a"))


# -- from outside --------------------------------------------------------------------------


def test_a_rollback_from_outside_cuts_the_history_there(runner, repo, calls):
    """What came after the checkpoint is done again; what came before is not."""
    from ovn import checkpoints, operations

    async def program(session):
        await session.step("a", calls.give, "a")
        session.checkpoint("middle")
        await session.step("b", calls.give, "b")
        return await session.step("c", calls.give, "c")

    runner.run(program)
    store = runner.store()
    held = next(one for one in checkpoints.found(store, "s") if one.label == "middle")
    undone = operations.rollback(store, operations.Order("rollback", "s", target=held.id), held)
    assert runner.run(program) == "c"
    assert calls.made == list("abcbc")
    assert [one["name"] for one in runner.records("step")] == list("abcbc")  # what was cut off stays readable
    assert undone.operation is not None


def test_a_rollback_recorded_in_another_session_cuts_too(runner, repo, calls):
    from ovn import checkpoints, operations
    from ovn.shift.manual import manual_session

    async def program(session):
        session.checkpoint("start")
        return await session.step("a", calls.give, len(calls.made))

    assert runner.run(program) == 0
    store = runner.store()
    held = checkpoints.found(store, "s")[0]
    operations.rollback(store, operations.Order("rollback", manual_session(store), target=held.id), held)
    assert runner.run(program) == 1
    assert runner.run(program) == 1
    assert len(runner.records("cut")) == 1


def test_an_undone_rollback_cuts_nothing(runner, repo, calls):
    from ovn import checkpoints, operations

    async def program(session):
        session.checkpoint("start")
        return await session.step("a", calls.give, "a")

    runner.run(program)
    store = runner.store()
    held = checkpoints.found(store, "s")[0]
    operations.rollback(store, operations.Order("rollback", "s", target=held.id), held)
    operations.undo(store, operations.Order("undo", "s"), None)
    assert runner.run(program) == "a"
    assert calls.made == ["a"]
