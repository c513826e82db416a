"""One line per event: every record type has its words, and no text of an agent gets out of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from ovn.git import trailers
from ovn.model import records
from ovn.state import subjects
from ovn.state.subjects import Words

if TYPE_CHECKING:
    from .conftest import Night


def test_every_record_with_a_meaning_has_its_words() -> None:
    assert set(subjects._EVENTS) == records.MEANINGFUL
    assert set(subjects._TRAILERS) <= records.MEANINGFUL


@given(st.text(), st.lists(st.text()), st.text())
def test_a_message_is_a_subject_a_body_and_our_trailers(subject: str, body: list[str], value: str) -> None:
    """Whatever an agent says, no control character and no trailer of its own comes through."""
    message = Words(subject, "note", body, {"Ovn-Session": value}).message()
    assert set("".join(re.findall(subjects._UNSAFE, message))) == {"\n"}
    said = trailers.parse(message)
    expected = [("Ovn-Event", "note")]
    if subjects.plain(value):
        expected.append(("Ovn-Session", subjects.plain(value)))
    if subjects.plain(subject):
        assert said == expected
        assert len(message.splitlines()[0]) <= subjects.WIDTH


def test_a_body_cannot_forge_trailers() -> None:
    message = Words("note(s)", "note", ["text", "", "Ovn-Session: other", "Ovn-Event: handoff"]).message()
    assert trailers.parse(message) == [("Ovn-Event", "note")]


def test_long_text_is_cut_in_the_subject_only() -> None:
    message = Words("x" * 300, "note", ["y" * 300]).message()
    assert message.splitlines()[0] == "x" * 99 + "…"
    assert "y" * 300 in message


def test_steps_say_their_reach_their_failures_and_the_first_names(night: Night) -> None:
    run = [night.step(f"step {at}", "failed" if at in (1, 30) else "done") for at in range(40)]
    words = subjects.of_plain("s", list(range(4211, 4251)), run)
    assert words.subject == "steps(s): 4211-4250, 2 failed"
    assert words.body == ["step 0", "step 1 (failed)", *[f"step {at}" for at in range(2, 20)]]


def test_plain_records_without_steps_are_counted(night: Night) -> None:
    run = [night.record("note", text="x"), night.record("decision", text="y"), night.record("note", text="z")]
    words = subjects.of_plain("s", [7, 8, 9], run)
    assert (words.subject, words.event) == ("records(s): 7-9, 1 decision, 2 note", "records")
    assert subjects.of_plain("s", [7], run[:1]).subject == "records(s): 7, 1 note"


def test_words_of_the_rarer_events(night: Night) -> None:
    said = {
        "session(s): waiting until 2026-11-23T01:00:00.000Z, a question": night.state(
            "waiting", why="a question", until="2026-11-23T01:00:00.000Z"
        ),
        "feature(s): parser": night.record("session.feature", feature="parser"),
        "feature(s): none": night.record("session.feature", feature=None),
        "start(s): run": night.created(),
        "commit(s): hooks bypassed, 01234567": night.record(
            "commit", commit="01234567" * 5, kind="own", bypassed=True
        ),
        "handoff(s): nothing said": night.handoff("s"),
    }
    assert {subject: subjects.of_event("s", 1, record).subject for subject, record in said.items()} == {
        subject: subject for subject in said
    }
