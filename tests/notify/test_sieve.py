"""No message twice, no flood, over restarts too."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn.notify import sieve
from ovn.notify.events import KINDS

from .conftest import NOW, event

T = NOW.timestamp()


def test_the_same_event_goes_out_once():
    first = sieve.sift(sieve.Memory(), event(feature="a"), T)
    again = sieve.sift(first.memory, event(feature="a"), T + 86400)
    other = sieve.sift(first.memory, event(feature="b"), T)
    assert (first.goes, again.goes, other.goes) == (True, False, True)


def test_a_crash_is_told_again_after_a_quarter_of_an_hour():
    memory = sieve.sift(sieve.Memory(), event("crash"), T).memory
    assert [sieve.sift(memory, event("crash"), T + later).goes for later in (1, 899, 900)] == [
        False,
        False,
        True,
    ]


def test_a_clock_that_was_set_back_silences_nobody():
    memory = sieve.sift(sieve.Memory(), event("crash"), T).memory
    assert sieve.sift(memory, event("crash"), T - 86400).goes


def test_a_flood_is_held_back_and_counted_and_what_is_urgent_still_goes():
    memory = sieve.Memory()
    for number in range(sieve.PER_HOUR + 5):
        verdict = sieve.sift(memory, event(feature=f"f{number}"), T + number)
        memory = verdict.memory
    assert not verdict.goes
    assert memory.held_back == 5
    urgent = sieve.sift(memory, event("end"), T + 60)
    assert (urgent.goes, urgent.held_back, urgent.memory.held_back) == (True, 5, 0)
    later = sieve.sift(memory, event(feature="late"), T + 3700)
    assert (later.goes, later.held_back) == (True, 5)


@given(st.lists(st.tuples(st.sampled_from(list(KINDS)), st.integers(0, 40), st.floats(0, 50)), max_size=150))
def test_no_hour_holds_more_messages_than_the_limit(found):
    memory, now, went = sieve.Memory(), T, []
    for kind, subject, step in found:
        now += step
        verdict = sieve.sift(memory, event(kind, subject=str(subject)), now)
        memory = verdict.memory
        went += [now] if verdict.goes else []
    for moment in went:
        assert sum(moment <= one < moment + sieve.HOUR for one in went) <= 2 * sieve.PER_HOUR


def test_what_was_sent_is_remembered_over_restarts(tmp_path):
    path = tmp_path / "notified.json"
    memory = sieve.sift(sieve.Memory(held_back=3, moments=(T - 1,)), event(feature="a"), T).memory
    sieve.save(path, memory)
    assert sieve.load(path) == memory
    assert [one.name for one in tmp_path.iterdir()] == ["notified.json"]
    assert not sieve.sift(sieve.load(path), event(feature="a", at=NOW + timedelta(days=1)), T + 86400).goes


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{",
        b'{"version": 2}',
        b'{"version": 1, "sent": 3, "moments": {}, "held_back": true}',
        b"\xff",
    ],
)
def test_a_spoiled_memory_is_an_empty_one(tmp_path, data):
    path = tmp_path / "notified.json"
    path.write_bytes(data)
    assert sieve.load(path) == sieve.Memory()


def test_the_memory_does_not_grow():
    memory = sieve.Memory()
    for number in range(2 * sieve.MOST_KEYS):
        memory = sieve.sift(memory, event(feature=f"f{number}"), T + number * 200).memory
    assert len(memory.sent) == sieve.MOST_KEYS
