"""Restore, rollback, undo and feature rollback on real repositories; nothing is lost on the way."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from ovn import checkpoints, features, operations
from ovn.checkpoints import Request
from ovn.errors import Conflict, Diverged, NotFound, Refused, WouldLose
from ovn.git import index as indexes
from ovn.operations import Order
from ovn.state.store import StateStore

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Repo

    from ovn.model.documents import Checkpoint


@pytest.fixture
def store(repo: Repo) -> StateStore:
    """The state of a fresh repository."""
    store = StateStore.open(repo.location)
    store.init("a project")
    return store


def keep(store: StateStore, label: str | None = None) -> Checkpoint:
    return checkpoints.take(store, Request("s1", label, kind="named" if label else "automatic")).checkpoint


def order(verb: str, **more: object) -> Order:
    return Order(verb, "s1", **more)  # type: ignore[arg-type]


def everything(repo: Repo) -> dict[str, object]:
    """Return files (without times), staged content, HEAD and its branch."""
    files = {
        str(path.relative_to(repo.path)): path.readlink() if path.is_symlink() else path.read_bytes()
        for path in sorted(repo.path.rglob("*"))
        if ".git" not in path.relative_to(repo.path).parts and (path.is_symlink() or path.is_file())
    }  # fmt: skip
    return {
        "files": files,
        "index": repo.git("ls-files", "-s"),
        "head": repo.head,
        "on": repo.git("symbolic-ref", "HEAD"),
    }


def shaken(repo: Repo) -> None:
    """Change, delete, stage and add things."""
    repo.write("README", "changed\n")
    repo.write("dir/new", "new\n")
    repo.git("add", "dir")
    repo.write("dir/new", "newer\n")
    (repo.path / "kept").unlink(missing_ok=True)
    repo.write("later", "made later\n")


def test_restore_brings_files_back_and_leaves_head_and_index(repo: Repo, store: StateStore) -> None:
    """Untracked files made since go, because the safety checkpoint holds them."""
    repo.write("kept", "k\n")
    target = keep(store, "x")
    files = everything(repo)["files"]
    shaken(repo)
    before = everything(repo)
    outcome = operations.restore(store, order("restore"), target)
    after = everything(repo)
    assert after["files"] == files
    assert {key: after[key] for key in ("index", "head", "on")} == {
        key: before[key] for key in ("index", "head", "on")
    }
    assert outcome.safety is not None
    operations.undo(store, order("undo"), None)
    assert everything(repo) == before


def test_restore_of_paths_touches_no_other(repo: Repo, store: StateStore) -> None:
    """Only what is named comes back."""
    repo.write("a/one", "1\n")
    repo.write("b", "b\n")
    target = keep(store, "x")
    repo.write("a/one", "2\n")
    repo.write("b", "bb\n")
    operations.restore(store, order("restore", paths=("a",)), target)
    assert (repo.read("a/one"), repo.read("b")) == (b"1\n", b"bb\n")


def test_a_dry_run_says_what_and_does_nothing(repo: Repo, store: StateStore) -> None:
    """No file, no ref, no record."""
    target = keep(store, "x")
    shaken(repo)
    before = everything(repo), repo.git("for-each-ref")
    outcome = operations.rollback(store, order("rollback", dry_run=True), target)
    assert outcome.description["writes"] == ["README"]
    assert outcome.description["deletes"] == ["dir/new", "later"]
    assert (everything(repo), repo.git("for-each-ref")) == before


def test_rollback_moves_an_unpublished_branch_back(repo: Repo, store: StateStore) -> None:
    """Files, index and branch are as at the checkpoint; the commits stay reachable from the safety one."""
    repo.write("staged", "s\n")
    repo.git("add", "staged")
    repo.write("README", "edited\n")
    target = keep(store, "x")
    before = everything(repo)
    lost = repo.commit("later work")
    shaken(repo)
    after = everything(repo)
    outcome = operations.rollback(store, order("rollback"), target)
    assert everything(repo) == before
    assert outcome.safety is not None
    repo.git("merge-base", "--is-ancestor", lost, outcome.safety.commit)
    operations.undo(store, order("undo"), None)
    assert everything(repo) == after
    operations.undo(store, order("undo"), None)
    assert everything(repo) == before


def test_rollback_inverts_published_commits(repo: Repo, store: StateStore, tmp_path: Path) -> None:
    """A branch that others may have is never rewound."""
    target = keep(store, "x")
    files = everything(repo)["files"]
    shaken(repo)
    published = repo.commit("later work")
    repo.git("clone", "-q", "--bare", ".", tmp_path / "remote.git")
    repo.git("remote", "add", "origin", tmp_path / "remote.git")
    repo.git("fetch", "-q", "origin")
    operations.rollback(store, order("rollback"), target)
    assert everything(repo)["files"] == files
    repo.git("merge-base", "--is-ancestor", published, "HEAD")
    assert f"Ovn-Reverts: {published}" in repo.git("log", "-1", "--format=%B")


def test_rollback_on_another_branch_is_refused(repo: Repo, store: StateStore) -> None:
    """A checkpoint belongs to its branch; files alone can come back by restore."""
    target = keep(store, "x")
    repo.git("switch", "-q", "-c", "other")
    with pytest.raises(Diverged, match="'main'"):
        operations.rollback(store, order("rollback"), target)


def test_what_nothing_else_holds_stops_it_and_force_sets_it_aside(repo: Repo, store: StateStore) -> None:
    """A file that is ignored by now is in no checkpoint; it is named, then moved away, never overwritten."""
    repo.write("data", "old\n")
    target = keep(store, "x")
    repo.write(".gitignore", "data\n")
    repo.write("data", "precious\n")
    with pytest.raises(WouldLose, match="data"):
        operations.restore(store, order("restore"), target)
    assert repo.read("data") == b"precious\n"
    outcome = operations.restore(store, order("restore", force=True), target)
    assert repo.read("data") == b"old\n"
    assert outcome.operation is not None
    assert outcome.operation.aside is not None
    assert (repo.git_dir / outcome.operation.aside / "data").read_bytes() == b"precious\n"


def test_undo_refuses_when_files_moved_since(repo: Repo, store: StateStore) -> None:
    """With force it takes a checkpoint first and goes on."""
    target = keep(store, "x")
    shaken(repo)
    operations.restore(store, order("restore"), target)
    repo.write("README", "worked on\n")
    with pytest.raises(Diverged, match="files moved"):
        operations.undo(store, order("undo"), None)
    operations.undo(store, order("undo", force=True), None)
    assert repo.read("README") == b"changed\n"


def test_an_operation_is_undone_once(repo: Repo, store: StateStore) -> None:
    """The second time it says by what; what never was is not found."""
    target = keep(store, "x")
    done = operations.restore(store, order("restore"), target).operation
    assert done is not None
    operations.undo(store, order("undo"), done.id)
    with pytest.raises(Refused, match="taken back already"):
        operations.undo(store, order("undo"), done.id)
    with pytest.raises(NotFound):
        operations.undo(store, order("undo"), "nope")


def test_a_work_commit_carries_trailers_and_can_be_undone(repo: Repo, store: StateStore) -> None:
    """Undo brings back the branch and what was staged and not."""
    shaken(repo)
    before = everything(repo)
    commit = operations.commit_work(store, order("commit", feature="f1"), "work: f1")
    assert commit == repo.head
    assert repo.git("log", "-1", "--format=%an") == "A U Thor"
    assert repo.git("log", "-1", "--format=%(trailers)") == "Ovn-Session: s1\nOvn-Feature: f1\n"
    operations.undo(store, order("undo"), None)
    assert everything(repo) == before
    repo.git("stash", "-u")
    assert operations.commit_work(store, order("commit"), "nothing") is None


def feature(store: StateStore, name: str) -> None:
    features.add(store, features.PERSON, name, feature=name)


def work(repo: Repo, name: str, path: str, text: str) -> str:
    repo.write(path, text)
    return repo.commit(f"{name}: {path}\n\nOvn-Feature: {name}")


def test_a_feature_is_rolled_back_and_later_work_kept(repo: Repo, store: StateStore) -> None:
    """Its commits are inverted, newest first; other commits and uncommitted files stay."""
    feature(store, "f1")
    work(repo, "f1", "one", "1\n")
    work(repo, "f2", "two", "2\n")
    work(repo, "f1", "one", "1\n1\n")
    repo.write("loose", "uncommitted\n")
    outcome = operations.rollback_feature(store, order("rollback"), "f1")
    assert outcome.operation is not None
    assert not (repo.path / "one").exists()
    assert (repo.read("two"), repo.read("loose")) == (b"2\n", b"uncommitted\n")
    assert repo.git("status", "--porcelain") == "?? loose"
    assert repo.git("log", "--format=%s", "-2").splitlines() == ['Revert "f1: one"', 'Revert "f1: one"']
    known = store.view().feature("f1")
    assert known is not None
    assert known.status == "rolled_back"
    with pytest.raises(Refused, match="no commit"):
        operations.rollback_feature(store, order("rollback"), "f1")


def test_a_merge_of_the_features_own_side_goes_with_what_its_conflict_was_resolved_to(
    repo: Repo, store: StateStore
) -> None:
    """Nothing but git knows of the merge commit, and its tree is neither side's."""
    feature(store, "f1")
    work(repo, "other", "one", "start\n")
    start = repo.head
    repo.git("switch", "-q", "-c", "side")
    work(repo, "f1", "one", "side\n")
    repo.git("switch", "-q", "main")
    work(repo, "other", "one", "main\n")
    repo.run("merge", "-q", "side", ok=(1,))
    repo.write("one", "both\n")
    repo.write("more", "only in the merge\n")
    repo.commit("merged by hand")
    assert start != repo.head
    operations.rollback_feature(store, order("rollback"), "f1")
    assert repo.read("one") == b"main\n"
    assert not (repo.path / "more").exists()
    assert repo.git("status", "--porcelain") == ""
    with pytest.raises(Refused, match="no commit"):
        operations.rollback_feature(store, order("rollback"), "f1")
    operations.undo(store, order("undo"), None)
    assert repo.read("one") == b"both\n"


def test_a_conflict_leaves_everything_as_it_was(repo: Repo, store: StateStore) -> None:
    """The commit and the path are named."""
    feature(store, "f1")
    work(repo, "f1", "one", "1\n")
    work(repo, "f2", "one", "2\n")
    before = everything(repo)
    with pytest.raises(Conflict, match="one"):
        operations.rollback_feature(store, order("rollback"), "f1")
    assert everything(repo) == before


def test_uncommitted_work_in_the_way_is_named(repo: Repo, store: StateStore) -> None:
    """It is never overwritten."""
    feature(store, "f1")
    work(repo, "f1", "one", "1\n")
    repo.write("one", "mine\n")
    with pytest.raises(Conflict, match="uncommitted"):
        operations.rollback_feature(store, order("rollback"), "f1")
    assert repo.read("one") == b"mine\n"


POINTS = [
    "operation.after_intent",
    "operation.after_files",
    "operation.after_index",
    "operation.after_branch",
]
CHILD = """
import sys
import time
from pathlib import Path
from ovn import checkpoints, operations
from ovn.git.locate import locate
from ovn.state.store import StateStore
store = StateStore.open(locate(Path(sys.argv[1])))
target = checkpoints.found(store)[0]
operations.rollback(store, operations.Order("rollback", "s1"), target)
"""


@pytest.mark.parametrize("point", POINTS)
def test_killed_in_the_middle_it_is_reversed_by_the_next_command(
    repo: Repo, store: StateStore, point: str
) -> None:
    """Files, index and branch are as before the rollback, and nothing is lost."""
    repo.write("kept", "k\n")
    keep(store, "x")
    repo.commit("later work")
    shaken(repo)
    before = everything(repo)
    child = [sys.executable, "-c", CHILD, str(repo.path)]
    died = subprocess.run(
        child, env={**os.environ, "OVN_CRASH_POINT": point}, capture_output=True, check=False
    )
    assert died.returncode == -9, died.stderr.decode()
    again = StateStore.open(repo.location)
    assert [one.state for one in operations.recover(again)] == ["reversed"]
    assert everything(repo) == before
    assert operations.recover(again) == []
    repo.fsck()


def killed_commit(repo: Repo, point: str) -> None:
    """Let a process commit the work of s1 and die at a crash point."""
    child = [
        sys.executable,
        "-c",
        CHILD.rpartition("target =")[0]
        + "operations.commit_work(store, operations.Order('commit', 's1'), 'w')",
        str(repo.path),
    ]
    died = subprocess.run(
        child, env={**os.environ, "OVN_CRASH_POINT": point}, capture_output=True, check=False
    )
    assert died.returncode == -9, died.stderr.decode()


@pytest.mark.parametrize("point", ["commit.before", "commit.after"])
def test_a_commit_killed_is_done_or_was_not_begun(repo: Repo, store: StateStore, point: str) -> None:
    """The branch says which; the next command closes it."""
    shaken(repo)
    before = everything(repo)
    killed_commit(repo, point)
    state = "reversed" if point == "commit.before" else "done"
    assert [one.state for one in operations.recover(StateStore.open(repo.location))] == [state]
    if point == "commit.before":
        assert everything(repo) == before
    else:
        assert repo.git("status", "--porcelain") == ""


@pytest.mark.skipif(sys.platform == "darwin", reason="nobody tells which git works where")
@pytest.mark.parametrize(("age", "gone"), [(0, True), (60, False)])
def test_the_lock_of_a_git_that_was_killed_with_its_commit_is_broken_and_no_other(
    repo: Repo, store: StateStore, age: int, gone: bool
) -> None:
    """One that is older than the commit is somebody else's; so is one while a git works here."""
    shaken(repo)
    killed_commit(repo, "commit.before")
    lock = repo.git_dir / "index.lock"
    lock.touch()
    os.utime(lock, (time.time() - age,) * 2)
    with subprocess.Popen(["git", "cat-file", "--batch"], cwd=repo.path, stdin=subprocess.PIPE) as working:
        assert indexes.break_lock(repo.location, 0) is None
        assert lock.exists()
        working.communicate()
    assert [one.state for one in operations.recover(StateStore.open(repo.location))] == ["reversed"]
    assert lock.exists() == (not gone)
