"""The session's states, against the table that says which may follow which."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn.errors import Refused
from ovn.model.documents import ENDED_STATES, SESSION_STATES, Session
from ovn.model.lifecycle import MEANING, NEXT, check_move, ended, owes_handoff, resumable

SESSION = Session(
    version=1, id="session-001", state="active", kind="run", created="t", updated="t", worktree="main"
)
STATES = st.sampled_from(SESSION_STATES)


def session(**changes: object) -> Session:
    from dataclasses import replace

    return replace(SESSION, **changes)


def test_every_state_has_a_row_and_a_meaning():
    assert set(SESSION_STATES) == set(NEXT) == set(MEANING)


def test_no_state_follows_an_end():
    assert {state for state in SESSION_STATES if not NEXT[state]} == set(ENDED_STATES)


@given(st.lists(STATES, max_size=12))
def test_no_sequence_of_moves_leaves_the_table(wishes):
    now = "created"
    for then in wishes:
        if then in NEXT[now]:
            check_move("session-001", now, then)
            assert not ended(now)
            now = then
        else:
            with pytest.raises(Refused, match=f"is '{now}' and cannot become '{then}'"):
                check_move("session-001", now, then)
    assert now in SESSION_STATES


@given(STATES)
def test_every_unended_state_can_reach_a_handoff_or_be_given_up(state):
    reached, todo = set(), [state]
    while todo:
        at = todo.pop()
        if at not in reached:
            reached.add(at)
            todo.extend(NEXT[at])
    assert ended(state) or {"handed_off", "abandoned"} <= reached


def test_an_ended_session_refuses_with_the_verb_that_begins_another():
    with pytest.raises(Refused) as refusal:
        check_move("session-001", "handed_off", "active")
    assert refusal.value.hint == "begin another one with 'git ovn start'"


def test_manual_sessions_are_never_resumed_and_owe_nothing():
    manual = session(kind="manual", state="active")
    assert not resumable(manual)
    assert not owes_handoff(manual, alive=False)


@given(STATES, st.booleans())
def test_a_debt_left_active_without_a_handoff(state, alive):
    owes = owes_handoff(session(state=state), alive=alive)
    assert owes == (state == "crashed" or (state == "active" and not alive))
    if owes:
        assert "handed_off" in NEXT[state]
