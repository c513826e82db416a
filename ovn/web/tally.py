"""What all records of all sessions add up to: the counters behind ``/metrics``.

Each record is read once in a server's life; a table says what each type counts.
"""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ovn.clock import parse_rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ovn.model.records import Record
    from ovn.state.store import StateStore

RECENT = 32
"""Times of a session's last records that are remembered: a resume itself records a handful."""

MARGIN = 0.01

Key = tuple[str, str]
"""A metric of ``ovn.web.metrics.METRICS``, and the value of its label (empty where it has none)."""


def _checkpoint(data: dict[str, Any], _: float) -> list[tuple[Key, float]]:
    return [(("ovn_checkpoints_total", str(data["kind"])), 1)]


def _step(data: dict[str, Any], _: float) -> list[tuple[Key, float]]:
    return [(("ovn_steps_total", str(data["outcome"])), 1)]


def _retry(_: dict[str, Any], __: float) -> list[tuple[Key, float]]:
    return [(("ovn_step_retries_total", ""), 1)]


def _attempt(data: dict[str, Any], _: float) -> list[tuple[Key, float]]:
    passed = data["exit_code"] == 0 and not data["reason"]
    return [(("ovn_attempts_total", "passed" if passed else "failed"), 1)]


def _evidence(data: dict[str, Any], _: float) -> list[tuple[Key, float]]:
    return [(("ovn_evidence_total", "green" if data["green"] else "red"), 1)]


def _recovery(data: dict[str, Any], gap: float) -> list[tuple[Key, float]]:
    return [
        (("ovn_recoveries_total", str(data["verdict"])), 1),
        (("ovn_recovery_seconds_total", ""), gap),
        (("ovn_resume_seconds_total", ""), float(data.get("seconds") or 0)),
    ]


COUNTED: dict[str, Callable[[dict[str, Any], float], list[tuple[Key, float]]]] = {
    "checkpoint": _checkpoint,
    "step": _step,
    "step.retry": _retry,
    "attempt.ended": _attempt,
    "evidence": _evidence,
    "recovery": _recovery,
}
"""What a record of each type adds; the number is the seconds that a recovery took altogether."""


class Tally:
    """The counters, by metric and label."""

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._read: dict[str, tuple[int, deque[str]]] = {}
        self.counts: dict[Key, float] = {}

    def update(self) -> None:
        """Count what is new. Raises InvalidDocument."""
        sessions = self._store.view().sessions(ended=True)
        for name in sessions:
            last, recent = self._read.get(name, (0, deque(maxlen=RECENT)))
            fresh = self._store.since(name, last) if last else self._store.replay(name)
            for seq, record in fresh:
                self._count(record, recent)
                recent.append(record["at"])
                last = seq
            self._read[name] = (last, recent)

    def _count(self, record: Record, recent: Iterable[str]) -> None:
        counting = COUNTED.get(record["type"])
        if counting is not None:
            for key, number in counting(record["data"], _gap(record, recent)):
                self.counts[key] = self.counts.get(key, 0) + number


def _gap(record: Record, recent: Iterable[str]) -> float:
    """Return the seconds from the last sign of life before a recovery; what the resume recorded is none."""
    if record["type"] != "recovery":
        return 0.0
    end = parse_rfc3339(record["at"])
    began = end - timedelta(seconds=float(record["data"].get("seconds") or 0) + MARGIN)
    before = [moment for moment in map(parse_rfc3339, recent) if moment <= began]
    return max((end - before[-1]).total_seconds(), 0.0) if before else 0.0
