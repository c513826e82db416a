"""Strategies made from the schemas: valid documents, and what a careless hand makes of them."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import strategies as st

from ovn import schema

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(-1e9, 1e9) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=4,
)


def values(part: dict[str, Any], root: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Return a strategy for what the schema ``part`` allows; ``root`` holds its definitions."""
    if "$ref" in part:
        return values(root["$defs"][part["$ref"].removeprefix("#/$defs/")], root)
    if "const" in part:
        return st.just(part["const"])
    if "enum" in part:
        return st.sampled_from(part["enum"])
    if "anyOf" in part:
        return st.one_of([values(option, root) for option in part["anyOf"]])
    kinds = part.get("type")
    if kinds is None:
        return ANYTHING
    return st.one_of([_typed(kind, part, root) for kind in ([kinds] if isinstance(kinds, str) else kinds)])


def _typed(kind: str, part: dict[str, Any], root: dict[str, Any]) -> st.SearchStrategy[Any]:
    low, high = part.get("minimum"), part.get("maximum")
    if kind == "integer":
        return st.integers(-(10**12) if low is None else low, 10**12 if high is None else high)
    if kind == "number":
        low = part.get("exclusiveMinimum", low)
        exact = st.floats(low, 1e12 if high is None else high, exclude_min="exclusiveMinimum" in part)
        return exact | st.integers(1, 100)
    if kind == "string":
        return _string(part)
    if kind == "array":
        return st.lists(
            values(part.get("items", {}), root),
            min_size=part.get("minItems", 0),
            max_size=min(3, part.get("maxItems", 3)),
        )
    if kind == "object":
        return _object(part, root)
    return {"boolean": st.booleans(), "null": st.none()}[kind]


def _string(part: dict[str, Any]) -> st.SearchStrategy[str]:
    least, most = part.get("minLength", 0), part.get("maxLength", 10**6)
    if "pattern" not in part:
        return st.text(st.characters(codec="utf-8"), min_size=least, max_size=min(most, 20))
    return st.sampled_from(
        [text for text in SHAPED if re.search(part["pattern"], text) and least <= len(text) <= most]
    )


def _object(part: dict[str, Any], root: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    fields = {name: values(inner, root) for name, inner in part.get("properties", {}).items()}
    if not fields:
        return st.dictionaries(TEXT, ANYTHING, max_size=3)
    needed = set(part.get("required", ()))
    return st.fixed_dictionaries(
        {name: inner for name, inner in fields.items() if name in needed},
        optional={name: inner for name, inner in fields.items() if name not in needed},
    )


def records() -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy for journal records of every type."""
    root = dict(schema.schema("record"))
    envelope = {name: values(root["properties"][name], root) for name in ("at", "by")}

    def of(kind: str) -> st.SearchStrategy[dict[str, Any]]:
        data = values(root["$defs"][f"data.{kind}"], root)
        return st.fixed_dictionaries({**envelope, "type": st.just(kind), "data": data})

    return st.one_of([of(kind) for kind in root["properties"]["type"]["enum"]])


@pytest.fixture(scope="session")
def valid() -> Callable[[str], st.SearchStrategy[Any]]:
    """Return ``valid(schema name)``, a strategy for the values it allows."""
    made: dict[str, st.SearchStrategy[Any]] = {}

    def strategy(name: str) -> st.SearchStrategy[Any]:
        if name not in made:
            root = dict(schema.schema(name))
            made[name] = records() if name == "record" else values(root, root)
        return made[name]

    return strategy


SHAPED = (
    *("0" * 40, "0123456789abcdef" * 2 + "01234567", "f" * 64, "e" * 32, "7" * 32),
    *("2026-01-02", "2026-01-02T03:04:05.678Z", "1999-12-31T23:59:60.000Z", "9999-99-99T99:99:99.999Z"),
    *("a", "session-001", "A" * 64, "0.x_-", "session-001/0001", "A" * 64 + "/999999999999"),
    *("", "grün 日本", "tab\there", "\x1b[31m", "\u2028", "x" * 1000),
)
"""Texts for patterns; drawing them from the patterns themselves costs a minute a document."""

ODD = (
    None,
    True,
    False,
    0,
    1,
    -1,
    2,
    1.0,
    1.5,
    10**30,
    "",
    "x",
    "x\n",
    "\x00",
    "../x",
    "a" * 70,
    [],
    {},
    [[]],
)


def mutate(value: Any, source: random.Random) -> Any:
    """Return a copy of the JSON value with one to three things wrong, or at least different."""
    value = copy.deepcopy(value)
    for _ in range(source.randint(1, 3)):
        value = _mutate_once(value, source)
    return value


def _mutate_once(value: Any, source: random.Random) -> Any:
    places = list(_places(value))
    if not places or source.random() < 0.02:
        return source.choice(ODD)
    holder, key = source.choice(places)
    acts: tuple[Callable[[], Any], ...] = (
        lambda: holder.pop(key),
        lambda: holder.__setitem__(key, copy.deepcopy(source.choice(ODD))),
        lambda: holder.__setitem__(key, _nudged(holder[key], source)),
        lambda: _extend(holder, source),
    )
    source.choice(acts)()
    return value


def _extend(holder: Any, source: random.Random) -> None:
    odd = copy.deepcopy(source.choice(ODD))
    if isinstance(holder, dict):
        holder[source.choice(("extra", "version", "id", "", "data"))] = odd
    else:
        holder.append(odd)


def _nudged(value: Any, source: random.Random) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return source.choice((-value, value + 1, float(value), str(value)))
    if isinstance(value, float):
        return -value
    if isinstance(value, str):
        return source.choice((value + "\n", " " + value, value.upper(), value * 80, value[:-1]))
    return [value] if isinstance(value, dict) else {"0": value}


def _places(value: Any) -> Any:
    for key in (
        list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    ):
        yield value, key
        yield from _places(value[key])


@pytest.fixture(scope="session")
def spoil() -> Callable[[Any, random.Random], Any]:
    """Return ``spoil(value, random)``: a copy of a JSON value with something changed in it."""
    return mutate
