"""Checkpoints of real repositories: what they hold, what they leave alone, what they survive."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ovn import checkpoints
from ovn.checkpoints import Limits, Request
from ovn.errors import InvalidName
from ovn.state.store import StateStore

if TYPE_CHECKING:
    from conftest import Repo


@pytest.fixture
def store(repo: Repo) -> StateStore:
    """The state of a fresh repository."""
    store = StateStore.open(repo.location)
    store.init("a project")
    return store


def untouched(repo: Repo) -> tuple[object, ...]:
    """Return everything of the user's that a checkpoint must leave as it is."""
    refs = repo.git("for-each-ref", "refs/heads/main", "refs/stash")
    files = {
        path.name: (path.lstat().st_mtime_ns, path.lstat().st_mode)
        for path in sorted(repo.path.iterdir())
        if path.name != ".git"
    }
    index = repo.git_dir / "index"
    return (
        refs,
        repo.head,
        (repo.git_dir / "HEAD").read_text(),
        index.read_bytes(),
        index.stat().st_mtime_ns,
        files,
    )


def test_a_checkpoint_has_ref_tag_and_record(repo: Repo, store: StateStore) -> None:
    """And the three tell the same."""
    repo.write("new", "n\n")
    one = checkpoints.take(store, Request("s1", "before_x", text="why")).checkpoint
    assert one.id == "s1/0001"
    assert repo.git("rev-parse", "refs/ovn/checkpoint/s1/0001") == one.commit
    assert repo.git("rev-parse", "refs/tags/ovn/s1/before_x^{commit}") == one.commit
    assert repo.git("cat-file", "-t", "refs/tags/ovn/s1/before_x") == "tag"
    assert repo.git("log", "-1", "--format=%s", "overnight/state") == "checkpoint(s1): before_x"
    assert checkpoints.found(store) == [one]
    assert repo.git("show", f"{one.commit}:new") == "n"
    repo.fsck()


def test_nothing_of_the_users_changes(repo: Repo, store: StateStore) -> None:
    """HEAD, index, stash, branches, files and their times are byte for byte as before."""
    repo.write("README", "stashed\n")
    repo.git("stash")
    repo.write("README", "edited\n")
    repo.write("staged", "s\n")
    repo.git("add", "staged")
    repo.write("untracked", "u\n")
    repo.write(".gitignore", "ignored\n")
    repo.write("ignored", "i\n")
    before = untouched(repo)
    checkpoints.take(store, Request("s1", "x"))
    assert untouched(repo) == before


def test_staged_and_unstaged_are_told_apart(repo: Repo, store: StateStore) -> None:
    """The index has a commit of its own where it differs from HEAD."""
    repo.write("README", "staged\n")
    repo.git("add", "README")
    repo.write("README", "edited\n")
    one = checkpoints.take(store, Request("s1", "x")).checkpoint
    assert repo.git("show", f"{one.commit}:README") == "edited"
    assert repo.git("show", f"{one.index}:README") == "staged"
    assert repo.git("rev-parse", f"{one.commit}^1", f"{one.commit}^2").split() == [one.head, one.index]


def test_an_unchanged_tree_says_so(store: StateStore) -> None:
    """The second checkpoint points to the same tree and names the first."""
    first = checkpoints.take(store, Request("s1", "x"))
    second = checkpoints.take(store, Request("s1", "x"))
    assert (first.unchanged, second.unchanged) == (None, "s1/0001")
    assert second.checkpoint.tree == first.checkpoint.tree
    assert second.checkpoint.tag == "ovn/s1/x.2"


def test_what_is_left_out_is_recorded(repo: Repo, store: StateStore) -> None:
    """A file above the cap is named with size and hash, in the result and in the commit."""
    repo.write("big", b"x" * 5000)
    one = checkpoints.take(store, Request("s1"), Limits(file_bytes=4000)).checkpoint
    assert [(omission.path, omission.size) for omission in one.omitted] == [("big", 5000)]
    assert "left out: big" in repo.git("log", "-1", "--format=%B", one.commit)
    assert checkpoints.found(store)[0].omitted == one.omitted


def test_numbers_are_never_used_again(repo: Repo, store: StateStore) -> None:
    """Thinning deletes refs; the next checkpoint still gets a new number."""
    for number in range(3):
        repo.write("README", f"{number}\n")
        checkpoints.take(store, Request("s1", kind="automatic"))
    checkpoints.forget(store, checkpoints.found(store))
    assert checkpoints.found(store) == []
    assert checkpoints.take(store, Request("s1", kind="automatic")).checkpoint.id == "s1/0004"


def test_lost_tags_are_written_again(repo: Repo, store: StateStore) -> None:
    """``fetch.pruneTags`` deletes local tags; the refs survive it and know them."""
    checkpoints.take(store, Request("s1", "x"))
    before = repo.git("rev-parse", "ovn/s1/x")
    repo.git("tag", "-d", "ovn/s1/x")
    checkpoints.tag_again(store, checkpoints.without_tag(store))
    assert repo.git("rev-parse", "ovn/s1/x") == before
    assert checkpoints.without_tag(store) == []


def test_a_clone_that_has_only_tags_lists_them(repo: Repo, store: StateStore, tmp_path) -> None:
    """The snapshot commit tells everything; no state branch is needed."""
    one = checkpoints.take(store, Request("s1", "x")).checkpoint
    subprocess.run(["git", "clone", "-q", "--no-local", repo.path, tmp_path / "clone"], check=True)
    from ovn.git.locate import locate

    assert checkpoints.found(StateStore.open(locate(tmp_path / "clone"))) == [one]


def test_an_unborn_branch_has_checkpoints(make_repo, tmp_path) -> None:
    """A repository without a commit can be kept too."""
    repo = make_repo(tmp_path / "unborn", commit=False)
    repo.write("a", "a\n")
    store = StateStore.open(repo.location)
    store.init("p")
    one = checkpoints.take(store, Request("s1", "x")).checkpoint
    assert (one.head, one.branch, one.changed) == (None, "refs/heads/main", 1)


@pytest.mark.parametrize(
    "label", ["../x", "-x", "x.lock", "a\nb", "\x1b[31m", "a" * 65, "a b", "$(id)", "x..y", "\u202ex"]
)
def test_a_hostile_label_is_refused_and_nothing_is_written(repo: Repo, store: StateStore, label: str) -> None:
    """The name rules are narrower than git's."""
    refs = repo.git("for-each-ref")
    with pytest.raises(InvalidName):
        checkpoints.take(store, Request("s1", label))
    assert repo.git("for-each-ref") == refs


POINTS = [
    "checkpoint.after_objects",
    "checkpoint.before_ref",
    "checkpoint.after_ref",
    "checkpoint.after_tag",
    "checkpoint.after_record",
]
CHILD = """
import sys
from pathlib import Path
from ovn import checkpoints
from ovn.git.locate import locate
from ovn.state.store import StateStore
store = StateStore.open(locate(Path(sys.argv[1])))
print(checkpoints.take(store, checkpoints.Request("s1", "x")).checkpoint.id)
"""


@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere_nothing_is_half_there(repo: Repo, store: StateStore, point: str) -> None:
    """What was acknowledged before stays, git is content, and the next checkpoint works."""
    first = checkpoints.take(store, Request("s1", "first")).checkpoint
    repo.write("README", "more\n")
    before = untouched(repo)
    child = [sys.executable, "-c", CHILD, str(repo.path)]
    died = subprocess.run(
        child, env={**os.environ, "OVN_CRASH_POINT": point}, capture_output=True, check=False
    )
    assert died.returncode == -9, died.stderr.decode()
    assert untouched(repo) == before
    repo.fsck()
    again = StateStore.open(repo.location)
    taken = checkpoints.take(again, Request("s1", "x")).checkpoint
    known = {one.id: one for one in checkpoints.found(again)}
    assert known[first.id] == first
    assert known[taken.id] == taken
    repo.git("gc", "-q", "--prune=now")
    repo.fsck()
