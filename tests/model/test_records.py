"""Journal records: constructors that check, one table of types."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovn import schema
from ovn.errors import InvalidDocument
from ovn.model import records, validators

AT = "2026-01-02T03:04:05.000Z"


def test_table_schema_and_validators_know_the_same_types():
    found = schema.schema("record")
    assert sorted(records.TYPES) == found["properties"]["type"]["enum"] == sorted(validators.RECORDS)
    assert {f"data.{kind}" for kind in records.TYPES} == {
        key for key in found["$defs"] if key.startswith("data.")
    }
    assert list(records.WRITERS) == found["properties"]["by"]["enum"]


def test_a_record_of_each_type_is_held_to_the_definition_of_that_type():
    rules = {
        rule["if"]["properties"]["type"]["const"]: rule["then"]["properties"]["data"]["$ref"]
        for rule in schema.schema("record")["allOf"]
    }
    assert {kind: f"#/$defs/data.{kind}" for kind in records.TYPES} == rules


@settings(max_examples=100)
@given(data=st.data())
def test_a_record_is_made_and_written_on_one_line(valid, data):
    wanted = data.draw(valid("record"))
    made = records.make(wanted["type"], wanted["data"], at=wanted["at"], by=wanted["by"])
    line = records.payload(made)
    assert b"\n" not in line
    assert wanted == json.loads(line)


@pytest.mark.parametrize(
    ("kind", "data", "words"),
    [
        # no clock goes so far back
        ("step", {"name": "s", "outcome": "done", "seconds": 1e300}, "record 'step': data.seconds must be"),
        ("note", {}, "record 'note': data must contain ['text']"),
        ("note", {"text": 5}, "record 'note': data.text must be string"),
        ("note", {"text": "a", "more": 1}, "record 'note': data must not contain ['more'] properties"),
        ("commit", {"commit": "abc", "kind": "own"}, "record 'commit': data.commit must match pattern"),
        ("nothing", {}, "record 'nothing': data.type must be one of"),
        ("note", "text", "record 'note': data.data must be object"),
    ],
)
def test_a_wrong_record_is_refused_naming_the_field(kind, data, words):
    with pytest.raises(InvalidDocument) as refusal:
        records.make(kind, data, at=AT, by="agent")
    assert str(refusal.value).startswith(words)


@pytest.mark.parametrize(("field", "value"), [("at", "yesterday"), ("at", AT + "\n"), ("by", "nobody")])
def test_a_wrong_envelope_is_refused(field, value):
    with pytest.raises(InvalidDocument, match=f"record 'note': data.{field} must"):
        records.make("note", {"text": "a"}, **{"at": AT, "by": "agent", field: value})


@pytest.mark.parametrize("record", [None, [], "note", {}, {"type": []}, {"type": {}, "data": 1}])
def test_what_is_no_record_at_all_is_refused_by_our_own_error(record):
    with pytest.raises(InvalidDocument):
        records.validate(record)
