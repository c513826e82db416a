"""Branches, work commits and linked work trees of the user."""

from __future__ import annotations

import subprocess
import time
from typing import Any

import pytest

from ovn.errors import CommitRefused, GitFailed, GitTimeout, NotFound, OperationInProgress, Refused
from ovn.git import worktrees


def test_facts_tell_clean_from_dirty(repo: Any, kit: Any) -> None:
    """Ignored files and nested repositories do not count."""
    repo.write(".gitignore", "*.log\n")
    repo.commit("ignore")
    repo.write("x.log", "ignored\n")
    subprocess.run(["git", "init", "-q", "nested"], cwd=repo.path, check=True)
    facts = worktrees.facts(kit.git)
    assert (facts.clean, facts.nested, facts.branch) == (True, (b"nested/",), "refs/heads/main")
    assert facts.head == repo.head
    repo.write("loose", "loose\n")
    assert not worktrees.facts(kit.git).clean


def test_facts_name_the_operation_and_its_conflicts(repo: Any, kit: Any) -> None:
    repo.git("checkout", "-q", "-b", "side")
    repo.write("README", "side\n")
    repo.commit("side")
    repo.git("checkout", "-q", "main")
    repo.write("README", "main\n")
    repo.commit("main")
    repo.git("merge", "side", ok=(1,))
    facts = worktrees.facts(kit.git)
    assert (facts.operation, facts.unmerged, facts.clean) == ("merge", (b"README",), False)


def test_switching_makes_a_branch_and_keeps_changes(repo: Any, kit: Any) -> None:
    repo.write("README", "edited\n")
    worktrees.switch(kit.git, "night/one", create=True)
    assert (repo.git("symbolic-ref", "HEAD"), repo.read("README")) == ("refs/heads/night/one", b"edited\n")


def test_moving_the_branch_expects_where_it_is(repo: Any, kit: Any) -> None:
    first = repo.head
    second = repo.commit("second")
    worktrees.move_branch(kit.git, first, second, "back")
    assert repo.head == first
    assert "back" in repo.git("reflog", "-1", "HEAD")
    with pytest.raises(GitFailed):
        worktrees.move_branch(kit.git, first, second, "back")


def test_commit_all_is_the_users_commit_of_the_whole_snapshot(repo: Any, kit: Any) -> None:
    """Author, hooks and message are the user's; what the snapshot left out stays uncommitted."""
    hook = repo.git_dir / "hooks" / "commit-msg"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\necho "Seen-By: hook" >> "$1"\n')
    hook.chmod(0o755)
    kit.limits["max_file_bytes"] = 100
    repo.write("README", "edited\n")
    repo.write("new/file", "new\n")
    repo.write("big", "x" * 101)
    commit = worktrees.commit_all(kit.git, kit.objects, kit.take(), "a subject\n\n# not a comment\n")
    assert commit == repo.head
    assert repo.git("log", "-1", "--format=%an <%ae>%n%B").splitlines() == [
        "A U Thor <author@example.com>", "a subject", "", "# not a comment", "Seen-By: hook"]  # fmt: skip
    assert repo.git("status", "--porcelain").splitlines() == ["?? big"]


def test_commit_all_leaves_flagged_files_alone(repo: Any, kit: Any) -> None:
    """What a person told git not to look at is in the snapshot, but not in a commit."""
    repo.write("local", "shared\n")
    repo.commit("local")
    repo.git("update-index", "--skip-worktree", "local")
    repo.write("local", "mine\n")
    assert worktrees.commit_all(kit.git, kit.objects, kit.take(), "nothing") is None
    repo.write("README", "edited\n")
    worktrees.commit_all(kit.git, kit.objects, kit.take(), "edited")
    assert repo.git("show", "HEAD:local") == "shared"
    assert repo.git("ls-files", "-v", "local") == "S local"
    assert repo.git("status", "--porcelain") == ""


def test_commit_all_of_a_clean_tree_is_nothing(repo: Any, kit: Any) -> None:
    head = repo.head
    assert worktrees.commit_all(kit.git, kit.objects, kit.take(), "nothing") is None
    assert repo.head == head


def test_the_first_commit_of_an_unborn_branch(make_repo: Any, kit_of: Any, tmp_path: Any) -> None:
    kit = kit_of(make_repo(tmp_path / "unborn", commit=False))
    kit.repo.write("first", "first\n")
    commit = worktrees.commit_all(kit.git, kit.objects, kit.take(), "first")
    assert commit == kit.repo.head


def test_a_hook_that_refuses_leaves_index_and_branch_as_they_were(repo: Any, kit: Any) -> None:
    hook = repo.git_dir / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho not tonight >&2\nexit 1\n")
    hook.chmod(0o755)
    repo.write("staged", "staged\n")
    repo.git("add", "staged")
    repo.write("README", "edited\n")
    before = kit.shape(exact=False)
    with pytest.raises(CommitRefused, match="not tonight") as caught:
        worktrees.commit_all(kit.git, kit.objects, kit.take(), "refused")
    assert "not tonight" in str(caught.value.facts["output"])
    assert kit.shape(exact=False) == before


def test_a_hook_that_hangs_is_ended(repo: Any, kit: Any) -> None:
    hook = repo.git_dir / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nsleep 60\n")
    hook.chmod(0o755)
    repo.write("README", "edited\n")
    before = kit.shape(exact=False)
    started = time.monotonic()
    with pytest.raises(GitTimeout):
        worktrees.commit_all(kit.git, kit.objects, kit.take(), "hangs", timeout=0.5)
    assert time.monotonic() - started < 20
    assert kit.shape(exact=False) == before


def test_no_commit_in_the_middle_of_a_merge(repo: Any, kit: Any) -> None:
    test_facts_name_the_operation_and_its_conflicts(repo, kit)
    with pytest.raises(OperationInProgress, match="merge"):
        worktrees.commit_all(kit.git, kit.objects, kit.take(), "half")


def test_linked_work_trees_are_made_listed_and_removed(repo: Any, kit: Any, tmp_path: Any) -> None:
    path = tmp_path / "linked one"
    location = worktrees.add(kit.git, path, branch="night/linked")
    assert (location.top, location.common_dir) == (path, repo.location.common_dir)
    main, linked = worktrees.linked(kit.git)
    assert (main.path, main.branch) == (repo.path, "refs/heads/main")
    assert (linked.path, linked.branch, linked.head) == (path, "refs/heads/night/linked", repo.head)
    (path / "work").write_text("uncommitted\n")
    with pytest.raises(Refused, match="uncommitted work"):
        worktrees.remove(kit.git, path)
    worktrees.remove(kit.git, path, force=True)
    assert len(worktrees.linked(kit.git)) == 1
    with pytest.raises(NotFound):
        worktrees.remove(kit.git, path)


def test_a_work_tree_of_a_commit_is_clean_and_goes_away(repo: Any, kit: Any) -> None:
    """Whatever is made in it, and although the user's own tree is dirty."""
    first = repo.head
    repo.write("README", "second\n")
    repo.commit("second")
    repo.write("README", "dirty\n")
    before = kit.shape(exact=True)
    with worktrees.worktree_at(kit.git, first) as location:
        top = location.tree()
        assert (top / "README").read_text() == "a repository\n"
        (top / "junk").write_text("junk\n")
    assert not top.exists()
    assert not (repo.git_dir / "worktrees").exists()
    assert kit.shape(exact=True) == before
    assert len(worktrees.linked(kit.git)) == 1
