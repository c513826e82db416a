"""Changes of the registry: in a session through its journal, else as a commit of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ovn import names
from ovn.clock import rfc3339
from ovn.errors import InvalidName, Refused, UsageError
from ovn.features import rules
from ovn.frozen import dataclass, replace
from ovn.model import codec, records
from ovn.model.documents import Evidence, Feature
from ovn.state import reducers
from ovn.state.events import Event

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ovn.state.store import StateStore
    from ovn.state.view import View


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes the registry.

    ``session``: the one at work here whose journal takes the records (None: nobody's).
    ``guarded``: an agent's session, which may not touch ``rules.PROTECTED`` nor remove anything.
    """

    by: str = "person"
    session: str | None = None
    generation: int | None = None
    guarded: bool = False


PERSON = Actor()

EDITABLE = ("title", "description", "category", "priority", "depends_on", "phases", "verify", "paths")
"""What ``edit`` and an import may set; all else has verbs of its own."""


def registry(store: StateStore) -> dict[str, Feature]:
    """Return all features by id, also what is not folded yet. Raises NotInitialised."""
    view = store.view()
    view.project  # noqa: B018 - refuses a repository without a state
    return view.features()


def add(store: StateStore, actor: Actor, title: str, *, feature: str | None = None, **fields: Any) -> Feature:
    """Add a feature and return it; its id is made from the title where none is given.

    ``fields`` are of ``EDITABLE``. Raises Refused when the id is taken, UsageError for unknown
    or circular dependencies, InvalidName, InvalidDocument.
    """
    wanted = names.check_name(feature, "feature id") if feature is not None else None

    def change(view: View) -> dict[str, Feature]:
        known = view.features()
        if wanted in known:
            raise Refused(
                f"there is a feature '{wanted}' already", hint=f"see 'git ovn feature show {wanted}'"
            )
        number = next_number(known)
        made = new(number, store_now(store), title, wanted or free_id(title, known), **fields)
        rules.check_graph({**known, made.id: made})
        result.append(made)
        return {names.feature_file(made.id): made}

    result: list[Feature] = []
    label = wanted or " ".join(title.split())[:60]
    store.transact(f"feature: add {label}", "feature", change, _trailers(actor, wanted))
    return result[-1]


def new(number: int, at: str, title: str, feature: str, **fields: Any) -> Feature:
    """Return a new feature; ``number`` is its age. Pure; raises UsageError without a title."""
    line = " ".join(title.split())
    if not line:
        raise UsageError("a feature needs a title")
    return Feature(version=2, id=feature, number=number, title=line, created=at, **fields)


def next_number(known: Mapping[str, Feature]) -> int:
    """Return the number that makes a feature younger than all that are known."""
    return 1 + max((one.number for one in known.values()), default=0)


def free_id(title: str, known: Iterable[str]) -> str:
    """Return an id made from a title that no feature has: ``fix-the-parser``, ``fix-the-parser-2``."""
    taken = set(known)
    try:
        base = names.slug(title.lower())[:48].rstrip("-._")
    except InvalidName:  # nothing of it is ASCII
        base = "feature"
    tries = (base if count == 1 else f"{base}-{count}" for count in range(1, len(taken) + 2))
    return next(name for name in tries if name not in taken)


def edit(store: StateStore, actor: Actor, feature: str, changes: Mapping[str, Any]) -> Feature:
    """Set fields of ``EDITABLE`` and return the feature.

    Raises NotFound, Refused for what is protected from the actor, UsageError for a field that
    cannot be set or dependencies that are unknown or circular, InvalidDocument.
    """
    foreign = sorted(set(changes) - set(EDITABLE))
    if foreign:
        raise UsageError(f"'{foreign[0]}' cannot be edited", hint=f"what can: {', '.join(EDITABLE)}")

    def change(view: View) -> dict[str, Feature]:
        known = view.features()
        before = rules.find(known, feature)
        after = replace(before, **changes)
        guard(actor, before, after)
        rules.check_graph({**known, feature: after})
        result.append(after)
        return {names.feature_file(feature): after}

    result: list[Feature] = []
    fields = ", ".join(name for name in EDITABLE if name in changes) or "nothing"
    store.transact(f"feature: edit {feature}: {fields}", "feature", change, _trailers(actor, feature))
    return result[-1]


def remove(store: StateStore, actor: Actor, feature: str) -> Feature:
    """Take a feature out of the registry; raises NotFound, and Refused when others depend on it."""
    if actor.guarded:
        raise _protected(feature, "removed")

    def change(view: View) -> dict[str, None]:
        known = view.features()
        result.append(rules.find(known, feature))
        others = rules.dependents(feature, known)
        if others:
            raise Refused(f"feature '{others[0]}' depends on '{feature}'", hint="edit its dependencies first")
        return {names.feature_file(feature): None}

    result: list[Feature] = []
    store.transact(f"feature: remove {feature}", "feature", change, _trailers(actor, feature))
    return result[-1]


def guard(actor: Actor, before: Feature, after: Feature) -> None:
    """Raise Refused when the actor may not make this change."""
    if not actor.guarded:
        return
    changed = [name for name in sorted(rules.PROTECTED) if getattr(before, name) != getattr(after, name)]
    if changed:
        raise _protected(before.id, f"given another {changed[0]}")


def _protected(feature: str, what: str) -> Refused:
    return Refused(
        f"in a session feature '{feature}' cannot be {what}",
        hint="a person may, outside of the session; say in the handoff why it should change",
    )


# -- status ------------------------------------------------------------------------------------


def block(store: StateStore, actor: Actor, feature: str, reason: str) -> Feature:
    """Set a feature aside until somebody unblocks it; raises NotFound, Refused when it is done."""
    return move(store, actor, feature, "block", reason=reason)


def unblock(store: StateStore, actor: Actor, feature: str) -> Feature:
    """Make a blocked or rolled back feature pending again; a person gives it new attempts.

    Raises NotFound, Refused.
    """
    fresh = {} if actor.guarded else {"attempts": 0}
    return move(store, actor, feature, "unblock", **fresh)


def reopen(store: StateStore, actor: Actor, feature: str) -> Feature:
    """Make a done, failed or rolled back feature pending again; raises NotFound, Refused."""
    if actor.guarded:
        raise _protected(feature, "opened again")
    return move(store, actor, feature, "reopen", attempts=0)


def start(
    store: StateStore,
    actor: Actor,
    feature: str,
    *,
    green_before: bool | None = None,
    attempts: int | None = None,
) -> Feature:
    """Set a feature in progress; raises NotFound, and Refused when nobody may work on it now.

    ``green_before``: its verify commands were green before the work, None when nobody looked.
    """
    known = registry(store)
    found = rules.find(known, feature)
    rules.check_move(found, "start")
    lacking = rules.missing(found, known)
    if lacking:
        raise Refused(
            f"feature '{feature}' depends on '{lacking[0]}', which is not done",
            hint="see 'git ovn feature next' for what can be built now",
        )
    fields: dict[str, Any] = {"green_before": green_before, "attempts": attempts}
    return move(
        store, actor, feature, "start", **{key: one for key, one in fields.items() if one is not None}
    )


def move(store: StateStore, actor: Actor, feature: str, verb: str, **data: Any) -> Feature:
    """Change a status by a verb of ``rules.MOVES`` and return the feature.

    ``data``: ``reason``, ``attempts``, ``green_before``. Raises NotFound, Refused.
    """
    found = rules.find(registry(store), feature)
    status = rules.check_move(found, verb)
    record(store, actor, "feature.status", {"feature": feature, "status": status, **data})
    return rules.find(registry(store), feature)


def evidence(store: StateStore, actor: Actor, found: Evidence) -> None:
    """Record what a run of verify commands showed; the status is another record."""
    record(store, actor, "evidence", codec.encode(found))


def record(store: StateStore, actor: Actor, kind: str, data: Mapping[str, Any]) -> None:
    """Record what happened to a feature: in the actor's session, or as a commit of its own.

    Both take the same way from record to document, the reducers.
    """
    at = store_now(store)
    made = records.make(kind, dict(data), at=at, by=actor.by)
    if actor.session is not None:
        store.record(actor.session, made, generation=actor.generation)
        return

    def change(view: View) -> dict[str, Any]:
        rules.find(view.features(), data["feature"])
        event = Event(_Documents(view), _NOBODY, at, data)
        return dict(reducers.REDUCERS[kind](event).documents)

    store.transact(_subject(kind, data), kind, change, _trailers(actor, data["feature"]))


def _subject(kind: str, data: Mapping[str, Any]) -> str:
    if kind == "evidence":
        partial = f", partial: {data['partial']}" if data["partial"] else ""
        return f"evidence: {data['feature']} {'green' if data['green'] else 'red'}{partial}"
    because = f": {data['reason'].splitlines()[0]}" if data.get("reason") else ""
    return f"status: {data['feature']} {data['status']}{because}"


_NOBODY: Any = None
"""The session of a record outside of any; the reducers of features do not look at it."""


class _Documents:
    """A view as the reducers want it."""

    def __init__(self, view: View) -> None:
        self._view = view

    def get(self, path: str) -> Any | None:
        return self._view.get(path)

    def names(self, folder: str) -> list[str]:
        return self._view.names(folder)


def _trailers(actor: Actor, feature: str | None) -> dict[str, str]:
    found = {names.TRAILER_SESSION: actor.session, names.TRAILER_FEATURE: feature}
    return {key: value for key, value in found.items() if value is not None}


def store_now(store: StateStore) -> str:
    """Return the store's clock as text."""
    return rfc3339(store.clock.now())
