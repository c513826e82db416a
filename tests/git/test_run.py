"""How git is started."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

import pytest

from ovn import host
from ovn.errors import GitFailed, GitTimeout, NoSpace, ReadOnlyRepository
from ovn.git import run
from ovn.git.locate import locate
from ovn.git.run import SCRUBBED, Answer, As, Git, failure


@pytest.fixture
def git(location):
    """Return git on the fresh repository."""
    return Git(location)


def hook(repo, name, script):
    """Install a hook."""
    path = repo.git_dir / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_everything_that_git_calls_local_is_scrubbed(repo):
    told = set(repo.git("rev-parse", "--local-env-vars").split())
    assert len(told) > 10
    assert told <= SCRUBBED


def test_what_carries_certificates_and_ssh_is_not():
    assert not SCRUBBED & {"GIT_SSL_CAINFO", "GIT_SSH_COMMAND", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM"}


def test_a_hook_s_inheritance_does_not_reach_git(git, monkeypatch, tmp_path):
    for name in ("GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_AUTHOR_NAME", "GIT_TRACE", "GIT_PREFIX"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.name")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "injected")
    assert git.run("ls-files").text == "README"
    assert git.run("var", "GIT_AUTHOR_IDENT").text.startswith("git ovn <ovn@localhost>")
    assert git.run("config", "user.name", who=As.USER).text == "A U Thor"
    assert list(tmp_path.glob("elsewhere")) == []


def test_git_stays_in_the_located_repository_whatever_the_environment_says_later(
    git, repo, make_repo, tmp_path, monkeypatch
):
    other = make_repo(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other.git_dir))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.path))
    assert git.run("rev-parse", "--show-toplevel").text == str(repo.path)
    assert git.run("rev-parse", "--absolute-git-dir").text == str(repo.path / ".git")


def test_a_repository_chosen_by_the_environment_is_the_one_that_is_worked_on(repo, tmp_path, monkeypatch):
    """A person with ``--git-dir`` and ``--work-tree``, as for files of the home folder."""
    repo.path.joinpath(".git").rename(tmp_path / "apart.git")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "apart.git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(repo.path))
    (tmp_path / "outside").mkdir()
    git = Git(locate(tmp_path / "outside"))
    assert git.location.top == repo.path
    assert git.run("ls-files").text == "README"
    assert git.run("status", "--porcelain").text == ""


def test_a_linked_work_tree_chosen_by_a_hook_s_environment_keeps_its_own_head(repo, tmp_path, monkeypatch):
    repo.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "linked"))
    monkeypatch.setenv("GIT_DIR", str(repo.path / ".git/worktrees/linked"))
    git = Git(locate(tmp_path / "linked"))
    assert git.run("symbolic-ref", "HEAD").text == "refs/heads/side"
    assert git.run("rev-parse", "--show-toplevel").text == str(tmp_path / "linked")
    assert git.run("rev-parse", "main").text == repo.git(
        "rev-parse", "main", env={"GIT_DIR": str(repo.path / ".git")}
    )


def test_input_output_and_exit_code_come_back(git):
    oid = git.run("hash-object", "-w", "--stdin", stdin=b"data").text
    assert git.run("cat-file", "blob", oid).out == b"data"
    assert git.run("ls-files", "-z").paths() == [b"README"]
    assert git.run("ls-files", "-z", "none").paths() == []
    assert git.run("show-ref", "--verify", "-q", "refs/none", ok=[1]).code == 1
    big = b"x" * 3_000_000
    assert git.run("cat-file", "blob", git.run("hash-object", "-w", "--stdin", stdin=big).text).out == big


def test_a_failure_carries_git_s_words(git):
    with pytest.raises(
        GitFailed, match=r"'git cat-file blob none' failed with 128: Not a valid object name none"
    ):
        git.run("cat-file", "blob", "none")


def test_a_failure_names_the_verb_and_none_of_our_settings(git):
    with pytest.raises(GitFailed, match=r"^'git cat-file blob none' failed"):
        git.run("-c", "core.splitIndex=false", "-c", "core.untrackedCache=false", "cat-file", "blob", "none")


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("error: x: No space left on device\nfatal: y", NoSpace),
        ("fatal: Unable to create '/r/.git/index.lock': Read-only file system", ReadOnlyRepository),
        ("fatal: anything", GitFailed),
        ("", GitFailed),
    ],
)
def test_what_git_says_of_the_disk_has_a_name(words, kind):
    assert type(failure(("add", "-A"), Answer(128, b"", words.encode()))) is kind


def test_paths_are_taken_literally(git, repo):
    repo.write("*", "star")
    repo.git("add", ".")
    assert git.run("ls-files", "*").text == "*"


def test_our_own_commits_run_no_hook_and_a_work_commit_runs_the_user_s(git, repo):
    hook(repo, "pre-commit", "echo refused >&2; exit 1")
    git.run("commit", "-q", "--allow-empty", "-m", "ours")
    with pytest.raises(GitFailed, match="refused"):
        git.run("commit", "-q", "--allow-empty", "-m", "theirs", who=As.USER)
    assert repo.git("log", "-1", "--format=%s by %an") == "ours by git ovn"


def test_nothing_asks_and_no_editor_opens(git):
    with pytest.raises(GitFailed):
        git.run("commit", "--allow-empty", who=As.USER)
    assert git.run("var", "GIT_EDITOR").text == ":"


def test_a_hook_s_background_process_is_not_waited_for(git, repo):
    """Its end of a pipe would stay open although git is done."""
    hook(repo, "post-commit", "sleep 30 & echo $! > .git/background")
    began = time.monotonic()
    git.run("commit", "-q", "--allow-empty", "-m", "x", who=As.USER)
    assert time.monotonic() - began < 10
    os.kill(int(repo.read(".git/background")), 9)


def test_when_time_is_up_git_and_its_children_are_gone(git, repo, monkeypatch):
    monkeypatch.setattr(run, "GRACE", 0.2)
    hook(
        repo,
        "pre-commit",
        "trap '' TERM; sleep 30 & echo $! > .git/child; echo $$ > .git/hook; wait; sleep 30",
    )
    with pytest.raises(GitTimeout, match="'git commit --allow-empty -m x' did not end within 1 s"):
        git.run("commit", "--allow-empty", "-m", "x", who=As.USER, timeout=1)
    pids = [int(repo.read(f".git/{name}")) for name in ("child", "hook")]
    until = time.monotonic() + 5
    while any(host.process_start(pid) for pid in pids) and time.monotonic() < until:
        time.sleep(0.01)
    assert [host.process_start(pid) for pid in pids] == [None, None]
    with suppress(ChildProcessError):  # no zombie is left to wait for
        assert os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    assert not (repo.git_dir / "index.lock").exists()


def test_a_kernel_without_pidfd_waits_all_the_same(git, monkeypatch):
    def missing(pid):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(os, "pidfd_open", missing)
    assert git.run("ls-files").text == "README"
    with pytest.raises(GitTimeout):
        git.run("-c", "alias.wait=!sleep 30", "wait", timeout=0.05)


def test_an_interrupt_ends_git_too(git, repo):
    def interrupt(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(KeyboardInterrupt):
            git.run("-c", "alias.wait=!echo $$ > .git/child; exec sleep 30", "wait")
    finally:
        signal.signal(signal.SIGALRM, before)
    assert host.process_start(int(repo.read(".git/child"))) is None


def test_untrusted_filters_do_nothing(git, repo):
    repo.git("config", "filter.bad.clean", "touch ran; cat")
    repo.write(".gitattributes", "* filter=bad\n")
    git.silencing(["bad"]).run("add", "-A")
    assert not (repo.path / "ran").exists()
