"""Where tests became weaker: examples of each kind, and the laws."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ovn.report.testfiles import Test, read
from ovn.report.tests import KINDS, weaker


def some(**by_name: int) -> dict[str, Test]:
    """Return tests with so many assertions, each with a body of its own."""
    return {name: Test(count, skipped=False, body=f"{name} {count}") for name, count in by_name.items()}


def said(old, new) -> list[tuple[str, str, str | None, int, int]]:
    return [(one.kind, one.path, one.test, one.before, one.after) for one in weaker(old, new)]


def test_a_deleted_file_is_one_line_with_the_number_of_its_tests():
    assert said({"a": some(x=1, y=2)}, {}) == [("deleted test file", "a", None, 2, 0)]


def test_a_deleted_test_and_fewer_assertions_are_named():
    old, new = {"a": some(x=3, y=2)}, {"a": some(x=1)}
    assert said(old, new) == [("fewer assertions", "a", "x", 3, 1), ("deleted test", "a", "y", 2, 0)]


def test_a_test_that_is_skipped_now():
    old, new = Test(1, skipped=False, body="b"), Test(1, skipped=True, body="b")
    assert said({"a": {"x": old}}, {"a": {"x": new}}) == [("newly skipped", "a", "x", 1, 1)]


def test_a_test_that_moved_to_another_file_is_not_deleted():
    assert said({"a": some(x=1, y=1)}, {"a": some(y=1), "b": some(x=1)}) == []


def test_a_test_that_moved_and_lost_assertions_says_so():
    assert said({"a": some(x=2)}, {"b": some(x=1)}) == [("fewer assertions", "a", "x", 2, 1)]


def test_a_test_with_another_name_and_the_same_body_is_not_deleted():
    old = {"a": {"x": Test(1, skipped=False, body="same")}}
    assert said(old, {"a": {"renamed": Test(1, skipped=False, body="same")}}) == []


def test_a_moved_test_stands_in_for_one_that_left_and_not_for_two():
    old = {"a": some(x=1), "b": some(x=1)}
    assert said(old, {"c": some(x=1)}) == [("deleted test file", "b", None, 1, 0)]


def test_ten_thousand_tests_that_move_are_found_where_they_went():
    """Each looks for itself among those that arrived, not among all of them."""
    old = {"a": some(**{f"t{number}": 1 for number in range(10_000)})}
    assert said(old, {"b": dict(reversed(old["a"].items()))}) == []


def test_comments_and_layout_change_nothing():
    old = read("test_a.py", b"def test_x():\n    assert f(1) == 2\n")
    new = read("test_a.py", b"def test_x():\n    # why\n    assert f(\n        1\n    ) == 2\n")
    assert said({"test_a.py": old}, {"test_a.py": new}) == []
    assert old == new


NAMES = st.sampled_from(["x", "y", "z", "w"])
ONE = st.builds(Test, st.integers(0, 3), skipped=st.booleans(), body=st.sampled_from("abcdef"))
TREES = st.dictionaries(st.sampled_from("abc"), st.dictionaries(NAMES, ONE, max_size=4), max_size=3)


@given(TREES)
def test_a_tree_against_itself_gives_nothing(tree):
    assert weaker(tree, tree) == []


@given(TREES, TREES)
def test_what_is_only_added_gives_nothing(tree, more):
    grown = {**tree, **{f"new-{path}": tests for path, tests in more.items()}}
    assert weaker(tree, grown) == []


@given(TREES, TREES)
def test_every_finding_is_about_a_test_that_was_there(old, new):
    for one in weaker(old, new):
        assert one.kind in KINDS
        assert one.path in old
        if one.test is None:
            assert one.path not in new
            assert one.before == len(old[one.path])
        else:
            assert old[one.path][one.test].assertions == one.before
        if one.kind == "fewer assertions":
            assert one.after < one.before


@given(TREES)
def test_without_anything_left_every_test_is_accounted_for(old):
    found = weaker(old, {})
    assert sum(one.before for one in found) == sum(len(tests) for tests in old.values())
    assert all(one.kind == "deleted test file" for one in found)


@given(TREES)
def test_nothing_is_deleted_when_every_file_moves(old):
    moved = {f"moved/{path}": tests for path, tests in old.items()}
    assert all(one.kind in ("fewer assertions", "newly skipped") for one in weaker(old, moved))
