"""Baselines side by side."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ovn.baseline import Comparison, broken, compare, describe
from ovn.baseline.comparing import ITSELF
from ovn.model.documents import Baseline


def baseline(*failing: str, exit_code: int | None = None) -> Baseline:
    code = exit_code if exit_code is not None else int(bool(failing))
    return Baseline(1, "b", "2026-01-02T03:04:05.000Z", "0" * 40, "pytest -q", code, 1.0, "", failing)


def test_ids_not_counts() -> None:
    found = compare(baseline("a", "b"), baseline("b", "c"))
    assert found == Comparison(newly_failing=("c",), newly_passing=("a",), still_failing=("b",))
    assert found.worse


def test_a_command_that_names_no_test_is_an_id_of_its_own() -> None:
    dead = baseline(exit_code=4)
    assert broken(dead)
    assert not broken(baseline("a"))
    assert not broken(baseline())
    assert compare(baseline("a"), dead) == Comparison((ITSELF,), (), ())
    assert compare(dead, dead).worse is False
    assert compare(dead, baseline()) == Comparison((), (ITSELF,), ())


def test_a_long_list_is_told_by_its_beginning() -> None:
    assert describe(("a", "b")) == "a, b"
    assert describe(tuple("abcdefg"), most=3) == "a, b, c and 4 more"


@given(st.sets(st.sampled_from("abcdef")), st.sets(st.sampled_from("abcdef")))
def test_comparing_is_set_arithmetic(old: set[str], new: set[str]) -> None:
    found = compare(baseline(*sorted(old)), baseline(*sorted(new)))
    assert set(found.newly_failing) == new - old
    assert set(found.newly_passing) == old - new
    assert set(found.still_failing) == old & new
