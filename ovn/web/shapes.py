"""What a timeline is made of: shapes, lanes, the scale of time, and the pen that knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn.clock import parse_rfc3339
from ovn.frozen import dataclass
from ovn.web import axis

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    from ovn.report.model import Attempt, Gap, Night
    from ovn.web.axis import Mark

WIDTH = 1000.0
LEFT = RIGHT = 14.0
TOP = 34.0
LANE = 66.0
LABEL = 16.0
"""Heights: of the axis, of a lane, of the line of text over its bars."""

THINNEST = 2.0
"""Of a bar: what took no time is still seen."""

TONES = {"passed": "good", "running": "going", "failed": "bad", "crashed": "bad", "done": "step"}
"""How a thing ended -> the tone that it is drawn in."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One thing drawn, or ``count`` of them. ``kind``: attempt, step, wait, crash, checkpoint, band.

    ``tone``: good, going, bad, step, wait, mark, band. ``text`` says it in words; ``href`` leads further.
    """

    kind: str
    tone: str
    x: float
    width: float
    text: str
    count: int = 1
    href: str | None = None


@dataclass(frozen=True, slots=True)
class Lane:
    """One session: where its lane begins, what is written over it, what is drawn in it."""

    session: str
    label: str
    y: float
    shapes: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class Led:
    """A failure and what it led to, in words; ``at`` is RFC 3339, ``lane`` a lane's number.

    ``to_lane`` and ``to_x`` say where what it led to is drawn; None where it is not.
    """

    lane: int
    x: float
    at: str
    what: str
    to: str
    session: str
    to_lane: int | None = None
    to_x: float | None = None


@dataclass(frozen=True, slots=True)
class Drawing:
    """The timeline: its size, the axis, the bands behind all, the lanes, and what failures led to."""

    width: float
    height: float
    axis: tuple[Mark, ...]
    bands: tuple[Shape, ...]
    lanes: tuple[Lane, ...]
    led: tuple[Led, ...]
    text: str

    def has(self, kind: str) -> bool:
        """Tell whether anything of a kind is drawn."""
        return any(shape.kind == kind for lane in self.lanes for shape in lane.shapes)

    @property
    def count(self) -> int:
        """How many things are drawn."""
        return sum(shape.count for lane in self.lanes for shape in lane.shapes)


@dataclass(frozen=True, slots=True)
class Scale:
    """From moments to places. ``end`` is later than ``begin``."""

    begin: datetime
    end: datetime

    def x(self, moment: datetime, before: float = 0.0) -> float:
        """Return where a moment lies, or so many seconds before it; what is outside lies on the border."""
        part = ((moment - self.begin).total_seconds() - before) / (self.end - self.begin).total_seconds()
        return LEFT + min(max(part, 0.0), 1.0) * (WIDTH - LEFT - RIGHT)


@dataclass(frozen=True, slots=True)
class Pen:
    """What drawing one night needs everywhere."""

    night: Night
    scale: Scale
    zone: tzinfo

    def bar(self, begin: str, end: str) -> tuple[float, float]:
        """Return where a bar begins and its width."""
        return self._seen(self.scale.x(parse_rfc3339(begin)), self.scale.x(parse_rfc3339(end)))

    def took(self, seconds: float, end: str) -> tuple[float, float]:
        """Return the bar of what took so many seconds until then."""
        moment = parse_rfc3339(end)
        return self._seen(self.scale.x(moment, seconds), self.scale.x(moment))

    @staticmethod
    def _seen(left: float, right: float) -> tuple[float, float]:
        """Return begin and width: never too thin to be seen, never beyond the border."""
        width = max(right - left, THINNEST)
        return min(left, WIDTH - RIGHT - width), width

    def span(self, one: Attempt) -> tuple[float, float]:
        """Return the bar of an attempt; one that died ended with its last sign of life."""
        return self.bar(one.started, one.ended or self._died(one) or self.until(one.started))

    def crash_of(self, one: Attempt) -> Gap | None:
        """Return the crash that ended an attempt, where there was one."""
        if one.outcome != "crashed" or one.ended is not None:
            return None
        found = (gap for gap in self.night.gaps if gap.kind == "crash" and gap.session == one.session)
        return next((gap for gap in found if (gap.ended or gap.started) >= one.started), None)

    def _died(self, one: Attempt) -> str | None:
        gap = self.crash_of(one)
        return max(gap.started, one.started) if gap is not None else None

    def until(self, started: str) -> str:
        """Return when something that has no end ended at the latest."""
        return max(started, self.night.ended or self.night.at)

    def clock(self, moment: str) -> str:
        """Return the time of day."""
        return axis.clock(moment, self.zone)
