"""Resume on real repositories: each row that can be made to happen, what it does, what it leaves."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ovn import active, checkpoints, features, leases, names, operations
from ovn.config import Config
from ovn.errors import LeaseHeld, NotFound, NotInitialised
from ovn.git.locate import locate
from ovn.model import codec
from ovn.model.documents import Baseline, Run
from ovn.model.records import make
from ovn.recovery.facts import Us, leases_of
from ovn.recovery.table import TABLE
from ovn.shift.manual import manual_session
from ovn.shift.resuming import ACTIONS, Wish, facts_of, resume
from ovn.shift.starting import Opening, start
from ovn.state.store import StateStore

CONFIG = Config()
AT = "2026-11-22T03:04:05.678Z"
RUN = names.new_id(datetime(2026, 11, 22, tzinfo=UTC))
"""Another one in each process: marks are looked for on the whole machine."""


@pytest.fixture
def store(repo) -> StateStore:
    state = StateStore.open(repo.location)
    state.init("demo")
    return state


def tell(store, kind: str, data: dict, session: str = "a", **more) -> None:
    store.record(session, make(kind, data, at=AT, by="runner"), **more)


def go(store, **fields):
    return resume(store, CONFIG, Wish(**fields))


def look(store, **fields):
    return resume(store, CONFIG, Wish(look_only=True, **fields))


def dead_pid() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def night(store, *, feature: str | None = "parser", attempts: int = 0, **fields):
    """Begin a run's session whose runner is dead, after so many attempts that failed."""
    if feature:
        features.add(store, features.PERSON, "parse", feature=feature)
    shift = start(store, CONFIG, Opening("a", kind="run", pid=dead_pid(), run=RUN, by="runner", **fields))
    head = store.objects.resolve("HEAD")
    for number in range(1, attempts + 1):
        tell(store, "attempt.started", {"number": number, "feature": feature, "head": head}, fold=False)
        ended = {"number": number, "exit_code": 1, "reason": "red", "head": head}
        tell(store, "attempt.ended", ended, fold=False)
    return shift


def rows(resumed) -> list[str]:
    return [*(step.row for step in resumed.steps), resumed.verdict.row]


def test_every_row_left_to_resume_has_an_action_and_no_other():
    assert set(ACTIONS) == {row.name for row in TABLE if row.by == "resume"}


# -- nothing to resume -----------------------------------------------------------------


def test_nothing_to_resume_is_no_error(store):
    resumed = go(store)
    assert (rows(resumed), resumed.session) == (["nothing-to-resume"], None)
    assert resumed.verdict.command == "git ovn start"


def test_checkpoints_by_hand_are_nothing_to_resume(store):
    manual_session(store)
    assert rows(go(store)) == ["nothing-to-resume"]
    assert rows(look(store, session="manual")) == ["manual"]


def test_a_session_that_is_not_there_is_named(store):
    with pytest.raises(NotFound, match="no session 'nobody'"):
        go(store, session="nobody")


def test_without_a_state_branch_here_or_at_a_remote_init_is_needed(repo):
    with pytest.raises(NotInitialised):
        go(StateStore.open(repo.location))


# -- leases ----------------------------------------------------------------------------


def test_a_live_process_is_left_alone(repo, store):
    start(store, CONFIG, Opening("a", kind="run", pid=os.getpid(), run=RUN))
    repo.write("x", "1")
    before = repo.git("for-each-ref")
    assert rows(look(store)) == ["held"]
    with pytest.raises(LeaseHeld):
        go(store)
    assert repo.git("for-each-ref") == before


def test_a_dead_runner_s_session_is_taken_and_set_active(store):
    first = night(store)
    resumed = go(store)
    assert rows(resumed) == ["lease-dead", "next-attempt"]
    assert resumed.verdict.verdict == "resume-agent"
    assert resumed.verdict.command == "git ovn run"
    assert resumed.session.state == "active"
    assert resumed.generation > first.generation
    held = leases_of(store, CONFIG).current("session", "a")
    assert (held.lease.holder.pid, held.generation) == (None, resumed.generation)
    assert active.read(store.location.local, "main").generation == resumed.generation
    assert resumed.session.generation == resumed.generation


def test_a_shell_s_own_session_simply_goes_on(repo, store):
    start(store, CONFIG, Opening("a"))
    before = repo.git("for-each-ref")
    resumed = go(store)
    assert rows(resumed) == ["detached"]
    assert resumed.verdict.verdict == "continue"
    assert repo.git("for-each-ref") == before


def test_an_idle_shell_is_taken_over(store):
    start(store, CONFIG, Opening("a"))
    beat = store.location.local / "beat" / "a"
    os.utime(beat, (time.time() - 3600,) * 2)
    resumed = go(store)
    assert rows(resumed) == ["lease-dead", "detached"]
    assert "a shell on" in resumed.steps[0].reason
    assert rows(go(store)) == ["detached"]


def test_a_released_session_is_claimed_again(store):
    night(store)
    for held in leases_of(store, CONFIG).all():
        leases_of(store, CONFIG).release(held)
    assert rows(go(store)) == ["lease-free", "next-attempt"]


def test_an_agent_that_outlived_its_runner_is_named(store):
    night(store)
    environ = {**os.environ, names.ENV_RUN: RUN}
    agent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env=environ)
    try:
        resumed = go(store)
        assert rows(resumed) == ["agent-alive"]
        assert str(agent.pid) in resumed.verdict.reason
        assert resumed.session.state == "active"
        assert leases_of(store, CONFIG).current("session", "a").lease.holder.pid is not None
    finally:
        agent.kill()
        agent.wait()
    assert rows(go(store)) == ["lease-dead", "next-attempt"]


# -- records ---------------------------------------------------------------------------


def test_what_a_dead_process_left_in_the_journal_is_folded(store):
    night(store)
    tell(store, "note", {"text": "remember"}, fold=False)
    resumed = go(store)
    assert rows(resumed) == ["journal-pending", "lease-dead", "next-attempt"]
    assert "Note: remember" in resumed.context
    assert store.pending() == {}


def journal_file(store):
    return next(path for path in (store.location.local / "journal" / "a").iterdir())


def test_a_torn_record_is_cut_off_and_said(store):
    night(store)
    tell(store, "note", {"text": "one"}, fold=False)
    tell(store, "note", {"text": "two"}, fold=False)
    store.close()
    path = journal_file(store)
    data = path.read_bytes()
    at = data.rindex(b'"two"')
    path.write_bytes(data[:at] + b"\0" * (len(data) - at))
    resumed = go(StateStore.open(store.location))
    assert rows(resumed)[0] == "journal-torn"
    assert any("bytes of a torn write were cut off" in line for line in resumed.said)


def test_damaged_records_are_said_and_the_rest_is_kept(store):
    night(store)
    for text in ("one", "two", "six"):
        tell(store, "note", {"text": text}, fold=False)
    store.close()
    path = journal_file(store)
    path.write_bytes(path.read_bytes().replace(b'"two"', b'"tvo"'))
    resumed = go(StateStore.open(store.location))
    assert rows(resumed)[0] == "journal-damaged"
    assert "was damaged on disk" in " ".join(resumed.said)
    assert "Note: six" in resumed.context


def test_a_session_that_ended_gives_its_leases_back(store):
    night(store)
    tell(store, "session.state", {"state": "handed_off"})
    resumed = go(store)
    assert rows(resumed) == ["ended-holding", "ended"]
    assert leases_of(store, CONFIG).all() == []
    assert active.read(store.location.local, "main") is None
    assert rows(go(store)) == ["nothing-to-resume"]


# -- the work tree ---------------------------------------------------------------------


def test_a_dirty_tree_gets_a_safety_checkpoint_and_stays(repo, store):
    night(store)
    repo.write("README", "edited")
    repo.write("new", "x")
    repo.git("add", "new")
    before = repo.git("status", "--porcelain"), repo.head
    resumed = go(store)
    assert (repo.git("status", "--porcelain"), repo.head) == before
    assert (resumed.safety.kind, resumed.facts.dirty) == ("safety", True)
    assert repo.git("show", f"{resumed.safety.commit}:README") == "edited"
    assert "Uncommitted: README, new" in resumed.context


def test_a_damaged_index_is_made_again_and_said(repo, store):
    night(store)
    repo.write("README", "edited")
    index = repo.git_dir / "index"
    index.write_bytes(index.read_bytes()[:50])
    resumed = go(store)
    assert "git's index was damaged (its checksum is wrong)" in resumed.said[0]
    assert repo.git("status", "--porcelain") == " M README"
    assert repo.git("show", f"{resumed.safety.commit}:README") == "edited"


def half_done_restore(repo, store) -> checkpoints.Taken:
    """Leave a restore of the session behind whose process died after its intent."""
    kept = checkpoints.take(store, checkpoints.Request("a", label="good"))
    repo.write("README", "later\n")
    program = (
        "import sys; from pathlib import Path; from ovn.git.locate import locate\n"
        "from ovn.state.store import StateStore; from ovn import checkpoints, operations\n"
        "store = StateStore.open(locate(Path(sys.argv[1])))\n"
        "target = checkpoints.found(store, 'a')[0]\n"
        "operations.restore(store, operations.Order('restore', 'a'), target)\n"
    )
    point = {names.ENV_CRASH: "operation.after_files", "PYTHONPATH": os.pathsep.join(sys.path)}
    line = [sys.executable, "-c", program, str(repo.path)]
    assert subprocess.run(line, env={**os.environ, **point}, check=False).returncode == -9
    return kept


def test_a_half_done_restore_is_put_back(repo, store):
    night(store)
    half_done_restore(repo, store)
    store = StateStore.open(repo.location)
    resumed = go(store)
    assert "half-done" in rows(resumed)
    assert repo.read("README") == b"later\n"
    assert operations.unfinished(store, "main") == []
    assert resumed.reversed
    assert "'restore' was half done" in resumed.context


def test_a_half_done_restore_with_foreign_commits_on_top_is_left_as_it_is(repo, store):
    night(store)
    half_done_restore(repo, store)
    (repo.git_dir / "index.lock").unlink()  # as git told the person, who was not asked by us
    repo.write("mine", "1")
    repo.commit("a person's")
    store = StateStore.open(repo.location)
    head, before = repo.head, repo.git("status", "--porcelain")
    resumed = go(store)
    assert "half-done-foreign" in rows(resumed)
    assert (repo.head, repo.git("status", "--porcelain")) == (head, before)
    assert operations.unfinished(store, "main") == []


def test_a_run_s_session_on_another_branch_asks_a_person_and_takes_nothing(repo, store):
    night(store)
    repo.git("switch", "-q", "-c", "side")
    before = [one.oid for one in leases_of(store, CONFIG).all()]
    resumed = go(store)
    assert rows(resumed)[-1] == "branch-moved"
    assert resumed.verdict.command == "git switch main"
    assert [one.oid for one in leases_of(store, CONFIG).all()] == before
    assert [debt.session for debt in active.debts(store.location.local)] == ["a"]


# -- attempts of a run -----------------------------------------------------------------


def test_an_interrupted_attempt_goes_on(store):
    night(store, attempts=2)
    head = store.objects.resolve("HEAD")
    tell(store, "attempt.started", {"number": 3, "feature": "parser", "head": head})
    assert rows(look(store))[-1] == "interrupted"


@pytest.mark.parametrize(
    ("attempts", "dirty", "row"),
    [
        (1, True, "next-attempt"),
        (2, False, "next-attempt"),
        (2, True, "last-attempt"),
        (3, True, "used-up"),
        (3, False, "used-up-no-work"),
    ],
)
def test_what_follows_failed_attempts(repo, store, attempts, dirty, row):
    night(store, attempts=attempts)
    checkpoints.take(store, checkpoints.Request("a", label="before"))
    if dirty:
        repo.write("work", "1")
        active.beat(store.location.local, "a")
    assert rows(look(store))[-1] == row


@pytest.mark.parametrize("attempts", [2, 3])
def test_nothing_is_taken_back_over_a_person_s_commit(repo, store, attempts):
    night(store, attempts=attempts)
    checkpoints.take(store, checkpoints.Request("a", label="before"))
    repo.write("work", "1")
    repo.commit("by hand")
    tell(store, "commit", {"commit": repo.head, "kind": "foreign"})
    repo.write("more", "1")
    assert rows(look(store))[-1] == "last-words-foreign-commits"


def test_the_session_s_own_commits_are_not_foreign(repo, store):
    night(store, attempts=3)
    checkpoints.take(store, checkpoints.Request("a", label="before"))
    repo.write("recorded", "1")
    repo.commit("one")
    tell(store, "commit", {"commit": repo.head, "kind": "own", "feature": "parser"})
    old = repo.head
    repo.git("commit", "-q", "--amend", "-m", "one, amended")
    tell(store, "rewritten", {"pairs": [[old, repo.head]], "why": "amend"})
    repo.write("marked", "1")
    repo.commit("two\n\nOvn-Session: a")
    active.beat(store.location.local, "a")
    found = look(store)
    assert found.facts.foreign_commits is False
    assert rows(found)[-1] == "used-up"


def test_nothing_is_taken_back_over_changes_made_while_no_agent_lived(repo, store):
    night(store, attempts=3)
    checkpoints.take(store, checkpoints.Request("a", label="before"))
    beat = store.location.local / "beat" / "a"
    os.utime(beat, (time.time() - 120,) * 2)
    repo.write("mine", "1")
    assert rows(look(store))[-1] == "last-words-foreign-changes"


def test_nothing_is_taken_back_over_a_merge_in_progress(repo, store):
    night(store, attempts=3)
    checkpoints.take(store, checkpoints.Request("a", label="before"))
    (repo.git_dir / "MERGE_HEAD").write_text(repo.head + "\n")
    repo.write("work", "1")
    active.beat(store.location.local, "a")
    assert rows(look(store))[-1] == "last-words-git-operation"


def test_without_a_whole_checkpoint_a_person_is_asked(repo, store):
    night(store, attempts=3)
    repo.write("work", "1")
    active.beat(store.location.local, "a")
    assert rows(look(store))[-1] == "last-words-no-checkpoint"


def test_a_broken_baseline_cannot_be_worked_on(store):
    night(store, attempts=1)
    tree = store.objects.commit(store.objects.resolve("HEAD")).tree
    broken = Baseline(1, "b", AT, tree, "pytest -q", 4, 0.1, "no tests ran")
    tell(store, "baseline", codec.encode(broken))
    assert rows(look(store))[-1] == "baseline-broken"


@pytest.mark.parametrize("status", ["block", "verify-green"])
def test_a_decided_feature_leaves_only_the_handoff(store, status):
    night(store, attempts=1)
    features.move(store, features.PERSON, "parser", status)
    assert rows(look(store))[-1] == "feature-over"


def test_an_attempt_that_ended_well_waits_for_verification(store):
    night(store)
    head = store.objects.resolve("HEAD")
    tell(store, "attempt.started", {"number": 1, "feature": "parser", "head": head})
    tell(store, "attempt.ended", {"number": 1, "exit_code": 0, "reason": "exited", "head": head})
    assert rows(look(store))[-1] == "passed"
    features.start(store, features.PERSON, "parser", attempts=1)
    assert rows(look(store))[-1] == "next-attempt"


def test_a_crash_loop_is_not_resumed_again(store):
    night(store)
    crashed = Run(1, RUN, "running", AT, "main", None, None, "claude", crashes=6)
    path = names.run_file(RUN)
    store.transact("run", "run", lambda _: {path: crashed})
    resumed = go(store)
    assert rows(resumed)[-1] == "crash-loop"
    assert resumed.context is None


@pytest.mark.parametrize(("until", "row"), [("2999-01-01T00:00:00.000Z", "waiting"), (AT, "next-attempt")])
def test_a_session_waits_until_its_moment(store, until, row):
    night(store)
    tell(store, "session.state", {"state": "waiting", "until": until, "why": "limit"})
    resumed = go(store)
    assert rows(resumed)[-1] == row
    assert resumed.session.state == ("waiting" if row == "waiting" else "active")


def test_a_program_s_session_is_gone_on_with_by_the_program(store):
    start(store, CONFIG, Opening("a", kind="python", pid=dead_pid()))
    assert rows(look(store))[-1] == "program"


# -- explain, several, clones ----------------------------------------------------------


def test_explain_does_nothing(repo, store):
    night(store, attempts=1)
    tell(store, "note", {"text": "pending"}, fold=False)
    repo.write("x", "1")
    before = repo.git("for-each-ref"), repo.git("status", "--porcelain"), store.pending()
    said = look(store)
    assert rows(said) == ["journal-pending", "lease-dead", "next-attempt"]
    assert (repo.git("for-each-ref"), repo.git("status", "--porcelain"), store.pending()) == before
    assert facts_of(said.facts)["journal_pending"] is True


def test_of_several_the_one_at_work_is_chosen_and_the_others_are_listed(store):
    night(store)
    tell(store, "session.state", {"state": "waiting", "until": "2999-01-01T00:00:00.000Z"})
    start(store, CONFIG, Opening("b"))
    resumed = go(store)
    assert (resumed.session.id, resumed.others) == ("b", ("a",))


def test_in_a_clone_the_state_comes_from_the_remote(tmp_path, repo, store):
    features.add(store, features.PERSON, "parse", feature="parser")
    start(store, CONFIG, Opening("a", kind="python", pid=dead_pid()))
    subprocess.run(["git", "clone", "-q", str(repo.path), str(tmp_path / "clone")], check=True)
    clone = StateStore.open(locate(tmp_path / "clone"))
    resumed = go(clone)
    assert (resumed.session.id, rows(resumed)[-1]) == ("a", "program")
    assert resumed.said == ("the state branch was made from the remote's",)
    assert clone.view().session("a").state == "active"


# -- whatever the history --------------------------------------------------------------


def test_ended_sessions_and_their_records_are_not_read(store, monkeypatch):
    def ended(name: str) -> None:
        tell(store, "session.created", {"kind": "detached", "worktree": "main"}, name, fold=False)
        for _ in range(50):
            tell(store, "step", {"name": "x", "outcome": "done"}, name, fold=False)
        tell(store, "session.state", {"state": "handed_off"}, name)

    def objects_read() -> int:
        fresh = StateStore.open(store.location)
        count = 0
        read = fresh.objects.read

        def counted(oid: str):
            nonlocal count
            count += 1
            return read(oid)

        monkeypatch.setattr(fresh.objects, "read", counted)
        look(fresh)
        return count

    night(store)
    ended("z-0")
    few = objects_read()
    for number in range(1, 25):
        ended(f"z-{number}")
    assert objects_read() == few


# -- what is left behind ---------------------------------------------------------------


def test_a_recovery_is_recorded_with_its_facts_and_pays_the_debt(store):
    night(store)
    active.owe(store.location.local, active.Debt("a", "main", AT))
    go(store)
    assert active.debts(store.location.local) == []
    (record,) = [one for _, one in store.records("a") if one["type"] == "recovery"]
    assert record["data"]["verdict"] == "resume-agent"
    assert record["data"]["facts"]["lease"] == "dead"


def test_resuming_twice_is_harmless(repo, store):
    night(store)
    go(store)
    before = repo.git("for-each-ref")
    second = go(store)
    assert rows(second)[-1] == "next-attempt"
    assert repo.git("for-each-ref") == before


def test_a_runner_takes_the_leases_in_its_own_name(store):
    night(store)
    resumed = go(store, us=Us(session="a", run=RUN, pid=os.getpid()), by="runner")
    held = leases_of(store, CONFIG).current("session", "a")
    assert held.lease.holder == replace(leases.holder(os.getpid()), nonce=held.lease.holder.nonce)
    assert resumed.generation == held.generation
