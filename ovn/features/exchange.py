"""The registry as a file: written for people, and read back from four layouts. Pure.

Read are ``feature_registry.json``, Anthropic's ``feature_list.json`` (an array of descriptions
with ``passes``), ``claude-progress.txt`` and any of them in between: what a file says is made
into ``Entry`` values, and a plan says what they change. Nothing imported is ever done: it
becomes pending with ``claimed`` set, for only evidence makes a feature done.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from ovn import names
from ovn.errors import InvalidDocument, InvalidName
from ovn.features import changing, progress, rules
from ovn.frozen import dataclass, field, replace
from ovn.model import canonical, codec, documents

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ovn.features.changing import Actor
    from ovn.model.canonical import Json
    from ovn.model.documents import Feature

VERSION = "1.0.0"
LIMIT = 16 << 20
"""Bytes of a file that is imported."""

_DONE = frozenset(("done", "completed", "complete", "passed", "passing", "finished", "verified"))
_HELD = frozenset(("blocked", "on_hold", "waiting"))


# -- export ------------------------------------------------------------------------------------


def registry(project: str, features: Iterable[Feature]) -> dict[str, Json]:
    """Return the registry as people see it; ``schemas/registry.schema.json`` describes it."""
    ordered = rules.in_order(features)
    done = sorted(
        (one for one in ordered if one.status == "done"), key=lambda one: (one.completed or 0, one.id)
    )
    return {
        "project": project,
        "version": VERSION,
        "features": [entry(one) for one in ordered],
        "completed_features": [one.id for one in done],
    }


def entry(feature: Feature) -> dict[str, Json]:
    """Return one feature as people see it: days instead of moments, no number."""
    value = codec.encode(feature)
    hidden = ("version", "number", "created", "completed")
    shown = {key: inner for key, inner in value.items() if key not in hidden}
    return shown | {key: (value[key] or "")[:10] or None for key in ("started", "finished")}


# -- import: what a file says ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """One feature as a file tells it; ``fields`` has only what the file says."""

    id: str
    title: str
    claimed: bool = False
    blocked: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)


def read(data: bytes, what: str) -> list[Entry]:
    """Return the entries of a file in any known layout; ``what`` names it in errors.

    Raises InvalidDocument.
    """
    start = data.lstrip()[:1]
    if start not in (b"{", b"["):
        return list(_of_progress(_text(data, what)))
    value = canonical.load(data, what, limit=LIMIT)
    if isinstance(value, list):
        return list(_of_list(value, what))
    found = value.get("features") if isinstance(value, dict) else None
    if not isinstance(found, list):
        raise InvalidDocument(f"{what}: features: a list is needed", hint="see 'git ovn feature export'")
    completed = value.get("completed_features")
    done = {one for one in completed if isinstance(one, str)} if isinstance(completed, list) else set()
    return list(_of_registry(found, done, what))


def _text(data: bytes, what: str) -> str:
    if len(data) > LIMIT:
        raise InvalidDocument(f"{what}: {len(data)} bytes, the limit is {LIMIT}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidDocument(f"{what}: not UTF-8 at byte {error.start}") from error


def _of_progress(text: str) -> Iterator[Entry]:
    taken: dict[str, str] = {}
    for category in progress.parse(text).categories:
        for item in category.items:
            if not item.text:
                continue
            name = item.id or _id_for(item.text, taken)
            taken[name] = item.text
            fields = {"priority": category.priority}
            if category.name != "general":
                fields["category"] = category.name[:1000]
            yield Entry(name, item.text[:1000], claimed=item.done, fields=fields)


def _of_list(items: list[Json], what: str) -> Iterator[Entry]:
    """Anthropic's harness: ``{"category", "description", "steps", "passes"}``, without ids."""
    taken: dict[str, str] = {}
    for at, item in enumerate(items):
        where = f"{what}: [{at}]"
        text = _one(item, ("description", "title", "name"), where)
        own = item.get("id")
        name = _name(str(own), where) if isinstance(own, (str, int)) else _id_for(text, taken)
        taken[name] = text
        steps = [step for step in _list(item, "steps", where) if isinstance(step, str)]
        described = "\n".join([text, *(f"{n}. {step}" for n, step in enumerate(steps, 1))])
        fields: dict[str, Any] = {"description": described[:20000]} if steps or "\n" in text else {}
        if isinstance(item.get("category"), str):
            fields["category"] = _line(item["category"])
        yield Entry(
            name, _line(text), claimed=item.get("passes") is True, fields=fields | _common(item, where)
        )


def _of_registry(items: list[Json], done: set[str], what: str) -> Iterator[Entry]:
    for at, item in enumerate(items):
        where = f"{what}: features[{at}]"
        own = _one(item, ("id", "name"), where)
        name = _name(own, where)
        title = _line(item["title"]) if isinstance(item.get("title"), str) and item["title"].strip() else name
        status = str(item.get("status", "")).lower().replace("-", "_").replace(" ", "_")
        reason = item.get("reason") or item.get("blocked_reason")
        yield Entry(
            name,
            title,
            claimed=status in _DONE
            or own in done
            or item.get("claimed") is True
            or item.get("passes") is True,
            blocked=(reason if isinstance(reason, str) else "blocked in the imported file")
            if status in _HELD
            else None,
            fields=_texts(item) | _common(item, where),
        )


def _texts(item: dict[str, Json]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if isinstance(item.get("description"), str):
        found["description"] = item["description"][:20000]
    if isinstance(item.get("category"), str):
        found["category"] = _line(item["category"])
    return found


def _common(item: dict[str, Json], where: str) -> dict[str, Any]:
    """Return the fields that every JSON layout may have."""
    found: dict[str, Any] = {}
    if "priority" in item:
        found["priority"] = _priority(item["priority"], where)
    if "depends_on" in item or "dependencies" in item:
        key = "depends_on" if "depends_on" in item else "dependencies"
        found["depends_on"] = tuple(_name(str(one), where) for one in _list(item, key, where))
    if "verify" in item:
        wanted = [item["verify"]] if isinstance(item["verify"], str) else _list(item, "verify", where)
        found["verify"] = tuple(tuple(one) if isinstance(one, list) else one for one in wanted if one)
    if "paths" in item:
        found["paths"] = tuple(_list(item, "paths", where))
    if "phases" in item:
        found["phases"] = tuple(_phase(one, where) for one in _list(item, "phases", where))
    return found


def _phase(value: Json, where: str) -> documents.Phase:
    if isinstance(value, str):
        return documents.Phase(_line(value))
    complete = (
        value.get("complete", value.get("completed", False)) is True if isinstance(value, dict) else False
    )
    return documents.Phase(_line(_one(value, ("name", "title"), f"{where}: phases")), complete)


def _priority(value: Json, where: str) -> str:
    words = {"critical": "P0", "high": "P1", "medium": "P2", "normal": "P2", "low": "P3"}
    text = f"P{value}" if isinstance(value, int) else str(value)
    found = words.get(text.lower(), text.upper())
    if found not in documents.PRIORITIES:
        raise InvalidDocument(
            f"{where}: priority: must be one of {', '.join(documents.PRIORITIES)}, not {text!r}"
        )
    return found


def _one(item: Json, keys: tuple[str, ...], where: str) -> str:
    if not isinstance(item, dict):
        raise InvalidDocument(f"{where}: must be a mapping, not {type(item).__name__}")
    found = next((item[key] for key in keys if isinstance(item.get(key), str) and item[key].strip()), None)
    if found is None:
        given = next((key for key in keys if key in item), None)
        why = f"'{given}' must be a text, and not empty" if given else f"'{keys[0]}' is missing"
        raise InvalidDocument(f"{where}: the field {why}")
    return str(found)


def _list(item: dict[str, Json], key: str, where: str) -> list[Json]:
    found = item.get(key) or []
    if not isinstance(found, list):
        raise InvalidDocument(f"{where}: {key}: must be a list, not {type(found).__name__}")
    return found


def _name(text: str, where: str) -> str:
    try:
        return names.slug(text)
    except InvalidName as error:
        raise InvalidDocument(f"{where}: id: {error}") from error


def _id_for(text: str, taken: Mapping[str, str]) -> str:
    """Return an id that depends on the text alone, so that importing again finds the same one."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:6]
    try:
        base = names.slug(text.lower())[:40].rstrip("-._")
    except InvalidName:  # nothing of it is ASCII
        return f"feature-{digest}"
    return base if taken.get(base, text) == text and len(text) <= 40 else f"{base}-{digest}"


def _line(text: str) -> str:
    return " ".join(text.split())[:1000]


# -- import: what it changes -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import does: features added, and changed with the names of their fields."""

    added: tuple[Feature, ...]
    changed: tuple[tuple[Feature, tuple[str, ...]], ...]
    unchanged: int

    @property
    def documents(self) -> dict[str, Feature]:
        """The documents to write, by path."""
        touched = [*self.added, *(one for one, _ in self.changed)]
        return {names.feature_file(one.id): one for one in touched}


def plan(entries: Iterable[Entry], known: Mapping[str, Feature], actor: Actor, at: str) -> Plan:
    """Return what importing the entries changes; a second time nothing.

    The status of a feature that is there already stays. Raises Refused for what is protected
    from the actor, UsageError for unknown or circular dependencies, InvalidDocument when an id
    stands twice or a field breaks the schema.
    """
    from ovn import schema

    after = dict(known)
    number = changing.next_number(known)
    added: list[str] = []
    fields: dict[str, tuple[str, ...]] = {}
    for one in entries:
        if (one.id in after and one.id not in known) or one.id in fields:
            raise InvalidDocument(f"the feature '{one.id}' stands twice")
        if one.id in known:
            changed = replace(known[one.id], title=one.title, **one.fields)
            changing.guard(actor, known[one.id], changed)
            after[one.id] = changed
            fields[one.id] = tuple(
                name for name in changing.EDITABLE if getattr(changed, name) != getattr(known[one.id], name)
            )
        else:
            after[one.id] = _added(one, number + len(added), at)
            added.append(one.id)
        schema.check("feature", codec.encode(after[one.id]), f"feature '{one.id}'")
    rules.check_graph(after)
    different = tuple((after[name], changed) for name, changed in fields.items() if changed)
    return Plan(tuple(after[name] for name in added), different, len(fields) - len(different))


def _added(one: Entry, number: int, at: str) -> Feature:
    made = changing.new(number, at, one.title, one.id, claimed=one.claimed, **one.fields)
    return replace(made, status="blocked", reason=one.blocked) if one.blocked else made
