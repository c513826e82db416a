"""The registry as a file: written for people, read from earlier layouts, never done by a word."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn import schema
from ovn.errors import InvalidDocument, OvnError, Refused, UsageError
from ovn.features import PERSON, Actor, exchange, progress
from ovn.model.documents import Command, Evidence, Feature, Phase

AT = "2026-01-02T03:04:05.000Z"
EVIDENCE = Evidence("a", AT, True, "0" * 40, "1" * 40, None, (Command("true", 0, 0.1, "ok", "2" * 64),))


def feature(name, number=1, **fields):
    return Feature(2, name, number, f"the {name}", AT, **fields)


def registry(*found):
    return {one.id: one for one in found}


def plan(data, known=None, actor=PERSON):
    if not isinstance(data, bytes):
        data = data.encode() if isinstance(data, str) else json.dumps(data).encode()
    return exchange.plan(exchange.read(data, "a file"), known or {}, actor, AT)


FULL = registry(
    feature("a", 1, priority="P0", status="done", completed=2, started=AT, finished=AT, evidence=EVIDENCE),
    feature("b", 2, priority="P0", status="done", completed=1, verify=("x", ("y", "z")), paths=("src/**",)),
    feature(
        "c", 3, description="two\nlines", category="parsing", depends_on=("a",), phases=(Phase("p", True),)
    ),
    feature("d", 4, status="blocked", reason="why", claimed=True, attempts=3),
)


# -- export ------------------------------------------------------------------------------------


def test_people_see_days_and_not_numbers_and_completed_in_their_order():
    found = exchange.registry("demo", FULL.values())
    assert (found["project"], found["version"], found["completed_features"]) == ("demo", "1.0.0", ["b", "a"])
    assert [one["id"] for one in found["features"]] == ["a", "b", "c", "d"]
    assert found["features"][0]["started"] == "2026-01-02"
    assert set(found["features"][2]) == {
        *("id", "title", "status", "priority", "started", "depends_on", "phases", "verify", "paths"),
        *("evidence", "claimed", "attempts", "description", "category", "finished", "green_before", "reason"),
    }


def test_what_is_exported_obeys_its_schema():
    assert list(schema.problems("registry", exchange.registry("demo", FULL.values()))) == []


def test_what_is_exported_and_imported_changes_nothing():
    found = plan(exchange.registry("demo", FULL.values()), FULL)
    assert (found.added, found.changed, found.unchanged) == ((), (), 4)


def test_the_progress_file_of_a_registry_changes_nothing_when_imported():
    text = progress.render(progress.of(FULL.values(), session="s", goal="g"))
    found = plan(text, FULL)
    assert (found.added, found.changed, found.unchanged) == ((), (), 4)


def test_imported_elsewhere_it_is_the_same_but_for_what_only_evidence_can_say():
    found = plan(exchange.registry("demo", FULL.values()))
    assert [one.id for one in found.added] == ["a", "b", "c", "d"]
    a, b, c, d = found.added
    assert [(one.status, one.claimed, one.evidence) for one in (a, b)] == [("pending", True, None)] * 2
    assert (b.verify, b.paths) == (FULL["b"].verify, FULL["b"].paths)
    assert (c.description, c.category, c.depends_on, c.phases) == (
        "two\nlines",
        "parsing",
        ("a",),
        FULL["c"].phases,
    )
    assert (d.status, d.reason, d.claimed) == ("blocked", "why", True)


# -- the layouts -------------------------------------------------------------------------------


def test_the_contracts_own_sample_is_read():
    sample = {
        "project": "trading-bot", "version": "1.0.0",
        "features": [{"id": "overnight-refactor", "title": "…", "status": "in_progress", "priority": "P0",
                      "started": "2025-12-06", "depends_on": [],
                      "phases": [{"name": "state_consolidation", "complete": True}],
                      "verify": ["pytest -q tests/test_x.py"], "paths": ["src/**"],
                      "evidence": None, "claimed": False, "attempts": 0}],
        "completed_features": [],
    }  # fmt: skip
    [found] = plan(sample).added
    assert (found.id, found.title, found.status, found.priority) == (
        "overnight-refactor",
        "…",
        "pending",
        "P0",
    )
    assert found.verify == ("pytest -q tests/test_x.py",)


def test_an_earlier_registry_with_other_words_is_read():
    sample = {
        "features": [
            {"name": "Login page", "status": "Completed", "priority": "high", "dependencies": []},
            {
                "id": "logout",
                "status": "on-hold",
                "priority": 2,
                "phases": ["one"],
                "verify": "make test",
                "extra": 1,
            },
            {"id": "old", "title": "Old one"},
        ],
        "completed_features": ["old"],
    }
    login, logout, old = plan(sample).added
    assert (login.id, login.title, login.priority, login.claimed) == ("Login-page", "Login-page", "P1", True)
    assert (logout.status, logout.reason) == ("blocked", "blocked in the imported file")
    assert (logout.priority, logout.phases, logout.verify) == ("P2", (Phase("one"),), ("make test",))
    assert (old.title, old.claimed, old.status) == ("Old one", True, "pending")


ANTHROPIC = [
    {"category": "functional", "description": "New chat button creates a fresh conversation",
     "steps": ["Navigate to main interface", "Click 'New Chat'"], "passes": False},
    {"category": "style", "description": "Buttons are round", "steps": [], "passes": True},
]  # fmt: skip


def test_anthropics_list_is_read():
    first, second = plan(ANTHROPIC).added
    assert first.id.startswith("new-chat-button-creates-a-fresh-conversa-")
    assert first.title == "New chat button creates a fresh conversation"
    assert first.description.endswith("\n1. Navigate to main interface\n2. Click 'New Chat'")
    assert (first.category, first.status, first.claimed) == ("functional", "pending", False)
    assert (second.id, second.status, second.claimed) == ("buttons-are-round", "pending", True)


def test_a_progress_file_is_read():
    text = "# Goal: g\n\n## CATEGORY 1: parsing (P0)\n- [x] lexer: reads numbers\n- [ ] Read it all!\n"
    lexer, read = plan(text).added
    assert (lexer.id, lexer.title, lexer.category, lexer.priority) == (
        "lexer",
        "reads numbers",
        "parsing",
        "P0",
    )
    assert (lexer.status, lexer.claimed) == ("pending", True)
    assert (read.id, read.title, read.claimed) == ("read-it-all", "Read it all!", False)


@pytest.mark.parametrize(
    "data", [ANTHROPIC, "- [x] a: b\n- [ ] c d e f\n- [ ] 日本\n", {"features": [{"id": "x"}]}]
)
def test_importing_twice_changes_nothing_the_second_time(data):
    known = registry(*plan(data).added)
    again = plan(data, known)
    assert (again.added, again.changed, again.unchanged) == ((), (), len(known))


def test_two_descriptions_that_make_one_id_get_two():
    first, second = plan([{"description": "Fix it!"}, {"description": "Fix it?"}]).added
    assert first.id == "fix-it"
    assert second.id.startswith("fix-it-")


# -- what it changes ---------------------------------------------------------------------------


def test_a_status_that_is_there_stays_and_named_fields_change():
    known = registry(feature("a", status="done", evidence=EVIDENCE, priority="P0"))
    found = plan({"features": [{"id": "a", "title": "another", "status": "pending"}]}, known)
    [(changed, fields)] = found.changed
    assert (changed.title, changed.status, changed.evidence, changed.priority) == (
        "another",
        "done",
        EVIDENCE,
        "P0",
    )
    assert fields == ("title",)
    assert found.documents == {"features/a.json": changed}


def test_in_a_session_an_import_may_add_but_not_move_the_goal():
    agent = Actor("agent", "s1", guarded=True)
    known = registry(feature("a", verify=("pytest",)))
    assert plan({"features": [{"id": "b", "title": "b"}]}, known, agent).added
    with pytest.raises(Refused, match="cannot be given another verify"):
        plan({"features": [{"id": "a", "title": "the a", "verify": ["true"]}]}, known, agent)


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        ({"features": [{"id": "a", "depends_on": ["x"]}]}, UsageError, "depends on 'x', which does not"),
        ({"features": [{"id": "a", "depends_on": ["a"]}]}, UsageError, "in a circle: a -> a"),
        ({"features": [{"id": "a"}, {"id": "a"}]}, InvalidDocument, "the feature 'a' stands twice"),
        ({"features": [5]}, InvalidDocument, "a file: features[0]: must be a mapping, not int"),
        ({"features": [{}]}, InvalidDocument, "a file: features[0]: the field 'id' is missing"),
        ({"features": [{"id": "///"}]}, InvalidDocument, "a file: features[0]: id: nothing is left of '///'"),
        ({"features": {}}, InvalidDocument, "a file: features: a list is needed"),
        ({}, InvalidDocument, "a file: features: a list is needed"),
        ({"features": [{"id": "a", "priority": "urgent"}]}, InvalidDocument, "priority: must be one of P0"),
        ({"features": [{"id": "a", "verify": 5}]}, InvalidDocument, "verify: must be a list, not int"),
        ({"features": [{"id": "a", "verify": [5]}]}, InvalidDocument, "feature 'a': verify[0]"),
        ({"features": [{"id": "a", "paths": [None]}]}, InvalidDocument, "feature 'a': paths[0]"),
        ({"features": [{"id": "a", "phases": [1]}]}, InvalidDocument, "phases: must be a mapping"),
        ([{"steps": []}], InvalidDocument, "a file: [0]: the field 'description' is missing"),
        ([{"description": " "}], InvalidDocument, "a file: [0]: the field 'description' must be a text"),
        ('[{"a": 1, "a": 2}]', InvalidDocument, "the key 'a' stands twice"),
        (b"\xff- [ ] x", InvalidDocument, "a file: not UTF-8 at byte 0"),
        ("[" * 100, InvalidDocument, "nested deeper"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_is_refused(data, error, words):
    with pytest.raises(error) as refusal:
        plan(data)
    assert words in str(refusal.value)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["a", "P0", "done"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "title", "status", "verify", "phases", "priority", "depends_on", "steps", "passes"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(VALUES, st.booleans())
def test_any_file_is_read_or_refused_in_our_own_words(value, wrapped):
    value = {"features": value} if wrapped else [value]
    try:
        found = plan(value)
    except OvnError:
        return
    assert all(one.status != "done" and one.evidence is None for one in found.added)
