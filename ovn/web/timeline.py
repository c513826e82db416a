"""The timeline of a night as shapes: a pure function from what happened to what is drawn.

A lane for each session; in it bars for attempts and steps, waits where nobody worked, ticks for
checkpoints; behind all lanes bands where a limit or a sleeping machine held everything up. What
would lie closer together than an eye can tell apart becomes one shape with a count, so that ten
thousand steps draw as quickly as ten. Units are those of the SVG's ``viewBox``.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from ovn.clock import parse_rfc3339
from ovn.shown import duration
from ovn.web import axis
from ovn.web.failures import failures
from ovn.web.shapes import LANE, TONES, TOP, WIDTH, Drawing, Lane, Pen, Scale, Shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime, tzinfo

    from ovn.report.model import Attempt, Checkpoint, Gap, Night, Session
    from ovn.web.steps import Step

T = TypeVar("T")

CLOSER = 2.0
"""What is nearer to its neighbour than this is drawn together with it."""

BANDS = frozenset(("limit", "sleep"))
"""Gaps that hold everybody up, not one session alone."""


def layout(night: Night, steps: Mapping[str, Sequence[Step]], zone: tzinfo) -> Drawing:
    """Return the drawing of a night; ``steps`` are those of its sessions, times are written in ``zone``."""
    scale = Scale(*_reach(night, steps))
    pen = Pen(night, scale, zone)
    gaps: dict[str, list[Gap]] = defaultdict(list)
    for gap in night.gaps:
        gaps[gap.session].append(gap)
    lanes = tuple(
        _lane(pen, number, one, gaps[one.id], steps.get(one.id, ()))
        for number, one in enumerate(night.sessions)
    )
    return Drawing(
        width=WIDTH,
        height=TOP + max(len(lanes), 1) * LANE,
        axis=tuple(axis.marks(scale.begin, scale.end, scale.x, zone)),
        bands=tuple(_gap(pen, one) for one in night.gaps if one.kind in BANDS),
        lanes=lanes,
        led=tuple(sorted(failures(pen), key=lambda one: one.at)),
        text=_words(night),
    )


def _reach(night: Night, steps: Mapping[str, Sequence[Step]]) -> tuple[datetime, datetime]:
    """Return the first and the last moment, a little apart where nothing took any time."""
    moments = [parse_rfc3339(text) for text in _moments(night, steps)]
    begin, end = min(moments), max(moments)
    return begin, max(end, begin + timedelta(seconds=1))


def _moments(night: Night, steps: Mapping[str, Sequence[Step]]) -> Iterator[str]:
    yield night.started or night.at
    yield night.ended or (night.at if night.life == "running" else night.started or night.at)
    for session in night.sessions:
        yield session.started
        yield session.ended or session.updated
        yield from (one.ended or one.started for one in session.attempts)
        yield from (one.at for one in session.checkpoints[-1:])
    for found in steps.values():
        if found:
            yield found[0].started
            yield found[-1].ended
    yield from (gap.ended or gap.started for gap in night.gaps)


# -- lanes -----------------------------------------------------------------------------


def _lane(pen: Pen, number: int, one: Session, gaps: Sequence[Gap], steps: Sequence[Step]) -> Lane:
    """Return a session's lane; the shapes that lie behind come first."""
    shapes = (
        *(_gap(pen, gap) for gap in gaps if gap.kind not in BANDS),
        *together("attempt", one.attempts, _place_attempt(pen), _say_attempt(pen)),
        *together("step", steps, _place_step(pen), _say_step(pen)),
        *together("checkpoint", one.checkpoints, _place_checkpoint(pen), _say_checkpoint(pen)),
    )
    return Lane(one.id, _label(one), TOP + number * LANE, shapes)


Placed = tuple[float, float, str]
"""Where a thing is drawn, how wide, in which tone."""


def together(
    kind: str, things: Sequence[T], place: Callable[[T], Placed], say: Callable[[T], tuple[str, str | None]]
) -> Iterator[Shape]:
    """Yield the shapes of things in order; neighbours of one tone that nearly touch become one shape.

    What a thing says is asked of those alone that are drawn.
    """
    group: list[T] = []
    x, end, tone = 0.0, 0.0, ""
    for thing in things:
        left, width, colour = place(thing)
        if group and colour == tone and left - end < CLOSER:
            group.append(thing)
            x, end = min(x, left), max(end, left + width)
            continue
        if group:
            yield Shape(kind, tone, x, end - x, *_said(kind, group, say))
        group, x, end, tone = [thing], left, left + width, colour
    if group:
        yield Shape(kind, tone, x, end - x, *_said(kind, group, say))


def _said(
    kind: str, group: Sequence[T], say: Callable[[T], tuple[str, str | None]]
) -> tuple[str, int, str | None]:
    """Return what a shape says, for how many, and where it leads."""
    first, href = say(group[0])
    if len(group) == 1:
        return first, 1, href
    text = f"{len(group)} {kind}s, from {first} to {say(group[-1])[0]}"
    return text, len(group), href if kind == "attempt" else None


def _place_attempt(pen: Pen) -> Callable[[Attempt], Placed]:
    return lambda one: (*pen.span(one), TONES[one.outcome])


def _say_attempt(pen: Pen) -> Callable[[Attempt], tuple[str, str]]:
    def say(one: Attempt) -> tuple[str, str]:
        took = f", {duration(one.seconds)}" if one.seconds is not None else ""
        because = f": {one.reason}" if one.reason else ""
        about = f" at {one.feature}" if one.feature else ""
        text = f"attempt {one.number}{about} {one.outcome}{because}{took}, {pen.clock(one.started)}"
        return text, f"#{anchor(one.session, one.number)}"

    return say


def _place_step(pen: Pen) -> Callable[[Step], Placed]:
    return lambda one: (*pen.took(one.seconds, one.ended), TONES.get(one.outcome, "bad"))


def _say_step(pen: Pen) -> Callable[[Step], tuple[str, None]]:
    def say(one: Step) -> tuple[str, None]:
        tries = f" after {one.attempts} attempts" if one.attempts > 1 else ""
        because = f": {one.error}" if one.error else ""
        return f"step {one.name} {one.outcome}{tries}{because}, {pen.clock(one.ended)}", None

    return say


def _place_checkpoint(pen: Pen) -> Callable[[Checkpoint], Placed]:
    return lambda one: (*pen.bar(one.at, one.at), "mark")


def _say_checkpoint(pen: Pen) -> Callable[[Checkpoint], tuple[str, str]]:
    return lambda one: (f"checkpoint {one.label or one.id}, {pen.clock(one.at)}", f"/checkpoint/{one.id}")


def _gap(pen: Pen, one: Gap) -> Shape:
    x, width = pen.bar(one.started, one.ended or pen.until(one.started))
    took = f", {duration(one.seconds)}" if one.seconds is not None else ", goes on"
    why = f": {one.why}" if one.why else ""
    text = f"{GAPS.get(one.kind, one.kind)}{why}{took}, {pen.clock(one.started)}"
    kind = "band" if one.kind in BANDS else "crash" if one.kind == "crash" else "wait"
    return Shape(kind, {"crash": "bad", "band": "band"}.get(kind, "wait"), x, width, text)


GAPS = {
    "limit": "waiting for a limit to end",
    "sleep": "the machine slept",
    "question": "waiting for an answer",
    "wait": "waiting",
    "crash": "crashed",
}


def anchor(session: str, number: int) -> str:
    """Return the anchor of an attempt on the night's page."""
    return f"attempt-{session}-{number}"


def _label(session: Session) -> str:
    about = session.feature or session.goal or session.kind
    return f"{session.id} · {about} · {session.state.replace('_', ' ')}"


def _words(night: Night) -> str:
    """Return the whole drawing in words, for those who do not see it."""
    attempts = [one for session in night.sessions for one in session.attempts]
    bad = sum(TONES[one.outcome] == "bad" for one in attempts)
    counts = (
        (len(night.sessions), "sessions"),
        (len(attempts), "attempts"),
        (bad, "of them failed"),
        (sum(len(session.checkpoints) for session in night.sessions), "checkpoints"),
        (sum(session.steps for session in night.sessions), "steps"),
        (len(night.gaps), "gaps in which nobody worked"),
    )
    said = ", ".join(f"{count} {what}" for count, what in counts if count)
    return f"{said or 'Nothing happened'}. The tables below say the same in words."
