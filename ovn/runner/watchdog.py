"""Is the agent getting anywhere, what has it used, did the machine sleep? Rules over what was seen. Pure.

An agent that turns in circles looks busy: it talks, calls tools, changes files. What it cannot
feign is a commit, evidence or a move in the registry, so that is what counts as progress; and
failures are counted by tool, because arguments vary while the mistake stays the same.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Literal

from ovn.frozen import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ovn.agents.usage import Usage

Kind = Literal["progress", "worked", "failed", "acted"]

MOST = 2000
"""Events that are remembered; the rules need far fewer."""

SHARE = 4
"""A tool is stuck when it fails this many times as often as it goes well, or more."""

TOGETHER = 2
"""So many times the failures of one tool, over all tools, are too many as well."""

SLEPT = 5.0
"""Seconds by which two clocks may differ between two looks before it is called a gap."""

PAUSED = 60.0
"""Seconds between two looks, a tenth of a second apart by right, that mean a halted machine."""


@dataclass(frozen=True, slots=True)
class Event:
    """What was seen, and when on the monotonic clock; ``name`` is the tool, or what moved.

    ``progress``: a commit, evidence, the registry; ``worked`` and ``failed``: a tool ended;
    ``acted``: a tool was called, or files changed.
    """

    at: float
    kind: Kind
    name: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """When an attempt is ended for getting nowhere; seconds and counts, None is never."""

    failures: int | None = None
    without_progress: float | None = None
    idle: float | None = None


@dataclass(slots=True)
class Window:
    """The events since the last progress, the newest ``MOST`` of them; ``since`` is when that was."""

    since: float
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=MOST))

    def add(self, event: Event) -> None:
        """Take an event; progress wipes the slate clean."""
        if event.kind == "progress":
            self.events.clear()
            self.since = event.at
        else:
            self.events.append(event)


def verdict(rules: Rules, window: Window, now: float) -> tuple[str, str] | None:
    """Return (the rule's name, why in words) where the agent is getting nowhere; None where it may go on."""
    tired = _failing(rules, window.events)
    if tired is not None:
        return "stuck", tired
    if rules.without_progress is not None and now - window.since >= rules.without_progress:
        minutes = (now - window.since) / 60
        return "stuck", f"no commit, no evidence and no move in the registry for {minutes:.0f} minutes"
    last = window.events[-1].at if window.events else window.since
    if rules.idle is not None and now - last >= rules.idle:
        return "idle", f"no tool was used and nothing changed for {(now - last) / 60:.0f} minutes"
    return None


def _failing(rules: Rules, events: Iterable[Event]) -> str | None:
    """Return which tool fails again and again since the last progress, whatever it is given."""
    if rules.failures is None:
        return None
    failed: dict[str, int] = {}
    worked: dict[str, int] = {}
    for event in events:
        if event.kind in ("failed", "worked"):
            counts = failed if event.kind == "failed" else worked
            counts[event.name] = counts.get(event.name, 0) + 1
    for name, times in failed.items():
        if times >= rules.failures and times >= SHARE * worked.get(name, 0):
            return f"the tool '{name}' failed {times} times since anything moved"
    total = sum(failed.values())
    if total >= TOGETHER * rules.failures and total >= SHARE * sum(worked.values()):
        return f"{total} tool calls failed since anything moved"
    return None


# -- what it may use -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Budget:
    """What a night may use, and from which part of it on it is said; None is without limit."""

    cost: float | None = None
    tokens: int | None = None
    warn_at: float = 80.0


@dataclass(frozen=True, slots=True)
class Spent:
    """A part of a budget that is used up: ``word`` is the stop word, ``over`` whether all of it is."""

    word: str
    over: bool
    text: str


def spent(budget: Budget, used: Usage) -> list[Spent]:
    """Return what is used up to the warning or beyond; nothing while there is plenty left."""
    rows = (
        ("max-cost", budget.cost, used.cost, f"{used.cost:.2f} of {budget.cost or 0:.2f} USD are spent"),
        ("max-tokens", budget.tokens, used.tokens, f"{used.tokens} of {budget.tokens or 0} tokens are used"),
    )
    return [
        Spent(word, have >= most, text)
        for word, most, have, text in rows
        if most is not None and have > 0 and have >= most * min(budget.warn_at, 100.0) / 100
    ]


# -- time ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reading:
    """Three clocks at one moment, in seconds: time of day, monotonic, and since boot with sleep in it."""

    wall: float
    monotonic: float
    boot: float


@dataclass(frozen=True, slots=True)
class Gap:
    """Time in which nobody watched: ``slept``, ``paused``, or a ``clock`` that was set."""

    kind: Literal["slept", "paused", "clock"]
    seconds: float

    @property
    def text(self) -> str:
        """What happened, for people."""
        seconds = abs(self.seconds)
        way = "forward" if self.seconds > 0 else "back"
        return {
            "slept": f"the machine slept for {seconds:.0f} s",
            "paused": f"the machine or the runner stood still for {seconds:.0f} s",
            "clock": f"the clock was set {way} by {seconds:.0f} s",
        }[self.kind]


def gap(before: Reading, now: Reading) -> Gap | None:
    """Return what happened between two looks that should be a moment apart; None for nothing.

    Linux's monotonic clock stands still while the machine sleeps, the one since boot does not.
    """
    ticked, passed = now.monotonic - before.monotonic, now.boot - before.boot
    if passed - ticked >= SLEPT:
        return Gap("slept", passed - ticked)
    jumped = (now.wall - before.wall) - passed
    if abs(jumped) >= SLEPT:
        return Gap("clock", jumped)
    return Gap("paused", ticked) if ticked >= PAUSED else None
