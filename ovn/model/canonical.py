"""One valid encoding: equal values are equal bytes, and so equal blobs.

Documents: UTF-8, sorted keys, two spaces, a final newline. Journal lines: sorted keys, no
spaces. Readers are strict: size and depth caps, UTF-8 without BOM, no duplicate keys, no NaN
or Infinity, no lone surrogates; the standard library's reader takes all of these.
"""

from __future__ import annotations

import json
import math
import re
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from ovn.errors import InvalidDocument

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_BYTES = 1 << 20
"""No document is larger (1 MiB); step results above the inline limit live in blobs of their own."""

MAX_DEPTH = 64
"""No document is deeper; jsonschema's recursion gives up at about 900."""

_MAX_DIGITS = 400
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NO_BRACKETS = re.compile(r"[^\[\]{}]+")
_STEP = {"[": 1, "{": 1, "]": -1, "}": -1}
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")

Json = Any
"""A JSON value: None, bool, int, float, str, list, dict with str keys."""


def dump(value: Json) -> bytes:
    """Return the document's bytes. Raises InvalidDocument for what JSON cannot say."""
    return _encode(value, _DOCUMENT.encode) + b"\n"


def dump_line(value: Json) -> bytes:
    """Return the value on one line without a newline: a journal record."""
    return _encode(value, _line)


_DOCUMENT = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, indent=2)
_LINE = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))


def _line_encoder() -> Callable[[Json], str]:
    """Return what ``_LINE.encode`` does, with its part in C made once: it takes as long as a record."""
    from json import encoder

    make = getattr(encoder, "c_make_encoder", None)
    if make is None:
        return _LINE.encode
    # no table of what it is in: a value in itself is refused by the depth of the recursion
    parts = make(None, _LINE.default, encoder.encode_basestring, None, ":", ",", True, False, False)
    return lambda value: "".join(parts(value, 0))


_line = _line_encoder()


def _encode(value: Json, encode: Callable[[Json], str]) -> bytes:
    try:
        return encode(value).encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:  # UnicodeEncodeError is a ValueError
        raise InvalidDocument(f"not a JSON value: {error}") from error


def load(data: bytes, what: str = "document", *, limit: int = MAX_BYTES) -> Json:
    """Return the value in ``data``; ``what`` names it in the error.

    Raises InvalidDocument naming the line and column where the text breaks the rules above.
    """
    if len(data) > limit:
        raise InvalidDocument(f"{what}: {len(data)} bytes, the limit is {limit}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidDocument(f"{what}: not UTF-8 at byte {error.start}") from error
    if text.startswith("\ufeff"):
        raise InvalidDocument(f"{what}: begins with a byte order mark")
    _check_depth(text, what)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_no_duplicates,
            parse_constant=_no_constant,
            parse_int=_small_int,
            parse_float=_finite,
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InvalidDocument(f"{what}: {place}: {error.msg.lower()}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidDocument(f"{what}: {error}") from error
    if _ESCAPED_SURROGATE.search(text) and _has_surrogate(value):
        raise InvalidDocument(f"{what}: half of a surrogate pair")
    return value


def _check_depth(text: str, what: str) -> None:
    """Refuse deep nesting before the parser recurses; brackets inside strings are skipped."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    brackets = _NO_BRACKETS.sub("", _STRING.sub("", text))
    if max(accumulate(map(_STEP.__getitem__, brackets)), default=0) > MAX_DEPTH:
        raise InvalidDocument(f"{what}: nested deeper than {MAX_DEPTH}")


def _no_duplicates(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return value


def _no_constant(word: str) -> Json:
    raise ValueError(f"{word} is not JSON")


def _small_int(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"the number {digits[:20]} is beyond what a float can hold")
    return number


def _has_surrogate(value: Json) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False
