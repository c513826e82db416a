"""The journal's records: one constructor per type, and which of them have a meaning.

A record is a plain dict ``{"at", "by", "type", "data"}``; its sequence number is the
journal frame's. One that a program's call made also has ``call``: which call that was.
Standard library only: the git hooks make records too. Constructors check what they make with
the validators generated from ``schemas/``.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from ovn.errors import InvalidDocument
from ovn.model.canonical import Json, dump_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

Record = dict[str, Any]

WRITERS = ("runner", "hook", "agent", "person", "python")

TYPES: dict[str, bool] = {
    # type: has a meaning (folded at once into a commit of its own)
    "session.created": True,
    "session.state": True,
    "session.feature": True,
    "attempt.started": True,
    "attempt.launched": False,
    "attempt.ended": True,
    "checkpoint": True,
    "commit": True,
    "head": False,
    "rewritten": False,
    "note": False,
    "decision": False,
    "blocker": False,
    "unblocked": False,
    "feature.status": True,
    "evidence": True,
    "baseline": True,
    "operation": True,
    "question": True,
    "recovery": True,
    "handoff": True,
    "run": True,
    "step": False,
    "step.started": False,
    "step.retry": False,
    "transaction": False,
    "layer": False,
    "signal": True,
    "interrupted": False,
    "cut": False,
    "session.code": True,
    "session.forked": True,
    "session.private": True,
}
"""Every record type. A new one is a line here, a definition in ``record.schema.json``, a
reducer and a subject line."""

MEANINGFUL = frozenset(kind for kind, meaning in TYPES.items() if meaning)

QUIET: dict[str, Callable[[Json], bool]] = {
    "session.state": lambda data: data["state"] == "active" and not data.get("why"),
    "checkpoint": lambda data: data["kind"] == "safety",
    "operation": lambda data: data["state"] == "open" or data["verb"] == "commit" or bool(data["undone_by"]),
    "run": lambda data: data["state"] == "running" and bool(data["sessions"]),
}
"""Where a type has a meaning and one of its records adds none: the start says that a session is
active, the operation that a safety checkpoint was taken and what it took back, the commit
itself that it was made, a session which run it belongs to. They go with the event they lead to."""


def is_event(record: Record) -> bool:
    """Tell whether the record has a meaning of its own: folded at once, a line of the story."""
    kind = record["type"]
    return kind in MEANINGFUL and not (kind in QUIET and QUIET[kind](record["data"]))


def make(kind: str, data: Json, *, at: str, by: str) -> Record:
    """Return the record, checked. ``at`` is RFC 3339, ``by`` one of ``WRITERS``.

    Raises InvalidDocument naming the field that breaks the schema.
    """
    record = {"at": at, "by": by, "type": kind, "data": data}
    validate(record)
    return record


def validate(record: Record) -> None:
    """Raise InvalidDocument unless the record obeys ``schemas/record.schema.json``."""
    validators = _validators()
    try:
        validators.validate_record(record)
    except validators.Invalid as error:
        kind = record.get("type") if isinstance(record, dict) else None
        raise InvalidDocument(f"record {kind!r}: {error}") from error


@cache
def _validators() -> ModuleType:
    """Return the generated validators, loaded at the first record: an import takes a tenth of a check."""
    from ovn.model import validators

    return validators


def payload(record: Record) -> bytes:
    """Return the bytes that go into the journal frame."""
    return dump_line(record)
