"""The rules of the registry: what may follow what, what comes next, what hangs on what. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn.errors import NotFound, Refused, UsageError
from ovn.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from ovn.model.documents import Feature

OPEN = ("pending", "in_progress", "failed")
"""What the night works on. ``blocked`` waits for a person; ``rolled_back`` a person took back."""

PROTECTED = frozenset(("verify", "title", "description", "depends_on"))
"""What an agent may not edit in its session: else it could move the goal to where it stands."""


@dataclass(frozen=True, slots=True)
class Move:
    """One way to a status: from which ones, and what to do when it is another."""

    to: str
    sources: tuple[str, ...]
    hint: str


_ANY = ("pending", "in_progress", "blocked", "failed", "rolled_back", "done")

MOVES: dict[str, Move] = {
    "start": Move(
        "in_progress",
        ("pending", "in_progress", "failed", "rolled_back"),
        "a blocked one needs 'git ovn feature unblock', a done one 'git ovn feature edit --reopen'",
    ),
    "block": Move("blocked", ("pending", "in_progress", "blocked", "failed", "rolled_back"), "it is done"),
    "unblock": Move(
        "pending", ("blocked", "rolled_back"), "only what is blocked or rolled back waits for it"
    ),
    "reopen": Move("pending", ("done", "failed", "rolled_back"), "it is open already"),
    "verify-green": Move("done", _ANY, ""),
    "verify-red": Move("failed", ("done", "failed"), ""),
    "roll-back": Move("rolled_back", ("in_progress", "done", "failed", "blocked"), "no work was done on it"),
}
"""Every change of a feature's status; ``done`` is reached by evidence alone."""


def check_move(feature: Feature, verb: str) -> str:
    """Return the status that ``verb`` leads to; raises Refused when it cannot come after this one."""
    move = MOVES[verb]
    if feature.status not in move.sources:
        raise Refused(f"feature '{feature.id}' is {feature.status.replace('_', ' ')}", hint=move.hint)
    return move.to


def in_order(features: Iterable[Feature]) -> list[Feature]:
    """Return the features by priority, the oldest first within one."""
    return sorted(features, key=lambda one: (one.priority, one.number, one.id))


def missing(feature: Feature, features: Mapping[str, Feature]) -> list[str]:
    """Return what it depends on and is not done."""
    return [one for one in feature.depends_on if one not in features or features[one].status != "done"]


def choose(features: Mapping[str, Feature], only: Collection[str] = ()) -> Feature | None:
    """Return what to build next: open, nothing missing, the highest priority, the oldest.

    ``only`` names the features to choose from; empty: all.
    """
    ready = (one for one in features.values() if one.status in OPEN and not missing(one, features))
    return next(iter(in_order(one for one in ready if not only or one.id in only)), None)


def pending(features: Mapping[str, Feature]) -> list[Feature]:
    """Return what is still to be built, in order, also what waits for something else."""
    return in_order(one for one in features.values() if one.status in OPEN)


def why_not(feature: Feature, features: Mapping[str, Feature]) -> str | None:
    """Return why nobody may work on it now, in words; None when it is open and nothing is missing."""
    if feature.status not in OPEN:
        return f"it is {feature.status.replace('_', ' ')}" + (f": {feature.reason}" if feature.reason else "")
    lacking = missing(feature, features)
    return f"it depends on {_quoted(lacking)}, not done yet" if lacking else None


def check_graph(features: Mapping[str, Feature]) -> None:
    """Raise UsageError unless every dependency exists and none leads back to itself."""
    for feature in in_order(features.values()):
        unknown = [one for one in feature.depends_on if one not in features]
        if unknown:
            raise UsageError(
                f"feature '{feature.id}' depends on {_quoted(unknown)}, which does not exist",
                hint=_near(unknown[0], features),
            )
    loop = cycle(features)
    if loop:
        raise UsageError(
            f"features depend on each other in a circle: {' -> '.join(loop)}",
            hint="take one of these dependencies out",
            cycle=loop,
        )


def cycle(features: Mapping[str, Feature]) -> list[str]:
    """Return a circle of dependencies, its first id again at the end; empty when there is none.

    Walks with a list of its own, so that a chain of ten thousand does not end in recursion.
    """
    finished: set[str] = set()
    for start in features:
        path: list[str] = []
        on_path: set[str] = set()
        todo = [(start, False)]
        while todo:
            feature, leaving = todo.pop()
            if leaving:
                path.pop()
                on_path.discard(feature)
                finished.add(feature)
            elif feature in on_path:
                return [*path[path.index(feature) :], feature]
            elif feature in features and feature not in finished:
                path.append(feature)
                on_path.add(feature)
                todo.append((feature, True))
                todo += [(one, False) for one in reversed(features[feature].depends_on)]
    return []


def dependents(feature: str, features: Mapping[str, Feature]) -> list[str]:
    """Return the features that depend on it, in order."""
    return [one.id for one in in_order(features.values()) if feature in one.depends_on]


def find(features: Mapping[str, Feature], feature: str) -> Feature:
    """Return a feature by its id; raises NotFound, naming what is near."""
    if feature not in features:
        hint = _near(feature, features) or "see 'git ovn feature list'"
        raise NotFound(f"no feature '{feature}'", hint=hint)
    return features[feature]


def _near(name: str, features: Mapping[str, Feature]) -> str | None:
    from difflib import get_close_matches

    near = get_close_matches(name, list(features)[:2000], n=1)
    return f"did you mean '{near[0]}'?" if near else None


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
