"""Thinning keeps what a person would miss."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ovn.checkpoints import thin
from ovn.model.documents import Checkpoint


@st.composite
def histories(draw: st.DrawFn) -> list[Checkpoint]:
    times = sorted(
        draw(st.lists(st.tuples(st.integers(1, 28), st.integers(0, 23), st.integers(0, 59)), max_size=40))
    )
    return [
        Checkpoint(
            id=f"s/{n:04d}",
            session="s",
            label=None,
            kind="automatic",
            commit="1" * 40,
            tree="2" * 40,
            worktree="main",
            at=f"2026-01-{day:02d}T{hour:02d}:{minute:02d}:00.000Z",
            tag=f"ovn/s/{n}" if draw(st.integers(0, 5)) == 0 else None,
        )
        for n, (day, hour, minute) in enumerate(times, 1)
    ]


@given(histories(), st.integers(0, 10))
def test_named_newest_and_protected_ones_stay(known: list[Checkpoint], keep: int) -> None:
    """And nothing that goes was named."""
    protect = {known[0].id} if known else set()
    gone = {one.id for one in thin(known, keep=keep, protect=protect)}
    assert not gone & protect
    assert not gone & {one.id for one in known if one.tag}
    assert not gone & {one.id for one in known[len(known) - keep :]}


@given(histories())
def test_one_of_each_day_stays(known: list[Checkpoint]) -> None:
    """However few are kept."""
    gone = {one.id for one in thin(known, keep=0)}
    assert {one.at[:10] for one in known} == {one.at[:10] for one in known if one.id not in gone}


@given(histories(), st.integers(0, 10))
def test_thinning_twice_takes_nothing_more(known: list[Checkpoint], keep: int) -> None:
    """It is idempotent."""
    gone = {one.id for one in thin(known, keep=keep)}
    left = [one for one in known if one.id not in gone]
    assert thin(left, keep=keep) == []
