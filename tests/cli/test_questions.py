"""note, ask, questions, answer."""

from __future__ import annotations

import pytest


@pytest.fixture
def shift(ovn, repo):
    """Return ``ovn`` where a shift is at work."""
    ovn("init", "--project", "demo", "--no-hooks")
    repo.commit("set up")
    ovn("start", "session-001")
    return ovn


def test_a_note_is_in_the_session_and_in_its_briefing(shift):
    shift("note", "the grammar is in PEG")
    assert shift("session", "show", "session-001", "--json").json["session"]["notes"] == [
        "the grammar is in PEG"
    ]
    assert "Note: the grammar is in PEG" in shift("resume").out


def test_a_note_holds_no_secret(shift):
    assert shift("note", "token=ghp_" + "a" * 36, "--json").json["note"] == "token=[redacted]"


@pytest.mark.parametrize("verb", ["note", "ask"])
def test_nothing_said_is_no_note_and_no_question(shift, verb):
    assert "needs a text" in shift(verb, "  ", code=129).err


def test_a_question_waits_until_a_person_answers(shift):
    asked = shift("ask", "which dialect?", "--option", "ansi", "--option", "gnu", "--json").json["question"]
    (waits,) = shift("questions", "--json").json["questions"]
    assert (waits["id"], waits["session"], waits["answer"]) == (asked["id"], "session-001", None)
    assert shift("answer", asked["id"], "2").out == f"{asked['id']}  gnu\n"
    assert shift("questions", "--json").json["questions"] == []
    assert shift("questions", "--all", "--json").json["questions"][0]["author"] == "person"
    assert "was answered" in shift("answer", asked["id"], "1", code=1).err


def test_a_session_does_not_answer_itself(shift, monkeypatch):
    asked = shift("ask", "may I?", "--json").json["question"]
    monkeypatch.setenv("OVN_SESSION", "session-001")
    assert "does not answer its own" in shift("answer", asked["id"], "yes", code=1).err
