"""Documents against their schemas: read strictly, upgrade, validate, say what to mend.

``check`` is the fast way (the generated validators); when they refuse, and in ``fsck`` and
``import``, jsonschema itself speaks, whose errors name path and rule.
"""

from __future__ import annotations

import itertools
from functools import cache
from typing import TYPE_CHECKING, Any

from ovn import resources
from ovn.errors import FormatTooNew, InvalidDocument
from ovn.frozen import dataclass
from ovn.model import canonical, codec, documents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ovn.model.canonical import Json


@dataclass(frozen=True, slots=True)
class Problem:
    """One broken rule: where (``features[0].status``), which rule, and what would be right."""

    path: str
    rule: str
    fix: str

    def __str__(self) -> str:
        return f"{self.path or 'document'}: {self.fix}"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of document: its schema's name, its class, its newest version (0: none inside)."""

    schema: str
    cls: type
    version: int


_MOST_PROBLEMS = 50
"""A hostile document has a rule broken in each of its hundred thousand lines."""

KINDS: dict[str, Kind] = {
    "project": Kind("project", documents.Project, 0),
    "feature": Kind("feature", documents.Feature, 2),
    "session": Kind("session", documents.Session, 1),
    "handoff": Kind("handoff", documents.Handoff, 1),
    "operation": Kind("operation", documents.Operation, 1),
    "baseline": Kind("baseline", documents.Baseline, 1),
    "question": Kind("question", documents.Question, 1),
    "lease": Kind("lease", documents.Lease, 1),
    "run": Kind("run", documents.Run, 1),
    "layer": Kind("layer", documents.Layer, 1),
    "value": Kind("value", documents.Value, 1),
    "checkpoint": Kind("checkpoint", documents.Checkpoint, 0),
    "evidence": Kind("evidence", documents.Evidence, 0),
}


def _feature_1_to_2(old: dict[str, Json]) -> dict[str, Json]:
    """Version 1 had one verify command as text; version 2 has a list, and knows its age."""
    command = old.get("verify")
    unset = codec.encode(documents.Feature(version=2, id="", number=1, title="", created=""))
    return {**unset, **old, "version": 2, "verify": [command] if isinstance(command, str) and command else []}


UPGRADERS: dict[tuple[str, int], Callable[[dict[str, Json]], dict[str, Json]]] = {
    ("feature", 1): _feature_1_to_2,
}
"""(kind, version found) -> a pure function to the next version. State is upgraded as it is read."""


_FOLDERS = {
    "features": "feature",
    "operations": "operation",
    "questions": "question",
    "baseline": "baseline",
    "runs": "run",
}
_IN_SESSION = {"session.json": "session", "handoff.json": "handoff", "layer.json": "layer"}
_LAYERS = frozenset(("persistent", "long_term"))


def kind_of(path: str) -> str | None:
    """Return the kind of the document at that path of the state branch; None for what is none.

    The folder decides, not the file's name: a feature may be called ``session``.
    """
    folder, *rest = path.split("/")
    if path == "ovn.json":
        return "project"
    if folder in _FOLDERS and len(rest) == 1 and path.endswith(".json"):
        return _FOLDERS[folder]
    if folder == "layers" and len(rest) == 2 and rest[0] in _LAYERS and path.endswith(".json"):
        return "value"
    if (folder, len(rest)) in {("sessions", 2), ("ended", 3)}:
        return _IN_SESSION.get(rest[-1])
    return None


def load(kind: str, data: bytes, what: str) -> Any:
    """Return the document of ``kind`` in ``data``, upgraded to the newest version.

    ``what`` names it in errors. Raises InvalidDocument, FormatTooNew.
    """
    return from_json(kind, canonical.load(data, what), what)


def from_json(kind: str, value: Json, what: str) -> Any:
    """Return the document that the JSON value says; as ``load``."""
    newest = upgrade(kind, value, what)
    check(kind, newest, what)
    return codec.decode(KINDS[kind].cls, newest)


def dump(kind: str, document: Any, what: str) -> bytes:
    """Return the canonical bytes of a document, checked before it is written."""
    value = codec.encode(document)
    check(kind, value, what)
    return canonical.dump(value)


def upgrade(kind: str, value: Json, what: str) -> Json:
    """Return the value in the newest version. Raises FormatTooNew, InvalidDocument."""
    newest = KINDS[kind].version
    if not newest or not isinstance(value, dict):
        return value
    found = value.get("version")
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise InvalidDocument(
            f"{what}: version: a whole number from 1 to {newest} is needed, found {found!r}"
        )
    if found > newest:
        raise FormatTooNew(f"{what} has version {found}, this git ovn reads up to {newest}")
    while found < newest:
        value = UPGRADERS[kind, found](value)
        found += 1
    return value


def check(kind: str, value: Json, what: str) -> None:
    """Raise InvalidDocument with each broken rule unless the value obeys its schema."""
    from ovn.model import validators

    try:
        validators.VALIDATORS[KINDS[kind].schema](value)
    except validators.Invalid as error:
        found = list(problems(KINDS[kind].schema, value))
        if not found:  # the two must agree; if they do not, refuse and say so
            raise InvalidDocument(f"{what}: {error}") from error
        raise refusal(what, found) from error


def refusal(what: str, found: list[Problem]) -> InvalidDocument:
    """Return the error that lists what is wrong, the first in the sentence, the rest as facts."""
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return InvalidDocument(
        f"{what}: {found[0]}{more}",
        hint="; ".join(str(problem) for problem in found[1:4]) or None,
        problems=[{"path": problem.path, "rule": problem.rule, "fix": problem.fix} for problem in found],
    )


def problems(schema: str, value: Json) -> Iterator[Problem]:
    """Yield the broken rules of ``schemas/<schema>.schema.json``, at most 50, by their path."""
    from jsonschema.exceptions import best_match

    try:
        errors = list(itertools.islice(_validator(schema).iter_errors(value), _MOST_PROBLEMS))
    except RecursionError:
        yield Problem("", "depth", "nested too deeply")
        return
    for error in sorted(errors, key=lambda error: [_sortable(part) for part in error.absolute_path]):
        deepest = best_match([error]) or error
        yield Problem(_path(deepest.absolute_path), str(deepest.validator), _fix(deepest))


@cache
def schema(name: str) -> Mapping[str, Json]:
    """Return a shipped schema, e.g. ``schema("feature")``."""
    value: Mapping[str, Json] = canonical.load(resources.read("schemas", f"{name}.schema.json"), name)
    return value


@cache
def _validator(name: str) -> Any:
    """jsonschema, but 1.0 is no whole number, and a list that is too long is not looked through."""
    from jsonschema import Draft202012Validator, ValidationError, validators

    types = Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    each = Draft202012Validator.VALIDATORS["items"]

    def items(validator: Any, rule: Json, value: Json, schema: Mapping[str, Json]) -> Iterator[Any]:
        if not isinstance(value, list) or len(value) <= schema.get("maxItems", len(value)):
            yield from each(validator, rule, value, schema)

    def const(_: Any, wanted: Json, value: Json, __: Mapping[str, Json]) -> Iterator[Any]:
        if type(value) is not type(wanted) or value != wanted:
            yield ValidationError(f"{wanted!r} was expected")

    rules = {"items": items, "const": const}
    extended: Any = validators.extend(Draft202012Validator, rules, type_checker=types)  # type: ignore[no-untyped-call]
    return extended(schema(name))


def _sortable(part: str | int) -> tuple[int, str]:
    return (part, "") if isinstance(part, int) else (-1, part)


def _path(parts: Any) -> str:
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def _fix(error: Any) -> str:
    """Return what would be right, in one line without the offending value's bulk."""
    rule, wanted, found = error.validator, error.validator_value, error.instance
    words: dict[str, Callable[[], str]] = {
        "required": lambda: f"the field {_missing(error)} is missing",
        "additionalProperties": lambda: f"unknown field {_unknown(error)}; known are {_names(error)}",
        "enum": lambda: f"must be one of {', '.join(map(repr, wanted))}, not {_short(found)}",
        "const": lambda: f"must be {wanted!r}, not {_short(found)}",
        "type": lambda: f"must be {_type(wanted)}, not {_short(found)}",
        "pattern": lambda: f"{_short(found)} does not match {wanted}",
        "minLength": lambda: "must not be empty",
        "maxLength": lambda: f"is longer than {wanted} characters",
        "minimum": lambda: f"must be at least {wanted}, not {_short(found)}",
        "maximum": lambda: f"must be at most {wanted}, not {_short(found)}",
        "exclusiveMinimum": lambda: f"must be more than {wanted}, not {_short(found)}",
        "maxItems": lambda: f"has more than {wanted} items",
        "anyOf": lambda: f"must be {_choices(error)}, not {_short(found)}",
        "minItems": lambda: f"needs at least {wanted} items",
    }
    return words[rule]() if rule in words else f"breaks the rule '{rule}'"


def _missing(error: Any) -> str:
    """Return the missing field's name, which jsonschema gives only in its sentence."""
    return str(error.message).removesuffix(" is a required property")


def _unknown(error: Any) -> str:
    known = error.schema.get("properties", {})
    unknown = [name for name in error.instance if name not in known]
    more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
    return ", ".join(_short(name) for name in unknown[:3]) + more


def _names(error: Any) -> str:
    return ", ".join(error.schema.get("properties", {}))


def _type(wanted: str | list[str]) -> str:
    plain = {"object": "a mapping", "array": "a list", "string": "a text", "integer": "a whole number"}
    plain |= {"number": "a number", "boolean": "true or false", "null": "null"}
    return " or ".join(plain[name] for name in ([wanted] if isinstance(wanted, str) else wanted))


def _choices(error: Any) -> str:
    """Return the types that the alternatives wanted, or as much as can be said."""
    wanted = [part.validator_value for part in error.context if part.validator == "type"]
    return _type(list(dict.fromkeys(wanted))) if wanted else "as one of its alternatives says"


def _short(value: Json) -> str:
    text = repr(value[:61] if isinstance(value, (str, list)) else value)
    return text if len(text) <= 60 else text[:57] + "..."
