"""Step results as JSON, and back as what they were.

Beyond JSON's own values: dataclasses, ``Path``, ``datetime``, ``date``, ``timedelta``,
``bytes``, ``tuple``, ``set``, ``frozenset``, ``Decimal``, ``UUID``, enums, and dicts whose keys
are no strings, each as ``{"$ovn": kind, ...}``. ``register_result`` adds others. A plain dict that has
the key ``$ovn`` is wrapped, so that nothing is mistaken for a tag.
"""

from __future__ import annotations

import base64
import dataclasses
import enum
import importlib
import math
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path, PurePath
from typing import Any
from uuid import UUID

from ovn.errors import InvalidDocument
from ovn.model.canonical import Json

TAG = "$ovn"
MAX_DEPTH = 56
"""Levels of a result; a record around it has some of its own, and readers stop at 64."""

MAX_DIGITS = 400
"""Digits of a whole number that readers take (``ovn.model.canonical``)."""

Codec = tuple[Callable[[Any], Json], Callable[[Json], Any]]

_CODECS: dict[str, tuple[type, Codec]] = {}
_KINDS: dict[type, str] = {}


def register_result(
    kind: str, cls: type, encode: Callable[[Any], Json], decode: Callable[[Json], Any]
) -> None:
    """Let step results hold values of ``cls`` (exactly; subclasses register themselves).

    ``encode`` returns a value that this module can encode in turn; ``decode`` takes it back.
    Replaying a program needs the same registrations. Raises ValueError for a kind in use.
    """
    if kind in _CODECS and _CODECS[kind][0] is not cls:
        raise ValueError(f"the kind {kind!r} is registered for {_CODECS[kind][0].__name__}")
    _CODECS[kind] = (cls, (encode, decode))
    _KINDS[cls] = kind


def encode(value: Any, what: str = "result") -> Json:
    """Return the JSON value; raises InvalidDocument naming the place of what cannot be said.

    A value that is JSON already comes back as it is, not copied.
    """
    return value if _is_plain(value) else _encode(value, what, 0)


def decode(value: Json) -> Any:
    """Return what ``encode`` was given; raises InvalidDocument for a tag nobody registered."""
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    kind = value.get(TAG)
    if kind is None:
        return {key: decode(item) for key, item in value.items()}
    if kind in _WRAPPED:
        return _WRAPPED[kind](value)
    if kind not in _CODECS:
        raise InvalidDocument(
            f"a recorded result has the kind {kind!r}, which this program does not know",
            hint="register it with ovn.register_result before the session starts",
        )
    return _CODECS[kind][1][1](decode(value["value"]))


def _is_plain(value: Any, depth: int = 0) -> bool:
    """Tell whether a value is JSON of exactly the types that come back; almost all are."""
    kind = type(value)
    if kind in _PLAIN:
        return _PLAIN[kind](value)
    if depth >= MAX_DEPTH:
        return False
    if kind is list:
        return all(_is_plain(item, depth + 1) for item in value)
    return (
        kind is dict
        and TAG not in value
        and all(type(key) is str and _is_text(key) for key in value)
        and all(_is_plain(item, depth + 1) for item in value.values())
    )


def _is_text(value: str) -> bool:
    if value.isascii():
        return True
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair, as in a path that is not UTF-8
        return False
    return True


def _is_short(value: int) -> bool:
    return value.bit_length() < _MANY_BITS or abs(value) < 10**MAX_DIGITS


_MANY_BITS = 1000
"""Fewer than MAX_DIGITS digits have, without computing a power."""

_PLAIN: dict[type, Callable[[Any], bool]] = {
    str: _is_text,
    int: _is_short,
    float: math.isfinite,
    bool: lambda _: True,
    type(None): lambda _: True,
}


def _encode(value: Any, what: str, depth: int) -> Json:
    if depth > MAX_DEPTH:
        raise InvalidDocument(f"{what}: nested deeper than {MAX_DEPTH}")
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind in _SCALARS:
        return _SCALARS[kind](value, what)
    if kind is list:
        return [_encode(item, f"{what}[{n}]", depth + 1) for n, item in enumerate(value)]
    if kind is dict:
        return _dict(value, what, depth)
    return _tagged(value, what, depth)


def _text(value: str, _: str) -> Json:
    if _is_text(value):
        return value
    return {TAG: "str", "value": base64.b64encode(value.encode("utf-8", "surrogatepass")).decode("ascii")}


def _int(value: int, what: str) -> Json:
    if not _is_short(value):
        raise InvalidDocument(f"{what}: a whole number of more than {MAX_DIGITS} digits")
    return value


def _float(value: float, what: str) -> Json:
    if not math.isfinite(value):
        raise InvalidDocument(f"{what}: {value} is not JSON", hint="return None or a text instead")
    return value


_SCALARS: dict[type, Callable[[Any, str], Json]] = {str: _text, int: _int, float: _float}


def _dict(value: dict[Any, Any], what: str, depth: int) -> Json:
    if any(type(key) is not str or not _is_text(key) for key in value):
        pairs = [
            [_encode(key, f"{what}'s key", depth + 3), _encode(item, f"{what}[{key!r}]", depth + 3)]
            for key, item in value.items()
        ]
        return {TAG: "map", "value": pairs}
    inner = depth + 2 if TAG in value else depth + 1
    plain = {key: _encode(item, f"{what}.{key}", inner) for key, item in value.items()}
    return {TAG: "dict", "value": plain} if TAG in plain else plain


def _tagged(value: Any, what: str, depth: int) -> Json:
    cls = type(value)
    if cls in _KINDS:
        kind = _KINDS[cls]
        return {TAG: kind, "value": _encode(_CODECS[kind][1][0](value), what, depth + 1)}
    if isinstance(value, enum.Enum):
        return {TAG: "enum", "class": _name(cls, what), "value": _encode(value.value, what, depth + 1)}
    if dataclasses.is_dataclass(value):
        fields = {
            field.name: _encode(getattr(value, field.name), f"{what}.{field.name}", depth + 2)
            for field in dataclasses.fields(value)
        }
        return {TAG: "dataclass", "class": _name(cls, what), "value": fields}
    if isinstance(value, PurePath):
        return {TAG: "path", "value": _text(str(value), what)}
    raise InvalidDocument(
        f"{what}: {cls.__module__}.{cls.__qualname__} is not JSON",
        hint="return plain values, or register the class with ovn.register_result",
    )


def _name(cls: type, what: str) -> str:
    if "<" in cls.__qualname__:
        raise InvalidDocument(
            f"{what}: the class {cls.__qualname__} is local to a function, a replay cannot find it"
        )
    return f"{cls.__module__}:{cls.__qualname__}"


def _named(name: str) -> Any:
    """Return the class of that name; only dataclasses and enums are ever looked up."""
    module, _, path = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise InvalidDocument(f"a recorded result is a {name!r}, which this program does not have") from error
    if not (isinstance(found, type) and (dataclasses.is_dataclass(found) or issubclass(found, enum.Enum))):
        raise InvalidDocument(f"a recorded result names {name!r}, which is no dataclass and no enum")
    return found


def _dataclass(value: dict[str, Json]) -> Any:
    cls = _named(value["class"])
    made = object.__new__(cls)
    for name, item in value["value"].items():  # as it was recorded: __init__ may compute or refuse
        object.__setattr__(made, name, decode(item))
    return made


_WRAPPED: dict[str, Callable[[dict[str, Json]], Any]] = {
    "dict": lambda value: {key: decode(item) for key, item in value["value"].items()},
    "map": lambda value: {decode(key): decode(item) for key, item in value["value"]},
    "str": lambda value: base64.b64decode(value["value"]).decode("utf-8", "surrogatepass"),
    "enum": lambda value: _named(value["class"])(decode(value["value"])),
    "dataclass": _dataclass,
}
"""Kinds that are more than a codec of one class."""


def _seconds(value: timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


register_result("bytes", bytes, lambda value: base64.b64encode(value).decode("ascii"), base64.b64decode)
register_result("tuple", tuple, list, tuple)
register_result("set", set, lambda value: sorted(value, key=repr), set)
register_result("frozenset", frozenset, lambda value: sorted(value, key=repr), frozenset)
register_result("datetime", datetime, lambda value: value.isoformat(), datetime.fromisoformat)
register_result("date", date, lambda value: value.isoformat(), date.fromisoformat)
register_result("timedelta", timedelta, _seconds, lambda parts: timedelta(*parts))
register_result("decimal", Decimal, str, Decimal)
register_result("uuid", UUID, str, UUID)
register_result("path", type(Path()), str, Path)
