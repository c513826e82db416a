"""YAML as people write configuration: mappings, lists and scalars, each with its place.

Built on PyYAML's event stream, which is flat, so that nothing recurses before the depth is
known. Refused: anchors, aliases, tags, merge keys, duplicate keys, a second document, more than
64 KB. Scalars follow YAML 1.2's core: ``no``, ``010``, ``1:30:00`` and dates are texts, so that a
schema can say what it wanted instead of taking False, 8, 5400 and a date.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, NoReturn

from ovn.errors import InvalidConfig
from ovn.frozen import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ovn.model.canonical import Json

MAX_BYTES = 64 * 1024
MAX_DEPTH = 16

_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})\Z")
_FLOAT = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?([eE][-+]?[0-9]{1,3})?\Z")

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in the file, both counted from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


@dataclass(slots=True)
class Page:
    """What a file says, and where.

    ``places`` and ``keys`` have the place of each value and of its key, by path as in
    ``schema.Problem``; ``plain`` lists the paths of the scalars without quotes.
    """

    value: Json = None
    places: dict[str, Place] = field(default_factory=dict)
    keys: dict[str, Place] = field(default_factory=dict)
    plain: set[str] = field(default_factory=set)


def scalar(text: str) -> Json:
    """Return what an unquoted scalar means: null, a boolean, a number, else itself."""
    if text in _NULL:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.match(text):
        return int(text)
    if _FLOAT.match(text) and not math.isinf(float(text)):
        return float(text)
    return text


def load(data: bytes, what: str) -> Page:
    """Return the page in ``data``; ``what`` names it in errors. An empty file says None.

    Raises InvalidConfig with line and column.
    """
    import yaml

    if len(data) > MAX_BYTES:
        raise InvalidConfig(f"{what}: {len(data)} bytes, the limit is {MAX_BYTES}")
    text = _text(data, what)
    page = Page()
    events = yaml.parse(text, Loader=_loader(yaml))
    try:
        _Builder(events, what, page).run()
    except yaml.reader.ReaderError as error:
        where = _place_of(text, error.position)
        found = error.character if isinstance(error.character, int) else ord(error.character)
        raise InvalidConfig(f"{what}: {where}: the character U+{found:04X} is not allowed") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{Place(mark.line + 1, mark.column + 1)}: " if mark else ""
        raise InvalidConfig(f"{what}: {place}{error.problem or error.context}") from error
    except RecursionError as error:
        raise InvalidConfig(f"{what}: nested too deeply") from error
    return page


def _loader(yaml: Any) -> Any:
    """Return libyaml's parser where PyYAML was built with it: ten times as fast."""
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _text(data: bytes, what: str) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        place = _place_of(data[: error.start].decode("utf-8"), error.start)
        raise InvalidConfig(f"{what}: {place}: not UTF-8") from error
    if text.startswith("\ufeff"):
        raise InvalidConfig(f"{what}: begins with a byte order mark", hint="save it as UTF-8 without a mark")
    return text


def _place_of(text: str, position: int) -> Place:
    before = text[:position]
    return Place(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)


class _Builder:
    """From events to values; one method per kind of event, recursion bounded by ``MAX_DEPTH``."""

    def __init__(self, events: Iterator[Any], what: str, page: Page) -> None:
        self._events = events
        self._what = what
        self._page = page

    def run(self) -> None:
        documents = 0
        for event in self._events:
            kind = type(event).__name__
            if kind == "DocumentStartEvent":
                documents += 1
                if documents > 1:
                    self._refuse(event, "a second document; one file holds one")
                if event.tags or event.version:
                    self._refuse(event, "directives ('%YAML', '%TAG') are not taken")
            elif kind not in ("StreamStartEvent", "StreamEndEvent", "DocumentEndEvent"):
                self._page.value = self._value(event, "", 0)

    def _refuse(self, event: Any, words: str, hint: str | None = None) -> NoReturn:
        raise InvalidConfig(f"{self._what}: {_place(event)}: {words}", hint=hint)

    def _value(self, event: Any, path: str, depth: int) -> Json:
        kind = type(event).__name__
        if kind == "AliasEvent":
            self._refuse(event, f"the alias '*{event.anchor}' is not taken", "write the value out")
        if event.anchor:
            self._refuse(event, f"the anchor '&{event.anchor}' is not taken", "write the value out")
        if event.tag:
            self._refuse(event, f"the tag {event.tag!r} is not taken", "leave the tag out")
        if depth >= MAX_DEPTH:
            self._refuse(event, f"nested deeper than {MAX_DEPTH}")
        self._page.places[path] = _place(event)
        if kind == "SequenceStartEvent":
            return self._list(path, depth)
        if kind == "MappingStartEvent":
            return self._mapping(path, depth)
        return self._scalar(event, path)

    def _scalar(self, event: Any, path: str) -> Json:
        if _SURROGATE.search(event.value):
            self._refuse(event, "half of a surrogate pair")
        if not event.implicit[0]:  # in quotes
            return event.value
        self._page.plain.add(path)
        return scalar(event.value)

    def _list(self, path: str, depth: int) -> list[Json]:
        items: list[Json] = []
        for event in self._events:
            if type(event).__name__ == "SequenceEndEvent":
                break
            items.append(self._value(event, f"{path}[{len(items)}]", depth + 1))
        return items

    def _mapping(self, path: str, depth: int) -> dict[str, Json]:
        value: dict[str, Json] = {}
        for event in self._events:
            if type(event).__name__ == "MappingEndEvent":
                break
            key = self._key(event)
            if key in value:
                self._refuse(event, f"the key '{key}' stands twice")
            inner = f"{path}.{key}".removeprefix(".")
            self._page.keys[inner] = _place(event)
            value[key] = self._value(next(self._events), inner, depth + 1)
        return value

    def _key(self, event: Any) -> str:
        if type(event).__name__ != "ScalarEvent" or event.anchor or event.tag:
            self._refuse(event, "a key must be a plain word")
        key: str = event.value
        if _SURROGATE.search(key):
            self._refuse(event, "half of a surrogate pair")
        return key


def _place(event: Any) -> Place:
    return Place(event.start_mark.line + 1, event.start_mark.column + 1)
