"""Frozen dataclass <-> JSON value, by the annotations alone.

Covers what the documents use: scalars, ``X | None``, ``str | tuple[str, ...]``,
``tuple[X, ...]``, ``dict[str, X]``, nested dataclasses and ``Json``. The schema has spoken
before ``decode`` is asked, so a mismatch here is a defect of ours, not of the document.
"""

from __future__ import annotations

import types
import typing
from functools import cache
from typing import Any

from ovn.frozen import is_dataclass
from ovn.model.canonical import Json  # noqa: TC001 - the annotations are read at run time


def encode(value: Any) -> Json:
    """Return the JSON value of a document or of a part of one."""
    if is_dataclass(value):
        return {name: encode(getattr(value, name)) for name in value.__match_args__}
    if isinstance(value, (tuple, list)):
        return [encode(item) for item in value]
    if isinstance(value, dict):
        return {key: encode(item) for key, item in value.items()}
    return value


def decode(cls: Any, value: Json) -> Any:
    """Return the ``cls`` that ``value`` says; keys without a field are an error."""
    kind, inner = _shape(cls)
    if value is None or kind == "scalar":
        return value
    if kind == "tuple" and isinstance(value, str):  # a command: a text, or a list of them
        return value
    if kind == "tuple":
        return tuple(decode(inner, item) for item in value)
    if kind == "dict":
        return {key: decode(inner, item) for key, item in value.items()}
    return inner(**value | {key: decode(hint, value[key]) for key, hint in _deep(inner) if key in value})


@cache
def _shape(cls: Any) -> tuple[str, Any]:
    origin = typing.get_origin(cls)
    args = typing.get_args(cls)
    if origin in (types.UnionType, typing.Union):
        shapes = [_shape(arg) for arg in args]
        return next((shape for shape in shapes if shape[0] != "scalar"), ("scalar", None))
    if origin is tuple:
        return "tuple", args[0]
    if origin is dict:
        return "dict", args[1]
    return ("dataclass", cls) if is_dataclass(cls) else ("scalar", None)


@cache
def _deep(cls: Any) -> list[tuple[str, Any]]:
    """Return the fields that are more than a scalar, with their hints: few of them are."""
    return [(key, hint) for key, hint in typing.get_type_hints(cls).items() if _shape(hint)[0] != "scalar"]
