"""Replay as pure rules: records in, what each call gave out, another path refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn.errors import NonDeterminismError
from ovn.session.calls import LONGEST, Call, Past
from ovn.session.replay import History


def record(kind, data, call=None):
    made = {"at": "2026-11-22T23:00:00.000Z", "by": "python", "type": kind, "data": data}
    return {**made, "call": call} if call is not None else made


def step(name, position=None, outcome="done", **data):
    told = {"name": name, "occurrence": 1, "outcome": outcome, **data}
    return record("step", {**told, "position": position} if position is not None else told)


def history(*records):
    return History(enumerate(records, 1))


def given_by(known, name, position=None, occurrence=1, verb="step"):
    past = known.find(Call(verb, name, occurrence, position=position))
    return None if past is None or past.data is None else past.data.get("result")


def test_a_call_is_found_once_by_name_and_occurrence():
    known = history(step("a", 1, result=1), step("a", 2, result=2, occurrence=2))
    assert [given_by(known, "a", 1), given_by(known, "a", 2, 2)] == [1, 2]
    assert known.find(Call("step", "a", 3, position=3)) is None
    assert not known.replaying
    assert known.unrequested() is None


def test_a_key_is_found_again_and_again():
    known = history(step("a", key="k", result=1))
    call = Call("step", "a", 1, "k")
    assert [known.find(call).data["result"] for _ in range(3)] == [1, 1, 1]
    assert known.unrequested() is None


def test_what_a_key_gave_in_this_run_is_kept():
    known = history()
    call = Call("step", "a", 1, "k")
    assert known.find(call) is None
    known.keep(call, Past.over(7, {"name": "a", "outcome": "done", "result": 3}))
    assert known.find(call).data["result"] == 3


@pytest.mark.parametrize(
    ("name", "position", "words"),
    [
        ("x", 1, "asks for step 'x' where step 'a' is recorded"),
        ("b", 1, "asks for step 'b' where step 'a' is recorded"),
        ("a", 3, "asks for step 'a' as call 3, recorded is step 'a' as call 1"),
    ],
)
def test_another_call_at_a_place_is_refused_naming_both(name, position, words):
    known = history(step("a", 1), step("b", 2))
    with pytest.raises(NonDeterminismError, match=words) as caught:
        known.find(Call("step", name, 1, position=position))
    assert set(caught.value.facts) == {"recorded", "requested"}


def test_calls_of_other_tasks_have_no_place():
    known = history(step("b"), step("a", 1))
    assert known.find(Call("step", "a", 1, position=1)) is not None
    assert known.find(Call("step", "b", 1)) is not None


def test_a_gap_is_a_call_that_was_running_when_the_process_died():
    known = history(step("a", 1), step("c", 3))
    assert known.find(Call("step", "a", 1, position=1)) is not None
    assert known.find(Call("step", "b", 1, position=2)) is None
    assert known.find(Call("step", "c", 1, position=3)) is not None


def test_the_first_call_that_was_not_made_is_named():
    known = history(step("a", 1), step("b", 2), step("c", 3))
    known.find(Call("step", "a", 1, position=1))
    assert known.unrequested() == "step 'b'"
    assert known.replaying


def test_calls_inside_of_a_finished_one_need_not_be_made():
    known = history(step("inner", within="step a#1"), step("a", 1))
    known.find(Call("step", "a", 1, position=1))
    assert known.unrequested() is None


def test_what_had_begun_is_not_finished():
    known = history(record("step.started", {"name": "a", "occurrence": 1, "position": 1, "once": True}))
    past = known.find(Call("step", "a", 1, position=1))
    assert past.outcome is None
    assert [kind for _, kind, _ in past.begun] == ["step.started"]
    assert known.unrequested() is None


def test_the_records_of_a_verb_are_told_by_the_call_that_made_them():
    tag = {"verb": "checkpoint", "name": "one", "occurrence": 1, "position": 1}
    known = history(record("checkpoint", {"id": "s/0001", "kind": "named"}, tag))
    past = known.find(Call("checkpoint", "one", 1, position=1))
    assert past.did("checkpoint")["id"] == "s/0001"
    assert past.did("operation") is None


# -- cancelled -----------------------------------------------------------------------------


def test_a_cancellation_that_was_the_end_is_forgotten():
    known = history(step("a", 1), step("b", 2, "cancelled"))
    known.find(Call("step", "a", 1, position=1))
    assert known.find(Call("step", "b", 1, position=2)).outcome is None


def test_a_cancellation_that_the_program_survived_stands():
    known = history(step("a", 1, "cancelled"), step("b", 2))
    assert known.find(Call("step", "a", 1, position=1)).outcome == "cancelled"


def test_of_other_tasks_what_was_recorded_later_tells():
    assert history(step("a", outcome="cancelled"), step("b")).find(Call("step", "a")).outcome == "cancelled"
    assert history(step("b"), step("a", outcome="cancelled")).find(Call("step", "a")).outcome is None


def test_what_was_interrupted_is_forgotten_by_name():
    tag = {"verb": "note", "name": "note", "occurrence": 1, "position": 3}
    forget = [{"verb": "step", "name": "b", "occurrence": 1}, tag]
    known = history(
        step("a", 1),
        step("b", 2, "cancelled"),
        record("note", {"text": "unwinding"}, tag),
        record("interrupted", {"forget": forget, "why": "SystemExit"}),
    )
    known.find(Call("step", "a", 1, position=1))
    assert known.find(Call("step", "b", 1, position=2)) is None
    assert known.find(Call("step", "c", 1, position=3)) is None


# -- the last failure ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("records", "last"),
    [
        ((), None),
        ((step("a", 1),), None),
        ((step("a", 1, "failed"),), "a"),
        ((step("a", 1, "failed"), step("b", 2)), None),
        ((record("step.started", {"name": "a", "position": 1, "once": True}),), "a"),
        ((record("step.started", {"name": "a", "position": 1, "attempt": 2}),), None),
    ],
)
def test_only_the_last_call_can_be_made_again(records, last):
    call = history(*records).last_failure()
    assert (call.name if call else None) == last


def test_a_forgotten_call_is_new():
    known = history(step("a", 1, "failed"))
    known.forget(known.last_failure())
    assert known.find(Call("step", "x", 1, position=1)) is None


# -- cut from outside ----------------------------------------------------------------------


def operation(id_, verb="rollback", target="s/0001", state="done", undoes=None, undone_by=None):
    told = {
        "id": id_,
        "verb": verb,
        "target": target,
        "state": state,
        "undoes": undoes,
        "undone_by": undone_by,
    }
    return record("operation", told)


HELD = record("checkpoint", {"id": "s/0001", "kind": "named"})


def left(*records):
    known = history(step("a", 1), HELD, step("b", 2), *records)
    return [
        name for number, name in enumerate("abc", 1) if known.find(Call("step", name, 1, position=number))
    ]


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ((), "ab"),
        ((operation("o1"),), "a"),
        ((operation("o1", state="open"),), "ab"),
        ((operation("o1", verb="restore"),), "ab"),
        ((operation("o1", target="other/0001"),), "ab"),
        ((operation("o1", target=None),), "ab"),
        ((record("cut", {"checkpoint": "s/0001", "operation": "o1"}),), "a"),
        ((operation("o1"), operation("u1", "undo", undoes="o1"), operation("o1", undone_by="u1")), "ab"),
        ((operation("o1"), record("cut", {"checkpoint": "s/0001", "operation": "o1"})), "a"),
    ],
)
def test_only_a_rollback_from_outside_cuts(records, expected):
    assert left(*records) == list(expected)


def test_a_rollback_by_the_program_is_a_record_and_no_cut():
    tag = {"verb": "rollback", "name": "one", "occurrence": 1, "position": 4}
    own = {**operation("o1"), "call": tag}
    assert left(own) == ["a", "b"]


def test_what_is_done_after_a_cut_takes_the_place_of_what_was_cut_off():
    known = history(step("a", 1), HELD, step("b", 2), operation("o1"), step("x", 2, result="new"))
    known.find(Call("step", "a", 1, position=1))
    assert given_by(known, "x", 2) == "new"


# -- from others ---------------------------------------------------------------------------


def test_a_signal_wakes_one_wait_in_its_order():
    known = history(*(record("signal", {"name": "go", "payload": number}) for number in range(3)))
    assert [known.signal("go")[1] for _ in range(3)] == [0, 1, 2]
    assert known.signal("go") is None
    assert known.signal("other") is None


def test_a_signal_that_was_taken_is_not_given_again():
    known = history(
        record("signal", {"name": "go", "payload": 1}),
        step("go", 1, verb="wait_for", result=1, signal=1),
        record("signal", {"name": "go", "payload": 2}),
    )
    assert known.signal("go") == (3, 2)


def test_only_what_is_new_is_taken_in():
    known = history(record("signal", {"name": "go", "payload": 1}))
    known.absorb(
        [
            (1, record("signal", {"name": "go", "payload": 1})),
            (2, record("signal", {"name": "go", "payload": 2})),
        ]
    )
    assert [known.signal("go")[1], known.signal("go")[1], known.signal("go")] == [1, 2, None]
    assert known.last == 2


def test_the_first_answer_counts():
    answers = [record("question", {"id": "q", "answer": text}) for text in (None, "first", "second")]
    assert history(*answers).answer("q")["answer"] == "first"
    assert history(answers[0]).answer("q") is None


# -- a call as text ------------------------------------------------------------------------

names = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12)
calls = st.builds(
    Call,
    st.sampled_from(["step", "retry", "ask"]),
    names,
    st.integers(1, 99),
    st.none() | names,
    st.just("") | names,
    st.none() | st.integers(1, 99),
)


@given(calls)
def test_a_call_comes_back_from_its_record(call):
    assert Call.of(call.data()).identity == call.identity
    assert Call.of(call.tag()).identity == call.identity
    assert Call.of(call.data()).position == call.position


@given(calls)
def test_a_path_is_one_line_of_bounded_length(call):
    deep = Call("step", "x" * 900, within=call.path)
    for path in (call.path, deep.path):
        assert "\n" not in path
        assert "\r" not in path
        assert len(path) <= LONGEST


def test_a_call_reads_well():
    told = [str(Call("step", "a")), str(Call("step", "a", 2)), str(Call("retry", "a", 1, "k"))]
    assert told == ["step 'a'", "step 'a' (number 2)", "retry 'a' with the key 'k'"]


# -- in order ------------------------------------------------------------------------------

RECORDED = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.sampled_from(["done", "failed", "done", "done", "cancelled"]),
        st.sampled_from(["plain", "plain", "plain", "key", "task", "begun", "signal"]),
    ),
    max_size=8,
)


def told(plan):
    """Return the records of a program that made these calls, one after the other."""
    found, counts, position = [], {}, 0
    for name, outcome, how in plan:
        counts[name] = counts.get(name, 0) + 1
        data = {"name": name, "occurrence": counts[name]}
        if how == "key":
            data = {"name": name, "key": f"k{len(found)}"}
        elif how != "task":
            position += 1
            data["position"] = position
        if how == "begun":
            found.append({"type": "step.started", "data": {**data, "attempt": 1}})
        extra = {"signal": 1} if how == "signal" else {}
        found.append({"type": "step", "data": {**data, **extra, "outcome": outcome, "result": len(found)}})
    return list(enumerate(found, 1))


class Settled(History):
    """A history that makes calls of everything at once."""

    def _put_ahead(self, records):
        return records


def said(history, call):
    """Return what a history says of a call."""
    try:
        past = history.find(call)
    except NonDeterminismError as error:
        return str(error)
    return None if past is None else (past.seq, past.outcome, past.data, list(past.begun))


@given(plan=RECORDED, asked=st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 9)), max_size=8))
def test_asked_in_order_or_not_a_history_says_the_same(plan, asked):
    """What is kept ahead, and only made a call of when it is asked for, changes nothing."""
    records = told(plan)
    quick, plain = History(records), Settled(records)
    assert str(quick.last_failure()) == str(plain.last_failure())
    for _, record in records:
        assert said(quick, Call.of(record["data"])) == said(plain, Call.of(record["data"]))
        assert quick.replaying == plain.replaying
    quick, plain = History(records), Settled(records)
    for place, (name, occurrence) in enumerate(asked, 1):
        call = Call("step", name, occurrence, None, "", place if occurrence % 2 else None)
        assert said(quick, call) == said(plain, call)
    assert quick.unrequested() == plain.unrequested()
    assert quick.last == plain.last == len(records)
