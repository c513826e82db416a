"""The report's first line: what came of the night, in one sentence. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ovn.clock import parse_rfc3339
from ovn.report.model import Verdict
from ovn.runner import stop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ovn.report.model import Feature, Held, Session

SAID = (
    ("rolled_back", "rolled back"),
    ("blocked", "blocked"),
    ("failed", "failed"),
    ("in_progress", "in progress"),
)
"""The statuses that the line counts when there are any, after those that are done."""


def verdict(
    features: Sequence[Feature], held: Held | None, life: str, sessions: Sequence[Session]
) -> Verdict:
    """Return the verdict on a night: ``held`` is its newest run, None without one."""
    statuses = Counter(one.status for one in features)
    proven = sum(one.status == "done" and one.evidence is not None for one in features)
    here = sum(one.done_here for one in features)
    tone = _tone(features, held, life, sessions)
    counted = _counted(features, statuses, proven, here)
    end = _end(held, life, sessions)
    return Verdict(
        tone=tone,
        text=f"{counted}; {end}",
        done=proven,
        total=len(features),
        done_here=here,
        statuses=dict(sorted(statuses.items())),
    )


def _counted(features: Sequence[Feature], statuses: Counter[str], proven: int, here: int) -> str:
    if not features:
        return "no features are registered"
    total = len(features)
    parts = [f"{proven} of {total} feature{'s' if total != 1 else ''} done with evidence"]
    if here and here != proven:
        parts[0] += f" ({here} in this night)"
    parts += [f"{statuses[status]} {word}" for status, word in SAID if statuses[status]]
    unproven = statuses["done"] - proven
    return ", ".join([*parts, f"{unproven} called done without evidence"] if unproven else parts)


def _end(held: Held | None, life: str, sessions: Sequence[Session]) -> str:
    if held is None:
        return "no night was held here" if not sessions else "no run, but a shift by hand"
    if life == "running":
        return f"going on since {clock(held.run.started)}"
    if life == "died":
        return f"begun {clock(held.run.started)} and not ended: its runner is not alive on this machine"
    return f"ended {clock(held.run.ended or held.run.started)}: {held.why}"


def clock(moment: str) -> str:
    """Return the time of day of a moment, in this machine's zone."""
    return f"{parse_rfc3339(moment).astimezone():%H:%M}"


def _tone(features: Sequence[Feature], held: Held | None, life: str, sessions: Sequence[Session]) -> str:
    if life == "running":
        return "running"
    touched = [one for one in features if one.touched]
    if held is None and not sessions:
        return "empty"
    if life == "died" or not any(one.done_here for one in features):
        return "empty" if not touched and life != "died" and _wished(held) else "bad"
    wrong = any(one.status in ("blocked", "failed", "rolled_back") for one in touched)
    return "mixed" if wrong or not _wished(held) else "good"


def _wished(held: Held | None) -> bool:
    """Tell whether a person wished for the night's end; of a word that is not known nobody did."""
    if held is None:
        return True
    reason = stop.REASONS.get(held.run.stop or "")
    return reason is not None and reason.wished
