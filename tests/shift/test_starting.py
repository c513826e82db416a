"""A shift from start to handoff on a real repository: leases, debts, take-over, evidence, hooks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from ovn import active, checkpoints, features, names, operations
from ovn.config import Config
from ovn.errors import HandoffRefused, LeaseHeld, NotFound, NotInitialised, Refused
from ovn.git.opening import open_store
from ovn.model import codec
from ovn.model.documents import Command, Evidence
from ovn.model.records import make
from ovn.recovery.facts import Us, leases_of
from ovn.shift.closing import Closing, hand_off
from ovn.shift.starting import Opening, start
from ovn.state.store import StateStore

pytestmark = pytest.mark.unmeasured

CONFIG = Config()
AT = "2026-11-22T03:04:05.678Z"
SAID = {"accomplished": ("the lexer",), "next": ("the parser",)}


@pytest.fixture
def store(repo) -> StateStore:
    state = StateStore.open(repo.location)
    state.init("demo")
    return state


def add(store, *ids: str, **fields) -> None:
    for one in ids:
        features.add(store, features.PERSON, f"build {one}", feature=one, **fields)


def begin(store, **fields):
    return start(store, CONFIG, Opening(**fields))


def close(store, session: str, **fields):
    at_work = active.read(store.location.local, store.location.worktree)
    fields.setdefault("said", SAID)
    generation = at_work.generation if at_work else None
    return hand_off(store, CONFIG, Closing(session, generation=generation, **fields))


def leases(store) -> list[str]:
    return [f"{one.lease.kind} {one.lease.name}" for one in leases_of(store, CONFIG).all()]


# -- start -----------------------------------------------------------------------------


def test_a_shift_takes_leases_the_next_feature_and_tells_the_hooks(repo, store):
    add(store, "later", priority="P2")
    add(store, "parser", priority="P0", verify=("true",))
    shift = begin(store, session="session-001", agent="claude")
    assert shift.feature.id == "parser"
    assert shift.feature.status == "in_progress"
    assert (shift.session.state, shift.session.kind, shift.session.feature) == (
        "active",
        "detached",
        "parser",
    )
    assert shift.session.branch == "refs/heads/main"
    assert shift.session.head == repo.head
    assert shift.session.generation == shift.generation
    assert leases(store) == ["feature parser", "session session-001", "worktree main"]
    at_work = active.read(repo.location.local, "main")
    assert (at_work.session, at_work.feature, at_work.generation) == (
        "session-001",
        "parser",
        shift.generation,
    )
    assert "parser (P0, in progress): build parser" in shift.context
    assert store.pending() == {}


def test_the_holder_of_a_typed_start_is_a_shell_not_the_verb(store):
    begin(store, session="a")
    assert {one.lease.holder.pid for one in leases_of(store, CONFIG).all()} == {None}


def test_the_holder_of_a_run_is_its_process(store):
    begin(store, session="a", kind="run", pid=os.getpid(), run="20261122-abcd")
    assert {one.lease.holder.pid for one in leases_of(store, CONFIG).all()} == {os.getpid()}


def test_the_story_of_a_start_reads_well(repo, store):
    add(store, "parser")
    begin(store, session="session-001")
    subjects = repo.git("log", "--format=%s", "-3", "overnight/state").splitlines()
    assert subjects == [
        "status(session-001): parser in_progress",
        "start(session-001): parser",
        "feature: add parser",
    ]


def test_of_two_starts_in_one_work_tree_the_second_takes_and_writes_nothing(repo, store):
    begin(store, session="a")
    before = repo.git("for-each-ref")
    with pytest.raises(LeaseHeld) as refusal:
        begin(store, session="b")
    assert refusal.value.exit_code == 11
    assert repo.git("for-each-ref") == before
    assert store.view().session("b") is None


def test_take_over_ends_the_living_shift_with_a_checkpoint_and_a_handoff_from_git(repo, store):
    begin(store, session="a")
    repo.write("work.py", "half done")
    shift = begin(store, session="b", take_over=True)
    assert shift.paid == ("a",)
    view = store.view()
    assert view.session("a").state == "handed_off"
    handoff = view.handoff("a")
    assert (handoff.author, handoff.wip) == ("runner", True)
    held = repo.git("rev-parse", names.checkpoint_ref(handoff.checkpoint))
    assert repo.git("show", f"{held}:work.py") == "half done"
    assert repo.read("work.py") == b"half done"
    assert leases(store) == ["session b", "worktree main"]
    assert "Uncommitted: work.py" in shift.context
    assert "'a' ended without a handoff" in shift.context


def test_a_start_pays_the_debt_of_a_dead_shift(repo, store):
    begin(store, session="a", kind="run", pid=dead_pid(), run="20261122-abcd")
    repo.write("x", "1")
    commit = repo.commit("work")
    store.record("a", make("commit", {"commit": commit, "kind": "own"}, at=AT, by="hook"))
    active.owe(store.location.local, active.Debt("a", "main", AT))
    shift = begin(store, session="b")
    assert shift.paid == ("a",)
    assert store.view().handoff("a").accomplished == (f"({commit[:10]}) work",)
    assert active.debts(store.location.local) == []


def dead_pid() -> int:
    """Return the pid of a process that has ended."""
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def test_what_another_session_works_on_is_not_chosen(tmp_path, repo, store):
    add(store, "first", "second")
    begin(store, session="a")
    repo.git("worktree", "add", "-q", str(tmp_path / "linked"))
    from ovn.git.locate import locate

    other = StateStore.open(locate(tmp_path / "linked"))
    assert start(other, CONFIG, Opening("b")).feature.id == "second"


@pytest.mark.measured
def test_a_named_feature_must_be_ready(store):
    add(store, "base")
    add(store, "top", depends_on=("base",))
    with pytest.raises(Refused, match="'top' cannot be worked on: it depends on 'base', not done yet"):
        begin(store, feature="top")
    with pytest.raises(NotFound, match="no feature 'nothing'"):
        begin(store, feature="nothing")
    assert leases(store) == []


def test_without_features_a_shift_begins_all_the_same(store):
    shift = begin(store, goal="look around")
    assert shift.feature is None
    assert "No feature is chosen" in shift.context
    assert shift.session.goal == "look around"


@pytest.mark.parametrize("state", ["active", "handed_off"])
def test_a_session_begins_once(store, state):
    begin(store, session="a")
    if state == "handed_off":
        close(store, "a")
    with pytest.raises(Refused, match=r"session 'a' (began before|is handed off)"):
        begin(store, session="a")


def test_a_repository_without_state_is_refused(repo):
    with pytest.raises(NotInitialised):
        begin(StateStore.open(repo.location))


# -- handoff ---------------------------------------------------------------------------


def test_a_handoff_commits_the_rest_as_the_person_and_gives_everything_back(repo, store):
    begin(store, session="a")
    repo.write("new.py", "x")
    repo.write("README", "edited")
    closed = close(store, "a")
    assert closed.commit == repo.head
    assert repo.git("log", "-1", "--format=%an %s") == "A U Thor progress(a): the lexer"
    assert repo.git("status", "--porcelain") == ""
    view = store.view()
    assert view.session("a").state == "handed_off"
    assert view.handoff("a") == closed.handoff
    assert (closed.handoff.head, closed.handoff.branch) == (repo.head, "refs/heads/main")
    assert closed.handoff.checkpoint == "a/0002"  # 0001 is the safety one before the commit
    assert [work.commit for work in view.session("a").commits] == [repo.head]
    assert leases(store) == []
    assert active.read(store.location.local, "main") is None
    assert active.last_beat(store.location.local, "a") is None


def test_nothing_uncommitted_makes_no_progress_commit(repo, store):
    before = repo.head
    begin(store, session="a")
    assert close(store, "a").commit is None
    assert repo.head == before


def test_work_in_progress_stays_uncommitted_in_a_named_checkpoint(repo, store):
    begin(store, session="a")
    repo.write("new.py", "x")
    repo.git("add", "-N", "new.py")
    before = repo.git("status", "--porcelain"), repo.head
    closed = close(store, "a", wip=True)
    assert (repo.git("status", "--porcelain"), repo.head) == before
    assert closed.handoff.wip is True
    assert repo.git("show", "refs/tags/ovn/a/wip:new.py") == "x"


def test_wip_without_anything_uncommitted_is_no_work_in_progress(store):
    begin(store, session="a")
    assert close(store, "a", wip=True).handoff.wip is False


def refused(store, session: str, **fields) -> list[str]:
    with pytest.raises(HandoffRefused) as refusal:
        close(store, session, **fields)
    assert refusal.value.exit_code == 13
    return [one["rule"] for one in refusal.value.facts["rules"]]


def test_a_refused_handoff_names_each_rule_and_changes_nothing(repo, store):
    add(store, "parser", "printer")
    begin(store, session="a")
    repo.write("new.py", "x")
    before = repo.git("for-each-ref"), repo.git("status", "--porcelain")
    assert refused(store, "a", said={"accomplished": ("parser",)}) == ["evidence", "next"]
    assert (repo.git("for-each-ref"), repo.git("status", "--porcelain")) == before


def test_a_handoff_of_somebody_else_s_shift_is_refused(store):
    begin(store, session="a", kind="run", pid=os.getpid(), run="20261122-abcd")
    assert refused(store, "a") == ["lease"]
    assert close(store, "a", us=Us(session="a")).handoff.session == "a"


def prove(store, repo, feature: str) -> None:
    """Record green evidence for a feature on HEAD."""
    tree = repo.git("rev-parse", "HEAD^{tree}")
    told = Evidence(feature, AT, True, tree, repo.head, None, (Command("true", 0, 0.1, "ok", "0" * 64),))
    features.evidence(store, features.PERSON, told)
    features.move(store, features.PERSON, feature, "verify-green")


def test_a_feature_is_accomplished_by_evidence_on_head_s_history(repo, store):
    add(store, "parser")
    begin(store, session="a")
    repo.write("p", "1")
    repo.commit("parser")
    prove(store, repo, "parser")
    repo.write("more", "2")
    assert close(store, "a", said={"accomplished": ("parser",)}).commit == repo.head


def test_evidence_on_another_branch_does_not_count(repo, store):
    add(store, "parser")
    begin(store, session="a")
    repo.git("switch", "-q", "-c", "side")
    repo.write("p", "1")
    repo.commit("parser")
    prove(store, repo, "parser")
    repo.git("switch", "-q", "main")
    assert refused(store, "a", said={"accomplished": ("parser",)}) == ["evidence"]


def test_a_person_s_hook_that_refuses_refuses_the_handoff_and_leaves_the_index(repo, store):
    begin(store, session="a")
    hook = repo.git_dir / "hooks" / "pre-commit"
    hook.write_text("#!/bin/sh\necho 'the linter says no' >&2\nexit 1\n")
    hook.chmod(0o755)
    repo.write("new.py", "x")
    before = repo.git("status", "--porcelain")
    with pytest.raises(HandoffRefused, match="the linter says no"):
        close(store, "a")
    assert repo.git("status", "--porcelain") == before
    assert store.view().session("a").state == "active"
    assert close(store, "a", wip=True).handoff.wip is True


def test_a_merge_in_progress_is_never_concluded_by_a_handoff(repo, store):
    begin(store, session="a")
    repo.write("README", "ours\n")
    repo.commit("ours")
    repo.git("switch", "-q", "-c", "side", "HEAD~1")
    repo.write("README", "theirs\n")
    repo.commit("theirs")
    repo.git("merge", "main", ok=(1,))
    with pytest.raises(HandoffRefused, match="a merge is in progress"):
        close(store, "a")
    assert (repo.git_dir / "MERGE_HEAD").exists()
    assert repo.git("diff", "--name-only", "--diff-filter=U") == "README"


def test_a_handoff_without_words_is_written_from_git(repo, store):
    add(store, "parser")
    begin(store, session="a")
    repo.write("x", "1")
    closed = close(store, "a", said=None, author="runner")
    assert closed.handoff.author == "runner"
    assert closed.handoff.next == ("parser: build parser (in progress)",)


def test_a_handoff_holds_no_secret(store):
    begin(store, session="a")
    token = "ghp_" + "a" * 36
    closed = close(store, "a", said={"next": (f"use {token}",)})
    assert closed.handoff.next == ("use [redacted]",)


def test_a_session_hands_off_once(store):
    begin(store, session="a")
    close(store, "a")
    with pytest.raises(Refused, match="session 'a' is 'handed_off'"):
        close(store, "a")
    with pytest.raises(NotFound):
        close(store, "nobody")


def test_the_next_shift_is_told_what_the_last_one_said(store):
    add(store, "parser", "printer")
    begin(store, session="a")
    close(store, "a", said={"next": ("the tree",), "tried": ("a generated parser",)})
    told = begin(store, session="b").context
    assert "Next: the tree" in told
    assert "- a generated parser (in a)" in told


# -- killed on the way -----------------------------------------------------------------

PROGRAM = """
import sys
from pathlib import Path
from ovn.shift.closing import Closing, hand_off
from ovn.config import Config
from ovn.git.locate import locate
from ovn.shift.starting import Opening, start
from ovn.state.store import StateStore
store = StateStore.open(locate(Path(sys.argv[2])))
if sys.argv[1] == "start":
    start(store, Config(), Opening("a"))
else:
    hand_off(store, Config(), Closing("a", said={"next": ("more",)}))
"""


def killed(repo, verb: str, point: str) -> None:
    """Run the verb in a process that dies at the crash point."""
    environ = {**os.environ, names.ENV_CRASH: point, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", PROGRAM, verb, str(repo.path)], env=environ, check=False)
    assert done.returncode == -9


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_start_killed_at_any_lease_keeps_nobody_waiting(repo, store, count):
    killed(repo, "start", f"lease.after_take@{count}")
    shift = begin(store, session="b", take_over=count > 2)
    assert shift.session.state == "active"


@pytest.mark.parametrize("point", ["handoff.after_commit", "handoff.after_record"])
def test_a_handoff_killed_on_its_way_is_finished_by_the_next_command(repo, store, point):
    begin(store, session="a")
    repo.write("new.py", "x")
    killed(repo, "handoff", point)
    store = StateStore.open(repo.location)
    if point == "handoff.after_commit":
        assert close(store, "a", said={"next": ("more",)}).commit is None
    else:
        assert store.view().handoff("a").next == ("more",)
        assert begin(store, session="b", take_over=True).paid == ()
    assert repo.git("log", "-1", "--format=%s") == "progress(a): work"
    assert store.view().session("a").state == "handed_off"


def test_evidence_documents_are_what_the_registry_holds(repo, store):
    add(store, "parser")
    prove(store, repo, "parser")
    held = store.view().feature("parser").evidence
    assert codec.encode(held)["commit"] == repo.head
    assert replace(held, green=False) != held
    assert open_store(repo.location).exists(held.commit)


def test_before_init_nothing_is_taken(repo):
    """A start that cannot be recorded leaves no lease behind."""
    bare = StateStore.open(repo.location)
    with pytest.raises(NotInitialised):
        start(bare, Config(), Opening())
    assert repo.git("for-each-ref", "refs/ovn") == ""


def test_a_start_begins_on_no_half_done_operation(repo, store, tmp_path):
    """A rollback that was killed is put back first, and said; what it would have cost is kept."""
    begin(store, session="a")
    checkpoints.take(store, checkpoints.Request("a", label="good"))
    repo.write("README", "later\n")
    program = (
        "import sys; from pathlib import Path; from ovn.git.locate import locate\n"
        "from ovn.state.store import StateStore; from ovn import checkpoints, operations\n"
        "store = StateStore.open(locate(Path(sys.argv[1])))\n"
        "operations.rollback(store, operations.Order('rollback', 'a'), checkpoints.found(store, 'a')[0])\n"
    )
    point = {names.ENV_CRASH: "operation.after_files", "PYTHONPATH": os.pathsep.join(sys.path)}
    line = [sys.executable, "-c", program, str(repo.path)]
    assert subprocess.run(line, env={**os.environ, **point}, check=False).returncode == -signal.SIGKILL
    assert repo.read("README") != b"later\n"
    store = StateStore.open(repo.location)
    shift = begin(store, session="b", take_over=True)
    assert repo.read("README") == b"later\n"
    assert "(rollback) was half done and is now reversed" in shift.said[0]
    assert operations.unfinished(store, "main") == []
