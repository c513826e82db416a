"""A night's branch goes back where it came from: proven on the merged tree, and undone by undo."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Project


def ovn(project: Project, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Type a verb; fails unless it ends with ``code``."""
    done = subprocess.run(
        [sys.executable, "-m", "ovn.cli.main", *words],
        cwd=project.repo.path,
        env=project.environ(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == code, f"{words} gave {done.returncode}: {done.stdout}{done.stderr}"
    return done


@pytest.fixture
def held(project: Project) -> Project:
    """Return a project whose night is over: feature 'a' is done on the night's branch."""
    project.feature("a")
    project.run()
    return project


@pytest.mark.measured
def test_a_night_goes_back_by_fast_forward_and_its_evidence_counts(held: Project) -> None:
    repo, night = held.repo, held.night()
    tip, before = repo.head, repo.git("rev-parse", "main")
    found = json.loads(ovn(held, "merge-back", "--json").stdout)
    assert (found["fast_forward"], found["commit"], found["into"]) == (True, tip, "refs/heads/main")
    assert (found["run"], found["proven"]) == (night.id, ["a"])
    assert repo.git("branch", "--show-current") == "main"
    assert repo.git("rev-parse", "main", night.branch).split() == [tip, tip]
    assert repo.git("status", "--porcelain") == ""
    ovn(held, "undo")
    assert repo.git("rev-parse", "main") == before
    assert repo.git("rev-parse", night.branch) == tip
    assert not (repo.path / "a.txt").exists()
    ovn(held, "undo")
    assert repo.git("rev-parse", "main") == tip
    held.check()


@pytest.mark.measured
def test_where_the_branch_went_on_a_merge_commit_is_proven_anew(held: Project) -> None:
    """The verify command runs on the merged tree: it leaves its sign beside the repository."""
    repo, night = held.repo, held.night()
    repo.git("switch", "-q", "main")
    repo.write("mine.txt", "mine\n")
    mine = repo.commit("mine")
    out = ovn(held, "merge-back")
    assert "a: verifying on the merged tree" in out.stderr
    assert repo.git("log", "-1", "--format=%P").split() == [mine, repo.git("rev-parse", night.branch)]
    assert repo.git("log", "-1", "--format=%an|%s") == (
        f"A U Thor|Merge branch 'night/{night.id}' of run {night.id} into main"
    )
    assert (repo.read("a.txt"), repo.read("mine.txt")) == (b"good\n", b"mine\n")
    ovn(held, "undo")
    assert (repo.head, (repo.path / "a.txt").exists()) == (mine, False)
    repo.fsck()


def test_what_is_red_on_the_merged_tree_is_not_merged(held: Project) -> None:
    """Each side is green alone; together they are not."""
    held.configure(commands={"baseline": "! (test -e a.txt && test -e no-a)"})
    repo = held.repo
    night = held.night().branch
    repo.git("switch", "-q", "main")
    repo.git("checkout", "-q", night, "--", ".overnight")
    repo.write("no-a", "")
    before = repo.commit("a must not be")
    held.trust()
    refused = ovn(held, "merge-back", code=14)
    assert "the merge breaks what was green" in refused.stderr
    assert (repo.head, repo.git("status", "--porcelain")) == (before, "")
    assert repo.git("worktree", "list").count("\n") == 0


@pytest.mark.slow
def test_a_feature_that_is_red_on_the_merged_tree_is_named(project: Project) -> None:
    project.feature("a", verify="test -e a.txt && ! test -e no-a")
    project.run()
    project.repo.git("switch", "-q", "main")
    project.repo.write("no-a", "")
    before = project.repo.commit("a must not be")
    refused = ovn(project, "merge-back", code=14)
    assert "'a' is not green on the merged tree" in refused.stderr
    assert project.repo.head == before
    assert project.statuses() == {"a": "done"}


@pytest.mark.slow
def test_both_sides_in_one_file_is_a_conflict_by_name(held: Project) -> None:
    repo = held.repo
    repo.git("switch", "-q", "main")
    repo.write("a.txt", "mine\n")
    before = repo.commit("mine")
    refused = ovn(held, "merge-back", code=128)
    assert "both sides changed a.txt" in refused.stderr
    assert (repo.head, repo.git("status", "--porcelain")) == (before, "")


@pytest.mark.slow
def test_unfinished_work_is_not_carried_along(project: Project) -> None:
    """A night that was stopped in the middle leaves commits of what is not done."""
    project.feature("a")
    project.agent('echo half > a.txt; git add .; git commit -qm half; kill -TERM "$(cat ../pid)"; sleep 9')
    process = project.begin()
    (project.folder / "pid").write_text(str(process.pid))
    assert process.wait(timeout=60) == 130
    refused = ovn(project, "merge-back", code=1)
    assert "holds commits of 'a', which is not done" in refused.stderr


@pytest.mark.slow
def test_uncommitted_work_stays_and_what_is_in_the_way_is_named(held: Project) -> None:
    repo = held.repo
    repo.git("switch", "-q", "main")
    repo.write("loose.txt", "loose\n")
    ovn(held, "merge-back")
    assert (repo.read("loose.txt"), repo.read("a.txt")) == (b"loose\n", b"good\n")
    ovn(held, "undo")
    assert repo.read("loose.txt") == b"loose\n"
    repo.write("a.txt", "mine\n")
    refused = ovn(held, "merge-back", code=128)
    assert "'a.txt'" in refused.stderr
    assert repo.read("a.txt") == b"mine\n"


@pytest.mark.slow
def test_a_night_in_a_work_tree_of_its_own_is_merged_where_the_branch_is(project: Project) -> None:
    project.feature("a")
    project.run("--worktree", str(project.folder / "apart"))
    ovn(project, "merge-back")
    assert project.repo.git("branch", "--show-current") == "main"
    assert project.repo.read("a.txt") == b"good\n"
    refused = ovn(project, "merge-back", code=1)
    assert "there is nothing to merge" in refused.stderr


@pytest.mark.slow
def test_a_dry_run_moves_nothing_and_a_merge_commit_can_be_had(held: Project) -> None:
    repo = held.repo
    repo.git("switch", "-q", "main")
    before = repo.head
    assert "would merge" in ovn(held, "merge-back", "--dry-run").stdout
    assert repo.head == before
    ovn(held, "merge-back", "--no-ff")
    assert repo.git("log", "-1", "--format=%P").split()[0] == before


@pytest.mark.slow
def test_what_is_not_there_is_named(held: Project) -> None:
    assert "no run and no branch 'nothing'" in ovn(held, "merge-back", "nothing", code=128).stderr


def test_without_a_night_there_is_nothing_to_merge_back(project: Project) -> None:
    assert "no night has a branch" in ovn(project, "merge-back", code=128).stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "point", ["operation.after_intent", "operation.after_files", "operation.after_branch"]
)
def test_killed_in_the_middle_it_is_put_back(held: Project, point: str) -> None:
    repo = held.repo
    repo.git("switch", "-q", "main")
    before = repo.head
    done = subprocess.run(
        [sys.executable, "-m", "ovn.cli.main", "merge-back"],
        cwd=repo.path,
        env=held.environ(OVN_CRASH_POINT=point),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == -9
    ovn(held, "operations")
    ovn(held, "checkpoint")
    ovn(held, "merge-back")
    assert repo.read("a.txt") == b"good\n"
    ovn(held, "undo")
    assert (repo.head, repo.git("status", "--porcelain")) == (before, "")
