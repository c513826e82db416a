"""What an initializer agent proposes to build: checked whole, refused with everything that is wrong.

The errors go back to the agent, so all of them are told at once and each says what would be
right. Nothing in a proposal is a status: only evidence makes a feature done. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn import schema
from ovn.errors import OvnError
from ovn.features import changing, exchange
from ovn.frozen import dataclass, field
from ovn.model import canonical

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ovn.features.exchange import Plan
    from ovn.model.canonical import Json
    from ovn.model.documents import Feature

LIMIT = 1 << 20
"""Bytes of a proposal."""

MOST = 30
"""Errors that are told at once."""

_EMPTY = frozenset(("true", ":", "exit 0", "/bin/true", "echo", "echo ok"))
"""Commands that are green whatever was built."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is wrong with a proposal; where nothing is, the features and the project's commands."""

    wrong: tuple[str, ...] = ()
    features: tuple[Feature, ...] = ()
    commands: Mapping[str, str] = field(default_factory=dict)


def read(data: bytes | None, what: str, at: str) -> Proposal:
    """Return the proposal in ``data`` (None: there is none) or all that is wrong with it."""
    if data is None:
        return Proposal((f"'{what}' is missing",))
    try:
        value = canonical.load(data, what, limit=LIMIT)
    except OvnError as error:
        return Proposal((str(error),))
    wrong = [str(problem) for problem in schema.problems("proposal", value)]
    if wrong or not isinstance(value, dict):
        return Proposal(tuple(wrong[:MOST]))
    try:
        planned = plan(value, what, {}, at)
    except OvnError as error:
        return Proposal((str(error),))
    wrong = list(_unprovable(planned.added))
    return Proposal(tuple(wrong[:MOST]), planned.added, _commands(value))


def plan(value: Json, what: str, known: Mapping[str, Feature], at: str) -> Plan:
    """Return what taking the proposal over changes. Raises what ``exchange.plan`` does."""
    return exchange.plan(exchange.read(canonical.dump(value), what), known, changing.PERSON, at)


def _unprovable(features: tuple[Feature, ...]) -> Iterator[str]:
    for one in features:
        for command in one.verify:
            if isinstance(command, str) and command.strip() in _EMPTY:
                yield f"feature '{one.id}': verify: '{command}' is green whatever is built and proves nothing"


def _commands(value: Mapping[str, Json]) -> dict[str, str]:
    told = value.get("commands")
    wanted = told if isinstance(told, dict) else {}
    return {key: text for key, text in wanted.items() if isinstance(text, str) and text.strip()}
