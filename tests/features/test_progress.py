"""``claude-progress.txt``: written in one layout, read in many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn.features import progress
from ovn.features.progress import Category, Item, Progress
from ovn.model.documents import Feature

pytestmark = pytest.mark.unmeasured

AT = "2026-01-02T03:04:05.000Z"

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8).filter(
    lambda word: word == "".join(word.split())
)
LINES = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)
IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,10}", fullmatch=True)
PLAIN = LINES.filter(lambda text: progress._NAMED.match(text) is None)
NOTES = LINES.filter(lambda text: text[0] not in "#-*+")
ITEMS = st.builds(Item, st.booleans(), LINES, IDS, st.none() | NOTES) | st.builds(
    Item, st.booleans(), PLAIN, st.none(), st.none() | NOTES
)
NAMES = LINES.filter(lambda text: progress._CATEGORY.match(f"## CATEGORY 1: {text} (P0)")[1] == text)
CATEGORIES = st.builds(
    Category, NAMES, st.sampled_from(["P0", "P1", "P2", "P3"]), st.lists(ITEMS, max_size=4).map(tuple)
)


@given(st.builds(Progress, st.none() | LINES, st.none() | LINES, st.lists(CATEGORIES, max_size=4).map(tuple)))
def test_what_is_written_is_read_back(found):
    assert found == progress.parse(progress.render(found))


@given(st.text())
def test_any_text_can_be_read(text):
    progress.parse(text)


def feature(name, number=1, **fields):
    return Feature(2, name, number, f"the {name}", AT, **fields)


def test_features_stand_by_priority_then_category_then_age():
    found = progress.of(
        [
            feature("c", 3, category="parsing", priority="P0", status="done"),
            feature("b", 2, category="printing", priority="P1", status="blocked", reason="no\nprinter"),
            feature("a", 1, category="parsing", priority="P0"),
            feature("d", 4, priority="P1", status="in_progress"),
            feature("e", 5, priority="P1", claimed=True),
        ],
        session="session-001",
        goal="a parser",
    )
    assert progress.render(found) == (
        "# Session: session-001\n"
        "# Goal: a parser\n"
        "\n"
        "## CATEGORY 1: parsing (P0)\n"
        "- [ ] a: the a\n"
        "- [x] c: the c\n"
        "\n"
        "## CATEGORY 2: printing (P1)\n"
        "- [ ] b: the b\n"
        "  blocked: no printer\n"
        "\n"
        "## CATEGORY 3: general (P1)\n"
        "- [ ] d: the d\n"
        "  in progress\n"
        "- [ ] e: the e\n"
        "  imported as done, not verified\n"
    )


def test_no_feature_and_no_session_is_two_lines():
    assert progress.render(progress.of([], session=None, goal=None)) == "# Session:\n# Goal:\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- [x] done", [("general", "P2", True, None, "done")]),
        ("* [X] x\r\n+ [ ] y\r\n", [("general", "P2", True, None, "x"), ("general", "P2", False, None, "y")]),
        ("## Parsing\n- [ ] a: b", [("Parsing", "P2", False, "a", "b")]),
        ("## CATEGORY 12: Parsing (P1)\n  -  [ ]  a-b:  c d ", [("Parsing", "P1", False, "a-b", "c d")]),
        ("### category 2 - x (p3)\n- [] no\n- [ ] yes", [("x", "P3", False, None, "yes")]),
        ("## CATEGORY 1: (P0)\n- [ ] x", [("general", "P0", False, None, "x")]),
        ("- [ ] http://x: y", [("general", "P2", False, None, "http://x: y")]),
        ("# Title\nprose\n- item\n1. [x] numbered\n", []),
    ],
)  # fmt: skip
def test_what_people_make_of_it_is_understood(text, expected):
    found = [
        (category.name, category.priority, item.done, item.id, item.text)
        for category in progress.parse(text).categories
        for item in category.items
    ]
    assert found == expected


def test_the_first_session_and_goal_count():
    found = progress.parse("# session:  s1 \n#Goal: g\n# Session: s2\n")
    assert (found.session, found.goal) == ("s1", "g")
