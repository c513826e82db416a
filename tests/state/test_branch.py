"""What happened to the state branch, as a table."""

from __future__ import annotations

import pytest

from ovn.errors import CorruptObject
from ovn.state.branch import SAID, judge

LINE = {"old": 0, "mid": 1, "new": 2}


def is_ancestor(one: str, other: str) -> bool:
    if "gone" in (one, other):
        raise CorruptObject("no such object")
    return one in LINE and other in LINE and LINE[one] <= LINE[other]


@pytest.mark.parametrize(
    ("tip", "kept", "case"),
    [
        (None, None, "none"),
        ("mid", "mid", "fine"),
        ("mid", None, "ahead"),
        ("new", "mid", "ahead"),
        (None, "mid", "deleted"),
        ("old", "mid", "rewound"),
        ("other", "mid", "replaced"),
        ("gone", "mid", "broken"),
    ],
)
def test_what_happened_to_the_branch(tip: str | None, kept: str | None, case: str) -> None:
    assert judge(tip, kept, is_ancestor) == case
    assert (case in SAID) == (case in ("deleted", "rewound", "replaced", "broken"))
