"""Reducers of what programs keep, take back and copy. Pure, like those of ``ovn.state.reducers``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ovn import names
from ovn.frozen import replace
from ovn.model.documents import Blocker, Layer, Value
from ovn.state.events import Effect, Event

if TYPE_CHECKING:
    from collections.abc import Mapping


def layer(event: Event) -> Effect:
    """Keep and drop values of a layer."""
    put, drop = event.data["set"], event.data["drop"]
    if event.data["layer"] == "session":
        path = names.layer_file(event.session.id)
        before: Layer | None = event.docs.get(path)
        values = {**(before.values if before else {}), **put}
        kept = {key: value for key, value in values.items() if key not in drop}
        return Effect({}, {path: Layer(1, event.session.id, kept)})
    layer, session = event.data["layer"], event.session
    gone = {names.value_file(layer, key): None for key in drop}
    fresh = {
        names.value_file(layer, key): Value(1, layer, key, value, event.at, session.id, session.feature)
        for key, value in put.items()
    }
    return Effect({}, {**gone, **fresh})


def transaction(event: Event) -> Effect:
    """Put the session back to what it was when the transaction began, but for the counts."""
    if event.data["state"] != "rolled_back":
        return Effect.of()
    before, session = event.data.get("before", {}), event.session
    fields: dict[str, Any] = {
        name: getattr(session, name)[: before[name]]
        for name in ("notes", "decisions", "commits")
        if isinstance(before.get(name), int) and before[name] >= 0
    }
    fields |= _blockers(before)
    values = before.get("values")
    changed = {names.layer_file(session.id): Layer(1, session.id, values)} if isinstance(values, dict) else {}
    return Effect(fields, changed)


def _blockers(data: Mapping[str, Any]) -> dict[str, tuple[Blocker, ...]]:
    """Return the field ``blockers`` as a record has it; nothing where it has none of use."""
    found = data.get("blockers")
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        return {}
    return {
        "blockers": tuple(
            Blocker(str(one.get("id")), str(one.get("text")), bool(one.get("open"))) for one in found
        )
    }


def code(event: Event) -> Effect:
    """Note the version of the program."""
    return Effect.of(code=event.data["code"])


def private(event: Event) -> Effect:
    """Keep the session from being shared, or let it be."""
    return Effect.of(private=event.data["why"])


def forked(event: Event) -> Effect:
    """Let a copy begin with what its original had noted up to there."""
    fields: dict[str, Any] = {name: tuple(event.data.get(name, ())) for name in ("notes", "decisions")}
    values = event.data.get("values")
    changed = {names.layer_file(event.session.id): Layer(1, event.session.id, values)} if values else {}
    return Effect({**fields, **_blockers(event.data)}, changed)


def accepted(event: Event, feature: str) -> dict[str, Any]:
    """Return the feature's values of PERSISTENT as values of LONG_TERM: its evidence was accepted."""
    folder = names.layer_folder("persistent")
    values = (event.docs.get(f"{folder}/{name}") for name in event.docs.names(folder))
    return {
        names.value_file("long_term", one.key): replace(one, layer="long_term", at=event.at)
        for one in values
        if one is not None and one.feature == feature
    }
