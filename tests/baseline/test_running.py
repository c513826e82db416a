"""The baseline command, run where only committed files are."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from ovn import baseline
from ovn.baseline import running
from ovn.baseline.running import Setting, ensure
from ovn.state.store import StateStore

if TYPE_CHECKING:
    from pathlib import Path

SUITE = """\
import unittest
class T(unittest.TestCase):
    def test_a(self): self.assertTrue({a})
    def test_b(self): self.assertTrue({b})
"""
COMMAND = "python3 -m unittest -q"


@pytest.fixture
def store(repo) -> StateStore:
    repo.write("test_x.py", SUITE.format(a=True, b=True))
    repo.write(".gitignore", "__pycache__/\n.env\n")
    repo.commit("tests")
    store = StateStore.open(repo.location)
    store.init("demo")
    return store


def setting(command: str = COMMAND, setup: str | None = None) -> Setting:
    return Setting(command, setup, dict(os.environ))


def test_a_green_suite_has_nothing_failing(repo, store: StateStore) -> None:
    found = ensure(store, setting())
    assert found is not None
    assert (found.baseline.exit_code, found.baseline.failing) == (0, ())
    assert found.baseline.tree == repo.git("rev-parse", "HEAD^{tree}")
    assert store.view().baseline(found.baseline.name) == found.baseline
    assert repo.git("status", "--porcelain") == ""
    assert len(repo.git("worktree", "list").splitlines()) == 1


def test_a_tree_is_measured_once(repo, store: StateStore, tmp_path: Path) -> None:
    counted = setting(f"echo x >> {tmp_path}/count; {COMMAND}")
    first = ensure(store, counted)
    again = ensure(store, counted)
    repo.git("commit", "-q", "--allow-empty", "-m", "the same tree")
    third = ensure(store, counted)
    assert first and again and third
    assert first.baseline == again.baseline == third.baseline
    assert (tmp_path / "count").read_text() == "x\n"
    repo.write("other", "x")
    repo.commit()
    ensure(store, counted)
    assert (tmp_path / "count").read_text() == "x\nx\n"


def test_uncommitted_work_is_not_measured(repo, store: StateStore) -> None:
    repo.write("test_x.py", SUITE.format(a=False, b=False))
    found = ensure(store, setting())
    assert found
    assert found.baseline.exit_code == 0


def test_two_trees_are_compared_by_their_failing_ids(repo, store: StateStore) -> None:
    repo.write("test_x.py", SUITE.format(a=False, b=True))
    repo.commit()
    before = ensure(store, setting())
    repo.write("test_x.py", SUITE.format(a=True, b=False))
    repo.commit()
    after = ensure(store, setting())
    assert before and after
    assert before.baseline.failing == ("test_x.T.test_a",)
    found = baseline.compare(before.baseline, after.baseline)
    assert (found.newly_failing, found.newly_passing) == (("test_x.T.test_b",), ("test_x.T.test_a",))
    assert b"AssertionError" in after.output


def test_set_up_runs_in_the_clean_tree_first(store: StateStore) -> None:
    found = ensure(store, setting("test -e made && " + COMMAND, setup="touch made"))
    assert found
    assert (found.baseline.exit_code, running.IN_PLACE in found.baseline.summary) == (0, False)


@pytest.mark.parametrize("setup", [None, "false"])
def test_where_only_the_clean_tree_is_red_the_work_tree_speaks(repo, store: StateStore, setup) -> None:
    """It needs what git ignores, which is no fault of the code."""
    repo.write(".env", "x")
    found = ensure(store, setting("test -e .env && " + COMMAND, setup))
    assert found
    assert found.baseline.exit_code == 0
    assert running.IN_PLACE in found.baseline.summary


def test_a_command_that_cannot_run_its_tests_is_broken(store: StateStore) -> None:
    found = ensure(store, setting("echo no such thing; exit 3"))
    assert found
    assert baseline.broken(found.baseline)
    assert found.baseline.summary.startswith("no such thing")


def test_a_failed_set_up_beside_uncommitted_work_leaves_nothing_to_ask(repo, store: StateStore) -> None:
    repo.write("loose", "x")
    found = ensure(store, setting(setup="false"))
    assert found
    assert baseline.broken(found.baseline)
    assert found.baseline.summary == "the set-up command failed in a clean work tree"


def test_ids_come_from_the_junit_report_that_the_command_names(store: StateStore) -> None:
    xml = "<testsuite><testcase classname='c' name='n'><failure/></testcase></testsuite>"
    found = ensure(store, setting(f'echo "{xml}" > out.xml; : --junitxml=out.xml; exit 1'))
    assert found
    assert found.baseline.failing == ("c::n",)


def test_without_a_commit_there_is_nothing_to_measure(make_repo, tmp_path: Path) -> None:
    store = StateStore.open(make_repo(tmp_path / "unborn", commit=False).location)
    store.init("demo")
    assert ensure(store, setting()) is None
