"""Red tests before the work: known, repaired first, or left to a person; and whose a regression is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Project

SUITE = (
    "import pathlib, unittest\nclass T(unittest.TestCase):\n"
    "  def test_old(self):\n    self.assertFalse(pathlib.Path('broken').exists())\n"
    "  def test_other(self):\n    self.assertFalse(pathlib.Path('breaks').exists())\n"
)


@pytest.fixture
def red(project: Project) -> Project:
    """Return a project of which one test fails, by name."""
    project.repo.write("test_it.py", SUITE)
    project.repo.write("broken", "")
    project.repo.write(".gitignore", "__pycache__\n")
    project.configure(commands={"baseline": "python3 -m unittest -q"}, budget={"max_attempts_per_feature": 2})
    project.feature("a")
    return project


@pytest.mark.slow
def test_what_fails_already_is_known_and_no_obstacle(red: Project) -> None:
    out = red.run()
    assert "baseline: 1 failing already: test_it.T.test_old" in out
    assert red.statuses() == {"a": "done"}


@pytest.mark.slow
def test_by_configuration_it_is_repaired_before_anything_is_built(red: Project) -> None:
    """Also where only one feature was asked for; the command was trusted as the baseline."""
    red.configure(enforcement={"red_baseline": "repair"})
    red.agent("case $1 in repair*) rm broken ;; *) echo good > $1.txt ;; esac")
    out = red.run("--feature", "a")
    assert "repair-baseline: comes first" in out
    assert red.statuses() == {"a": "done", "repair-baseline": "done"}
    assert [one.feature for one in red.sessions()] == ["repair-baseline", "a"]
    made = red.one("repair-baseline")
    assert (made.verify, made.priority) == (("python3 -m unittest -q",), "P0")
    assert "test_it.T.test_old" in made.description


@pytest.mark.slow
def test_what_cannot_be_repaired_ends_the_night(red: Project) -> None:
    red.configure(enforcement={"red_baseline": "repair"})
    red.agent("echo good > $1.txt")
    out = red.run(code=14)
    assert "'repair-baseline' could not mend it" in out
    assert red.statuses() == {"a": "pending", "repair-baseline": "blocked"}
    assert red.night().stop == "broken-baseline"


def test_by_configuration_it_is_left_to_a_person(red: Project) -> None:
    red.configure(enforcement={"red_baseline": "block"})
    out = red.run(code=14)
    assert "1 failing already: test_it.T.test_old" in out
    assert (red.night().stop, red.night().sessions) == ("broken-baseline", ())
    assert red.statuses() == {"a": "pending"}


@pytest.mark.slow
def test_a_baseline_that_names_no_test_is_repaired_too(project: Project) -> None:
    project.configure(commands={"baseline": "test -e ready"}, enforcement={"red_baseline": "repair"})
    project.feature("a")
    project.agent("case $1 in repair*) echo yes > ready ;; *) echo good > $1.txt ;; esac")
    project.run()
    assert project.statuses() == {"a": "done", "repair-baseline": "done"}


@pytest.mark.slow
def test_a_regression_is_recorded_with_the_feature_that_brought_it(red: Project) -> None:
    red.agent("echo good > a.txt; touch breaks; [ $OVN_ATTEMPT = 1 ] || rm breaks")
    red.run()
    seen = [(one.what, one.feature, one.session, one.text) for one in red.night().watch]
    assert seen == [("regression", "a", red.sessions()[0].id, "it broke test_it.T.test_other")]
    first = red.sessions()[0].attempts[0]
    assert first.reason == "it broke what was green: test_it.T.test_other"
