"""The registry's rules: order, dependencies, statuses."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn import features
from ovn.errors import NotFound, Refused, UsageError
from ovn.model.documents import FEATURE_STATUSES, PRIORITIES, Feature

pytestmark = pytest.mark.unmeasured

AT = "2026-01-02T03:04:05.000Z"


def feature(name, number=1, **fields):
    return Feature(2, name, number, name, AT, **fields)


def registry(*found):
    return {one.id: one for one in found}


REGISTRIES = st.lists(
    st.tuples(
        st.sampled_from(PRIORITIES),
        st.sampled_from(FEATURE_STATUSES),
        st.sets(st.integers(0, 9)),
        st.integers(1, 5),
    ),
    max_size=10,
).map(
    lambda rows: registry(
        *(
            feature(
                f"f{at}",
                number,
                priority=priority,
                status=status,
                depends_on=tuple(f"f{one}" for one in needs),
            )
            for at, (priority, status, needs, number) in enumerate(rows)
        )
    )
)


# -- what comes next -------------------------------------------------------------------------


def test_next_is_the_highest_priority_and_among_equals_the_oldest():
    known = registry(
        feature("late", 3, priority="P1"),
        feature("early", 2, priority="P1"),
        feature("minor", 1, priority="P2"),
    )
    assert features.choose(known).id == "early"


@pytest.mark.parametrize(("status", "chosen"), [(one, one in features.OPEN) for one in FEATURE_STATUSES])
def test_what_is_blocked_done_or_rolled_back_is_not_chosen(status, chosen):
    assert (features.choose(registry(feature("a", status=status))) is not None) == chosen


def test_what_depends_on_something_unfinished_is_not_chosen():
    known = registry(feature("a", 2), feature("b", 1, priority="P0", depends_on=("a",)))
    assert features.choose(known).id == "a"
    assert features.why_not(known["b"], known) == "it depends on 'a', not done yet"


def test_what_depends_on_something_done_is_chosen():
    known = registry(feature("a", 2, status="done"), feature("b", 1, depends_on=("a",)))
    assert features.choose(known).id == "b"


def test_what_depends_on_something_that_is_gone_is_not_chosen():
    """Two clones may meet in such a state; nothing hangs and nothing is built on sand."""
    assert features.choose(registry(feature("a", depends_on=("gone",)))) is None


def test_a_choice_can_be_limited():
    known = registry(feature("a", 1), feature("b", 2), feature("c", 3))
    assert features.choose(known, only={"c", "b"}).id == "b"
    assert features.choose(known, only={"nothing"}) is None


@given(REGISTRIES)
def test_nothing_that_could_be_built_comes_before_what_is_chosen(known):
    chosen = features.choose(known)
    ready = [one for one in known.values() if features.why_not(one, known) is None]
    assert (chosen is None) == (not ready)
    if chosen:
        assert chosen in ready
        assert all((chosen.priority, chosen.number) <= (one.priority, one.number) for one in ready)


@given(REGISTRIES, st.randoms())
def test_the_choice_does_not_depend_on_the_order_of_reading(known, source):
    names = list(known)
    source.shuffle(names)
    assert features.choose(known) == features.choose({name: known[name] for name in names})


# -- dependencies ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("needs", "loop"),
    [
        ({"a": "a"}, ["a", "a"]),
        ({"a": "b", "b": "a"}, ["a", "b", "a"]),
        ({"a": "b", "b": "c", "c": "d", "d": "b"}, ["b", "c", "d", "b"]),
        ({"a": "bc", "b": "d", "c": "d", "d": ""}, []),
        ({"a": "b", "b": "x"}, []),
        ({}, []),
    ],
)
def test_a_circle_is_found_and_shown(needs, loop):
    known = registry(*(feature(name, depends_on=tuple(rest)) for name, rest in needs.items()))
    assert loop == features.cycle(known)


@given(REGISTRIES)
def test_a_circle_that_is_shown_is_one_and_what_has_none_can_be_sorted(known):
    loop = features.cycle(known)
    if loop:
        assert loop[0] == loop[-1]
        assert all(second in known[first].depends_on for first, second in itertools.pairwise(loop))
        return
    from graphlib import TopologicalSorter

    TopologicalSorter({name: one.depends_on for name, one in known.items()}).prepare()


def test_a_chain_of_ten_thousand_is_walked():
    names = [f"f{n}" for n in range(10_000)]
    chain = registry(*(feature(one, depends_on=(after,)) for one, after in itertools.pairwise(names)))
    assert features.cycle({**chain, names[-1]: feature(names[-1])}) == []
    assert len(features.cycle({**chain, names[-1]: feature(names[-1], depends_on=("f0",))})) == 10_001


def test_a_circle_is_refused_with_the_way_round():
    with pytest.raises(UsageError, match="in a circle: a -> b -> a") as refusal:
        features.check_graph(registry(feature("a", depends_on=("b",)), feature("b", depends_on=("a",))))
    assert refusal.value.facts == {"cycle": ["a", "b", "a"]}


def test_an_unknown_dependency_is_refused_with_what_is_near():
    with pytest.raises(UsageError, match="'a' depends on 'parsr', which does not exist") as refusal:
        features.check_graph(registry(feature("a", depends_on=("parsr",)), feature("parser")))
    assert refusal.value.hint == "did you mean 'parser'?"


def test_an_unknown_feature_is_not_found():
    with pytest.raises(NotFound, match="no feature 'parsr'") as refusal:
        features.find(registry(feature("parser")), "parsr")
    assert refusal.value.hint == "did you mean 'parser'?"


# -- statuses --------------------------------------------------------------------------------

TABLE = """
            pending     in_progress blocked     failed      rolled_back done
start       in_progress in_progress -           in_progress in_progress -
block       blocked     blocked     blocked     blocked     blocked     -
unblock     -           -           pending     -           pending     -
reopen      -           -           -           pending     pending     pending
verify-green done       done        done        done        done        done
verify-red  -           -           -           failed      -           failed
roll-back   -           rolled_back rolled_back rolled_back -           rolled_back
"""
HEAD, *ROWS = (line.split() for line in TABLE.strip().splitlines())
CASES = [(row[0], now, then) for row in ROWS for now, then in zip(HEAD, row[1:], strict=True)]


@pytest.mark.parametrize(("verb", "now", "then"), CASES)
def test_a_status_moves_as_the_table_says(verb, now, then):
    found = feature("a", status=now)
    if then != "-":
        assert then == features.check_move(found, verb)
        return
    with pytest.raises(Refused, match=f"feature 'a' is {now.replace('_', ' ')}"):
        features.check_move(found, verb)


def test_the_table_above_is_the_whole_table():
    assert sorted(row[0] for row in ROWS) == sorted(features.MOVES)
    assert sorted(HEAD) == sorted(FEATURE_STATUSES)


def test_only_evidence_leads_to_done():
    assert [verb for verb, move in features.MOVES.items() if move.to == "done"] == ["verify-green"]
