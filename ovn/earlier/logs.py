"""The logs of an earlier harness: what its session wanted, decided, noted, and could not do. Pure.

Read are ``overnight_state.json`` and the ``session_state.json`` before it (one object; the later
one consolidates the earlier), ``continuation_history.jsonl`` and ``compaction-history.jsonl``
(an object a line). Their writers changed over time, so every key may be missing, and what is
not understood is passed over. What is called complete is a claim and stays one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ovn.clock import rfc3339
from ovn.errors import InvalidDocument
from ovn.frozen import dataclass, replace
from ovn.model import canonical
from ovn.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ovn.model.canonical import Json

STATES = ("overnight_state.json", "session_state.json")
"""The one that says most first; of two the first that has a value counts."""

HISTORIES = {"continuation_history.jsonl": "continued", "compaction-history.jsonl": "context compacted"}
"""What a line of each tells of."""

LIMIT = 16 << 20
MOST = 500
"""Entries of one kind that are taken, the newest."""

LONGEST = 2000


@dataclass(frozen=True, slots=True)
class Past:
    """What the logs say. ``unread`` counts lines that are no JSON objects; moments are RFC 3339."""

    session: str | None = None
    goal: str | None = None
    started: str | None = None
    updated: str | None = None
    current: str | None = None
    claimed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    decisions: tuple[str, ...] = ()
    blockers: tuple[str, ...] = ()
    unread: int = 0

    @property
    def empty(self) -> bool:
        """Whether nothing of it is worth keeping."""
        return not (
            self.goal or self.current or self.claimed or self.notes or self.decisions or self.blockers
        )


def read(files: Mapping[str, bytes]) -> Past:
    """Return what files say, by their names without folders.

    Raises InvalidDocument for a state that is none.
    """
    found = Past()
    for name in STATES:
        if name in files:
            found = _filled(found, _state(files[name], name))
    for name, what in HISTORIES.items():
        if name in files:
            found = _with_history(found, files[name], what)
    return found


def _filled(known: Past, other: Past) -> Past:
    """Return ``known`` with what only ``other`` says."""
    empty = Past()
    missing = [name for name in Past.__slots__ if getattr(known, name) == getattr(empty, name)]
    return replace(known, **{name: getattr(other, name) for name in missing})


def _state(data: bytes, what: str) -> Past:
    value = canonical.load(data, what, limit=LIMIT)
    if not isinstance(value, dict):
        raise InvalidDocument(f"{what}: an object is needed, not {type(value).__name__}")
    return Past(
        session=_text(value, "session_id", "id"),
        goal=_text(value, "goal", "session_goal"),
        started=_moment(value, "started_at", "session_start", "start_time"),
        updated=_moment(value, "last_updated", "updated_at"),
        current=_text(value, "current_task", "current_work", "current_focus"),
        claimed=_list(value, "completed_tasks", "tasks_completed"),
        notes=_list(value, "progress_notes", "notes"),
        decisions=_list(value, "key_decisions", "decisions"),
        blockers=_list(value, "blockers"),
    )


def _with_history(known: Past, data: bytes, what: str) -> Past:
    told, unread = [], 0
    for line in data.splitlines():
        if not line.strip():
            continue
        try:
            value = canonical.load(line, "a line")
        except InvalidDocument:
            value = None
        if isinstance(value, dict):
            told.append(_event(value, what))
        else:
            unread += 1
    last = max((moment for _, moment in told if moment), default=None)
    return replace(
        known,
        notes=(*known.notes, *(text for text, _ in told[-MOST:])),
        unread=known.unread + unread,
        updated=max(filter(None, (known.updated, last)), default=None),
    )


def _event(value: dict[str, Json], what: str) -> tuple[str, str | None]:
    """Return one line of a history in words, and its moment."""
    moment = _moment(value, "timestamp", "time", "at")
    decision = _text(value, "decision")
    reason = _text(value, "reason", "compaction_reason", "exit_reason", "trigger")
    verb = {"continue": "continued", "stop": "stopped"}.get(decision or "", what)
    return f"{moment or 'at an unknown time'}: {verb}" + (f": {reason}" if reason else ""), moment


def _text(value: Mapping[str, Json], *keys: str) -> str | None:
    found = next((value[key] for key in keys if isinstance(value.get(key), str)), None)
    return _clean(found) if isinstance(found, str) and found.strip() else None


def _moment(value: Mapping[str, Json], *keys: str) -> str | None:
    """Return a moment as we write it; one without a zone is taken as UTC, as its writers meant it."""
    from datetime import UTC, datetime

    text = _text(value, *keys)
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return rfc3339(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _list(value: Mapping[str, Json], *keys: str) -> tuple[str, ...]:
    found: Json = next((value[key] for key in keys if isinstance(value.get(key), list)), [])
    lines = [line for one in found if (line := _line(one))] if isinstance(found, list) else []
    return tuple(dict.fromkeys(lines[-MOST:]))


def _line(one: Any) -> str:
    """Return an entry in words: a text, or an object that has one, with its reason or category."""
    if isinstance(one, str):
        return _clean(one)
    if not isinstance(one, dict):
        return ""
    return " ".join(_parts(one))


def _parts(one: Mapping[str, Json]) -> Iterator[str]:
    text = _text(one, "description", "decision", "text", "task", "note", "blocker", "name")
    if text is None:
        return
    yield text
    extra = _text(one, "rationale", "reason", "category")
    if extra:
        yield f"({extra})"


def _clean(text: str) -> str:
    return redact(" ".join(text.split()))[:LONGEST]
