"""What may hold a secret is nobody else's to read, and leaves the machine only when it is told to."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from ..conftest import Repo  # noqa: TID252
    from .harness import Stable

SECRET = "an uncommitted secret, typed nowhere else"
SHIFT = (
    *("verb hooks install", "verb start --no-verify one", "verb note remember", "edit"),
    *("verb checkpoint kept", "verb checkpoint", "step", "verb rollback kept", "verb undo"),
)
HARMLESS = {
    *("lock", "packs", "hooks", "gc", "index", "git-ovn"),
    *("active", "beat", "fence", "debt", "python", "views"),
}
"""Below ``.git/ovn/``: who is at work, locks, names of packs, digests: no word of anybody's work."""


@pytest.fixture
def worked(home: Repo, stable: Stable) -> Repo:
    """Return a repository in which a shift went by, under the usual umask."""
    before = os.umask(0o022)
    try:
        home.write("secret.txt", SECRET)
        worker = stable.start(home.path, SHIFT)
        assert worker.wait() == 0, (worker.said(), worker.complaints())
    finally:
        os.umask(before)
    return home


def open_to_others(path: Path, top: Path) -> bool:
    """Tell whether others can read a file: it, and every folder above it."""
    mode = path.stat().st_mode
    folders = [folder for folder in path.parents if folder.is_relative_to(top)]
    return bool(mode & (stat.S_IRGRP | stat.S_IROTH)) and all(
        folder.stat().st_mode & (stat.S_IXGRP | stat.S_IXOTH) for folder in folders
    )


def test_runtime_files_that_tell_of_the_work_are_for_the_owner_alone(worked: Repo) -> None:
    local = worked.git_dir / "ovn"
    found = [
        path.relative_to(local).as_posix()
        for path in local.rglob("*")
        if path.is_file() and open_to_others(path, local)
    ]
    telling = [name for name in found if name.split("/")[0] not in HARMLESS and not name.endswith(".lock")]
    assert telling == []
    assert list((local / "journal").rglob("records")), "no journal was looked at"


def remote_of(repo: Repo, where: Path) -> Repo:
    """Return a bare remote named ``origin`` that already has the branch."""
    from ..conftest import new_repo  # noqa: TID252

    bare = new_repo(where, bare=True)
    repo.git("remote", "add", "origin", where)
    return bare


@pytest.mark.parametrize(
    "push",
    [
        ["push", "origin", "main"],
        ["push", "--all", "origin"],
        ["push", "--tags", "origin"],
        ["push", "--follow-tags", "origin", "main"],
        ["push", "--mirror", "origin"],
        ["push", "origin", "refs/tags/ovn/*:refs/tags/ovn/*"],
        ["push", "origin", "refs/ovn/*:refs/ovn/*"],
    ],
    ids=" ".join,
)
def test_no_push_shares_a_checkpoint_that_nobody_meant_to_share(
    worked: Repo, tmp_path: Path, push: list[str]
) -> None:
    """The hook refuses the push, or git leaves them out; the secret is not in the remote."""
    bare = remote_of(worked, tmp_path / "remote")
    done = worked.run(*push, ok=(0, 1))
    refs = bare.git("for-each-ref", "--format=%(refname)").splitlines()
    shared = [ref for ref in refs if ref.startswith(("refs/tags/ovn/", "refs/ovn/"))]
    assert shared == [], done.stderr.decode()
    assert SECRET.encode() not in bare.run("cat-file", "--batch-all-objects", "--batch").stdout
    if done.returncode:
        assert b"git ovn: " in done.stderr
        assert b"hint: " in done.stderr


def test_whoever_wants_to_share_them_says_so(worked: Repo, tmp_path: Path) -> None:
    bare = remote_of(worked, tmp_path / "remote")
    worked.git("config", "ovn.pushCheckpoints", "true")
    worked.git("push", "-q", "origin", "refs/tags/ovn/*:refs/tags/ovn/*")
    assert "refs/tags/ovn/one/kept" in bare.git("for-each-ref", "--format=%(refname)")


def test_a_plain_clone_has_no_checkpoint_s_ref(worked: Repo, tmp_path: Path) -> None:
    worked.git("clone", "-q", "--no-local", ".", tmp_path / "clone")
    clone = type(worked)(tmp_path / "clone")
    assert clone.git("for-each-ref", "refs/ovn/") == ""
