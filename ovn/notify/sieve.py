"""Which messages go out: none twice, and no flood. What was sent is remembered over restarts.

The memory is a small file under ``.git/ovn/``: a service manager that starts a dying runner
again and again must not send the same message each time. Moments are the wall clock's, for
nothing is ordered by them; one in the future (a clock that was set back) counts as long ago.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ovn.errors import InvalidDocument
from ovn.frozen import dataclass, field, replace
from ovn.model import canonical
from ovn.notify.events import KINDS, ONCE

if TYPE_CHECKING:
    from pathlib import Path

    from ovn.model.canonical import Json
    from ovn.notify.events import Event

HOUR = 3600.0
PER_HOUR = 30
"""Messages in an hour; urgent ones come on top, up to twice as many."""

FILE = "notified.json"
MOST_KEYS = 500
LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Memory:
    """What went out: when each key last did, the moments of the last hour, how many were held back."""

    sent: dict[str, float] = field(default_factory=dict)
    moments: tuple[float, ...] = ()
    held_back: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a message goes out, what is remembered, and how many were held back before it."""

    goes: bool
    memory: Memory
    held_back: int = 0


def sift(memory: Memory, event: Event, now: float) -> Verdict:
    """Decide about one event; ``now`` in seconds since the epoch. Pure."""
    kind = KINDS[event.kind]
    last = memory.sent.get(event.key)
    if last is not None and (kind.again == ONCE or 0 <= now - last < kind.again):
        return Verdict(goes=False, memory=memory)
    recent = tuple(one for one in memory.moments if 0 <= now - one < HOUR)
    most = 2 * PER_HOUR if kind.urgent else PER_HOUR
    if len(recent) >= most:
        return Verdict(goes=False, memory=replace(memory, moments=recent, held_back=memory.held_back + 1))
    kept = dict(list(memory.sent.items())[-MOST_KEYS + 1 :])
    kept.pop(event.key, None)
    after = Memory({**kept, event.key: now}, (*recent, now))
    return Verdict(goes=True, memory=after, held_back=memory.held_back)


def load(path: Path) -> Memory:
    """Return what is remembered; nothing where the file is missing or is not ours."""
    try:
        with path.open("rb") as file:
            value = canonical.load(file.read(LIMIT + 1), str(path), limit=LIMIT)
    except (OSError, InvalidDocument):  # at worst a message comes twice
        return Memory()
    return _decode(value)


def _decode(value: Json) -> Memory:
    if not isinstance(value, dict) or value.get("version") != 1:
        return Memory()
    sent, moments, held = value.get("sent"), value.get("moments"), value.get("held_back")
    return Memory(
        {key: float(one) for key, one in (sent.items() if isinstance(sent, dict) else ()) if _number(one)},
        tuple(float(one) for one in (moments if isinstance(moments, list) else ()) if _number(one)),
        held if isinstance(held, int) and not isinstance(held, bool) and held > 0 else 0,
    )


def _number(value: Json) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def save(path: Path, memory: Memory) -> None:
    """Remember. Raises OSError."""
    value: Json = {
        "version": 1,
        "sent": dict(memory.sent),
        "moments": list(memory.moments),
        "held_back": memory.held_back,
    }
    new = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        new.write_bytes(canonical.dump(value))
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
