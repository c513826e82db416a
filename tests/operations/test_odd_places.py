"""A rollback and its undo where a repository is not what one expects: nothing is lost, nobody else harmed."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from ovn import checkpoints, operations
from ovn.checkpoints import Request
from ovn.errors import GitFailed, Refused
from ovn.git.locate import locate
from ovn.operations import Order
from ovn.state.store import StateStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Repo

    from ovn.git.locate import Location


def shared(repo: Repo, tmp_path: Path, _: pytest.MonkeyPatch) -> Path:
    """Objects borrowed from another repository."""
    subprocess.run(["git", "clone", "-q", "--shared", repo.path, tmp_path / "clone"], check=True)
    return tmp_path / "clone"


def shallow(repo: Repo, tmp_path: Path, _: pytest.MonkeyPatch) -> Path:
    """A history that ends after one commit."""
    url = f"file://{repo.path}"
    subprocess.run(["git", "clone", "-q", "--depth", "1", url, tmp_path / "clone"], check=True)
    return tmp_path / "clone"


def told_where(repo: Repo, tmp_path: Path, _: pytest.MonkeyPatch) -> Path:
    """Files that lie elsewhere, as the configuration says."""
    (tmp_path / "files").mkdir()
    repo.git("config", "core.worktree", str(tmp_path / "files"))
    repo.git("checkout", "-f", "HEAD", "--", ".")
    return repo.path / ".git"


def by_environment(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files that lie elsewhere, as the environment says."""
    (tmp_path / "files").mkdir()
    monkeypatch.setenv("GIT_DIR", str(repo.path / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path / "files"))
    repo.git("checkout", "-f", "HEAD", "--", ".")
    return tmp_path / "files"


def linked(repo: Repo, tmp_path: Path, _: pytest.MonkeyPatch) -> Path:
    """A work tree inside of another one's."""
    repo.git("worktree", "add", "-q", "-b", "inner", "inner")
    return repo.path / "inner"


def detached(repo: Repo, tmp_path: Path, _: pytest.MonkeyPatch) -> Path:
    """No branch at all."""
    repo.git("checkout", "-q", "--detach")
    return repo.path


def with_extras(repo: Repo, tmp_path: Path, _: pytest.MonkeyPatch) -> Path:
    """An index of version 4, split, with an untracked cache; and a program that watches files."""
    repo.git("config", "core.untrackedCache", "true")
    repo.git("config", "core.fsmonitor", f"touch '{tmp_path}/ran' && false")
    repo.git("-c", "core.fsmonitor=false", "update-index", "--index-version", "4", "--split-index")
    return repo.path


PLACES: list[Callable[[Repo, Path, pytest.MonkeyPatch], Path]] = [
    shared,
    shallow,
    told_where,
    by_environment,
    linked,
    detached,
    with_extras,
]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_it_comes_back_and_goes_back(
    place: Callable[..., Path], repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.write("dir/kept", "k\n")
    repo.commit("second")
    location = locate(place(repo, tmp_path, monkeypatch))
    store, top = StateStore.open(location), location.tree()
    store.init("a project")
    (top / "README").write_text("at the checkpoint\n")
    target = checkpoints.take(store, Request("s1", "x")).checkpoint
    first = seen(location)
    run(location, "add", "-A")
    run(location, "commit", "-q", "-m", "third")
    (top / "README").write_text("later\n")
    (top / "dir/kept").unlink()
    (top / "new").write_text("untracked\n")
    later = seen(location)
    operations.rollback(store, Order("rollback", "s1"), target)
    assert seen(location) == first
    operations.undo(store, Order("undo", "s1"), None)
    assert seen(location) == later
    assert not (tmp_path / "ran").exists()


def run(location: Location, *words: str) -> str:
    """Run git there; no program of the repository's configuration runs because of the test itself."""
    where = {"GIT_DIR": os.fspath(location.git_dir), "GIT_WORK_TREE": os.fspath(location.tree())}
    line = ["git", "-c", "core.fsmonitor=false", *words]
    return subprocess.check_output(line, cwd=location.tree(), env={**os.environ, **where}, text=True)


def seen(location: Location) -> tuple[object, ...]:
    """Return HEAD, the index and what git says of the files."""
    top = location.tree()
    files = {
        str(path.relative_to(top)): path.read_bytes()
        for path in top.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(top).parts
    }
    return run(location, "rev-parse", "HEAD"), run(location, "ls-files", "-s"), files


def test_a_branch_that_another_work_tree_is_on_too_is_moved_only_by_force(repo: Repo, tmp_path: Path) -> None:
    store = StateStore.open(repo.location)
    store.init("a project")
    target = checkpoints.take(store, Request("s1", "x")).checkpoint
    last = repo.commit("second")
    repo.git("worktree", "add", "-q", "--force", str(tmp_path / "other"), "main")
    with pytest.raises(Refused, match=r"'main' is checked out in '.*/other' too"):
        operations.rollback(store, Order("rollback", "s1"), target)
    assert repo.head == last
    operations.rollback(store, Order("rollback", "s1", force=True), target)
    assert repo.head == target.head


def test_a_merge_that_a_rollback_ended_is_in_progress_again_after_its_undo(repo: Repo) -> None:
    store = StateStore.open(repo.location)
    store.init("a project")
    repo.write("README", "base\n")
    repo.commit("base")
    target = checkpoints.take(store, Request("s1", "x")).checkpoint
    repo.git("switch", "-q", "-c", "side")
    repo.write("README", "theirs\n")
    repo.commit("theirs")
    repo.git("switch", "-q", "main")
    repo.write("README", "ours\n")
    repo.commit("ours")
    repo.git("merge", "side", ok=(1,))
    stages, conflict = repo.git("ls-files", "-s"), repo.read("README")
    operations.rollback(store, Order("rollback", "s1"), target)
    assert not (repo.git_dir / "MERGE_HEAD").exists()
    assert repo.git("status", "--porcelain") == ""
    operations.undo(store, Order("undo", "s1"), None)
    assert (repo.git_dir / "MERGE_HEAD").exists()
    assert (repo.git("ls-files", "-s"), repo.read("README")) == (stages, conflict)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_stops_it_and_all_is_as_before(repo: Repo) -> None:
    store = StateStore.open(repo.location)
    store.init("a project")
    repo.write("dir/kept", "k\n")
    repo.commit("second")
    target = checkpoints.take(store, Request("s1", "x")).checkpoint
    repo.write("dir/kept", "later\n")
    repo.write("README", "later\n")
    (repo.path / "dir").chmod(0o555)
    try:
        with pytest.raises(GitFailed, match="Permission denied"):
            operations.restore(store, Order("restore", "s1"), target)
    finally:
        (repo.path / "dir").chmod(0o755)
    assert (repo.read("dir/kept"), repo.read("README")) == (b"later\n", b"later\n")
