"""The documents: classes, codec and schemas say the same thing."""

from __future__ import annotations

import dataclasses
import json
import typing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovn import resources, schema
from ovn.model import codec, documents

pytestmark = pytest.mark.unmeasured

KINDS = sorted(schema.KINDS)
NAMES = sorted(path.name.removesuffix(".schema.json") for path in resources.path("schemas").glob("*.json"))

LATER = {"session": ("private",), "run": ("tokens", "onto", "watch")}
"""Fields that a document of the same version may lack: those written before have none."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_has_exactly_the_fields_of_its_class(kind):
    found = schema.schema(schema.KINDS[kind].schema)
    fields = [field.name for field in dataclasses.fields(schema.KINDS[kind].cls)]
    assert fields == list(found["properties"])
    assert [name for name in fields if name not in LATER.get(kind, ())] == found["required"]
    assert found["additionalProperties"] is False


def parts() -> dict[str, type]:
    """Return the classes that stand inside documents, by the name of their definition."""
    classes = [cls for cls in vars(documents).values() if dataclasses.is_dataclass(cls)]
    return {cls.__name__.lower(): cls for cls in classes}


@pytest.mark.parametrize("name", NAMES)
def test_a_definition_inside_a_schema_has_exactly_the_fields_of_its_class(name):
    classes = parts()
    for key, definition in schema.schema(name).get("$defs", {}).items():
        if key in classes and definition.get("type") == "object":
            fields = [field.name for field in dataclasses.fields(classes[key])]
            assert sorted(fields) == sorted(definition["properties"]), key


def test_a_definition_says_the_same_in_every_schema():
    """Each schema stands alone, so that it can be read alone; the copies must not drift."""
    seen: dict[str, tuple[str, object]] = {}
    for name in NAMES:
        for key, definition in schema.schema(name).get("$defs", {}).items():
            first, said = seen.setdefault(key, (name, definition))
            assert said == definition, f"{key!r} in {name} is not what it is in {first}"


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_a_valid_schema_with_its_own_name_and_version(name):
    from jsonschema import Draft202012Validator

    found = schema.schema(name)
    Draft202012Validator.check_schema(found)
    kind, version = found["$id"].removeprefix("urn:git-ovn:schema:").split(":")
    assert (name, True) == (kind, version.isdigit())
    if name in schema.KINDS and schema.KINDS[name].version:
        assert schema.KINDS[name].version == int(version) == found["properties"]["version"]["const"]


@pytest.mark.parametrize("name", NAMES)
def test_every_pattern_is_closed_at_its_true_end(name):
    """``$`` also matches before a last newline, in Python and so in jsonschema."""
    patterns = [
        part["pattern"] for part in _walk(schema.schema(name)) if isinstance(part.get("pattern"), str)
    ]
    assert [pattern for pattern in patterns if not pattern.endswith("(?![\\s\\S])")] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_list_and_every_text_has_a_limit_said_before_its_items(name):
    """Before, because validators read the rules in order: 500,000 items fail at the first rule."""
    for part in _walk(schema.schema(name)):
        if part.get("type") == "array":
            assert list(part).index("maxItems") < list(part).index("items")
        if part.get("type") == "string":
            assert "maxLength" in part or part["pattern"].count("{") or "time" in str(part)


def _walk(part: object):
    if isinstance(part, dict):
        yield part
        for inner in part.values():
            yield from _walk(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _walk(inner)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60)
@given(data=st.data())
def test_a_document_comes_back_from_its_bytes_as_it_was(kind, valid, data):
    value = data.draw(valid(schema.KINDS[kind].schema))
    document = schema.from_json(kind, value, "it")
    written = schema.dump(kind, document, "it")
    assert document == schema.load(kind, written, "it")
    assert written == schema.dump(kind, schema.load(kind, written, "it"), "it")
    assert _with_unset(value, json.loads(written)) == json.loads(written)


def _with_unset(value: object, written: object) -> object:
    """Return ``value`` with the optional fields that it left out, which are written as null or empty."""
    if isinstance(value, list) and isinstance(written, list):
        return [_with_unset(*pair) for pair in zip(value, written, strict=True)]
    if not isinstance(value, dict) or not isinstance(written, dict):
        return value
    unset = {key: written[key] for key in written if key not in value and not written[key]}
    return unset | {key: _with_unset(inner, written.get(key)) for key, inner in value.items()}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20)
@given(data=st.data())
def test_what_a_document_holds_has_the_types_its_class_says(kind, valid, data):
    document = schema.from_json(kind, data.draw(valid(schema.KINDS[kind].schema)), "it")
    _check_types(document)


def _check_types(document: object) -> None:
    hints = typing.get_type_hints(type(document))
    for field in dataclasses.fields(document):
        _check_type(getattr(document, field.name), hints[field.name], field.name)


def _check_type(value: object, hint: object, where: str) -> None:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        assert isinstance(value, hint), where
        _check_types(value)
    elif origin is tuple:
        assert isinstance(value, tuple), where
        for item in value:
            _check_type(item, args[0], where)
    elif origin is dict:
        assert isinstance(value, dict), where
    elif args:
        assert any(_fits(value, option, where) for option in args), where
    elif hint is float:
        assert isinstance(value, (int, float)) and not isinstance(value, bool), where
    elif hint is not typing.Any:
        assert type(value) is hint, where


def _fits(value: object, hint: object, where: str) -> bool:
    try:
        _check_type(value, hint, where)
    except AssertionError:
        return False
    return True


def test_a_document_cannot_be_changed():
    project = documents.Project(1, "0" * 32, "demo", "2026-01-02T03:04:05.000Z")
    with pytest.raises(dataclasses.FrozenInstanceError):
        project.project = "other"


def test_a_class_of_the_model_is_frozen_and_slotted():
    for cls in parts().values():
        one = object.__new__(cls)
        with pytest.raises(dataclasses.FrozenInstanceError):
            one.anything = 1
        assert not hasattr(cls, "__dict__") or "__dict__" not in dir(cls), cls


def test_encode_turns_tuples_into_lists_all_the_way_down():
    feature = documents.Feature(2, "f1", 1, "a", "t", verify=("true", ("pytest", "-q")))
    assert codec.encode(feature)["verify"] == ["true", ["pytest", "-q"]]
    assert feature == codec.decode(documents.Feature, codec.encode(feature))
