"""The logs of earlier harnesses: whatever they hold, they are read or refused, and prove nothing."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn import schema
from ovn.earlier import logs, session
from ovn.errors import InvalidDocument
from ovn.model import codec

pytestmark = pytest.mark.unmeasured

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
KEYS = (
    "session_id goal started_at last_updated current_task completed_tasks progress_notes key_decisions "
    "blockers timestamp decision reason"
).split()
STATE = st.dictionaries(st.sampled_from(KEYS), JSON, max_size=8)


@given(STATE, st.lists(STATE, max_size=4))
def test_whatever_the_keys_hold_it_becomes_valid_documents(state, history):
    files = {
        "overnight_state.json": json.dumps(state).encode(),
        "continuation_history.jsonl": "\n".join(map(json.dumps, history)).encode(),
    }
    made, handoff = session.documents(logs.read(files), "main")
    assert list(schema.problems("session", codec.encode(made))) == []
    assert list(schema.problems("handoff", codec.encode(handoff))) == []
    assert made.commits == made.attempts == ()
    assert session.documents(logs.read(files), "main") == (made, handoff)


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b'{"a": NaN}', b'{"a": 1, "a": 2}'])
def test_a_state_that_is_none_is_refused(data):
    with pytest.raises(InvalidDocument, match=r"overnight_state\.json"):
        logs.read({"overnight_state.json": data})


def test_lines_that_are_none_are_counted_and_passed_over():
    found = logs.read({"compaction-history.jsonl": b'{"reason": "auto"}\n[]\n{\n\n"x"\n'})
    assert (found.notes, found.unread) == (("at an unknown time: context compacted: auto",), 3)


def test_the_newer_state_says_more_and_the_older_one_the_rest():
    found = logs.read(
        {
            "overnight_state.json": b'{"goal": "new", "blockers": []}',
            "session_state.json": b'{"goal": "old", "blockers": ["b"], "notes": ["n"]}',
        }
    )
    assert (found.goal, found.blockers, found.notes) == ("new", ("b",), ("n",))


def test_logs_without_any_moment_have_a_name_all_the_same():
    made, _ = session.documents(logs.read({"session_state.json": b'{"goal": "g"}'}), "main")
    assert (made.id, made.ended) == ("earlier-19700101", session.UNKNOWN)


def test_no_more_than_the_newest_entries_are_taken():
    lines = "\n".join(json.dumps({"reason": f"r{n}"}) for n in range(logs.MOST + 10))
    found = logs.read({"continuation_history.jsonl": lines.encode()})
    assert (len(found.notes), found.notes[-1]) == (
        logs.MOST,
        f"at an unknown time: continued: r{logs.MOST + 9}",
    )
