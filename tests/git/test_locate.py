"""Where the repository is."""

from __future__ import annotations

import os
import subprocess

import pytest

from ovn.errors import BareRepository, NotARepository, UnsupportedPlatform, UnsupportedRepository
from ovn.git import locate as module
from ovn.git import where
from ovn.git.locate import git_version, locate, require_git


def test_a_subfolder_belongs_to_its_repository(repo):
    (repo.path / "a/b").mkdir(parents=True)
    found = locate(repo.path / "a/b")
    assert (repo.path, repo.path / ".git", repo.path / ".git") == (found.top, found.git_dir, found.common_dir)
    assert found.local == repo.path / ".git/ovn"
    assert found.worktree == "main"
    assert found.tree() == repo.path


def test_where_we_are_is_the_default(repo, monkeypatch):
    monkeypatch.chdir(repo.path)
    assert repo.location == locate()


def test_git_may_have_been_asked_before(repo, monkeypatch):
    monkeypatch.chdir(repo.path)
    asked = where.ask()
    monkeypatch.setenv("PATH", "")
    assert locate(asked=asked).top == repo.path


def test_a_linked_work_tree_shares_the_common_folder(repo, tmp_path):
    repo.git("worktree", "add", "-q", str(tmp_path / "linked"))
    found = locate(tmp_path / "linked")
    assert found.top == tmp_path / "linked"
    assert found.git_dir == repo.path / ".git/worktrees/linked"
    assert found.common_dir == repo.path / ".git"
    assert found.worktree == "linked"


def test_a_submodule_has_its_own(repo, make_repo, tmp_path):
    inner = make_repo(tmp_path / "inner")
    repo.git("submodule", "-q", "add", str(inner.path), "sub")
    found = locate(repo.path / "sub")
    assert (repo.path / "sub", repo.path / ".git/modules/sub") == (found.top, found.git_dir)


@pytest.mark.parametrize(
    "name", ["with space", "with\nnewline", "true\nfalse\nsha1", "vertical\x0btab", "ü", "nel\x85"]
)
def test_odd_folder_names_are_whole(make_repo, tmp_path, name):
    repo = make_repo(tmp_path / name)
    (repo.path / "sub").mkdir()
    for start in (repo.path, repo.path / "sub"):
        found = locate(start)
        assert (repo.path, repo.path / ".git", repo.path / ".git") == (
            *(found.top, found.git_dir),
            found.common_dir,
        )


def test_a_folder_whose_name_is_not_utf_8_is_found(make_repo, tmp_path):
    path = tmp_path / os.fsdecode(b"latin-\xe9")
    make_repo(path)
    assert locate(path).top == path


def test_a_bare_repository_has_no_work_tree(make_repo, tmp_path):
    found = locate(make_repo(tmp_path / "bare.git", bare=True).path)
    assert found.top is None
    with pytest.raises(BareRepository, match=r"bare\.git"):
        found.tree()


def test_inside_the_git_folder_there_is_no_work_tree(repo):
    assert locate(repo.path / ".git").top is None
    assert locate(repo.path / ".git/objects").common_dir == repo.path / ".git"


def test_no_repository_is_said_so(tmp_path):
    with pytest.raises(NotARepository, match="not a git repository"):
        locate(tmp_path)


def test_what_is_no_folder_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NotARepository, match="not a folder"):
        locate(tmp_path / "file")
    with pytest.raises(NotARepository, match="no such folder"):
        locate(tmp_path / "none")


def test_a_missing_git_is_named(repo, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NotARepository, match="git is not installed") as error:
        locate(repo.path)
    assert "2.38" in error.value.hint


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to make a folder that is somebody else's")
def test_somebody_else_s_repository_keeps_git_s_refusal(repo):
    subprocess.run(["chown", "-R", "12345", repo.path], check=True)
    with pytest.raises(NotARepository, match="dubious ownership") as error:
        locate(repo.path)
    assert "safe.directory" in error.value.hint


def test_a_repository_of_a_newer_format_is_refused_in_git_s_words(repo):
    repo.git("config", "core.repositoryFormatVersion", "1")
    repo.git("config", "extensions.fromTheFuture", "true")
    with pytest.raises(UnsupportedRepository, match=r"fromthefuture|unknown repository extension"):
        locate(repo.path)


def test_other_languages_of_git_change_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("LANGUAGE", "de")
    with pytest.raises(NotARepository, match=r"^not a git repository$"):
        locate(tmp_path)


def test_an_old_git_is_named(monkeypatch):
    require_git()
    assert git_version() >= module.MINIMUM_GIT
    monkeypatch.setattr(module, "git_version", lambda: (2, 20, 1))
    with pytest.raises(UnsupportedPlatform, match=r"git 2\.20\.1 is too old"):
        require_git()
