"""What failed in a night, and what each failure led to. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn.shown import duration
from ovn.web.shapes import TONES, Led

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ovn.report.model import Attempt, Gap, Night
    from ovn.web.shapes import Pen


def failures(pen: Pen) -> Iterator[Led]:
    """Yield each failed attempt and each crash with what it led to, by attempt and then by crash."""
    lanes = {session.id: number for number, session in enumerate(pen.night.sessions)}
    order = [one for session in pen.night.sessions for one in session.attempts]
    following: dict[str | None, Attempt] = {}
    found = []
    for one in reversed(order):
        if TONES[one.outcome] == "bad":
            found.append(_failed(pen, lanes, one, following.get(one.feature)))
        following[one.feature] = one
    yield from reversed(found)
    told = [pen.crash_of(one) for one in order]
    crashes = (one for one in pen.night.gaps if one.kind == "crash" and one.session in lanes)
    yield from (_crash(pen, lanes, one) for one in crashes if one not in told)


def _failed(pen: Pen, lanes: Mapping[str, int], one: Attempt, after: Attempt | None) -> Led:
    because = f": {one.reason}" if one.reason else ""
    x, width = pen.span(one)
    crash = pen.crash_of(one)
    back = f"{_brought_back(crash)}; " if crash is not None else ""
    return Led(
        lane=lanes[one.session],
        x=x + width,
        at=one.started,
        what=f"attempt {one.number} at {one.feature or one.session} {one.outcome}{because}",
        to=back + _led_to(pen.night, one, after),
        session=one.session,
        to_lane=lanes[after.session] if after else None,
        to_x=pen.bar(after.started, after.started)[0] if after else None,
    )


def _crash(pen: Pen, lanes: Mapping[str, int], gap: Gap) -> Led:
    return Led(
        lane=lanes[gap.session],
        x=pen.bar(gap.started, gap.started)[0],
        at=gap.started,
        what=f"crash of {gap.session}: {gap.why or 'unknown'}",
        to=_brought_back(gap),
        session=gap.session,
        to_lane=lanes[gap.session] if gap.ended else None,
        to_x=pen.bar(gap.ended, gap.ended)[0] if gap.ended else None,
    )


def _brought_back(gap: Gap) -> str:
    took = f" in {duration(gap.resume_seconds)}" if gap.resume_seconds is not None else ""
    return f"brought back{took}" + (f" ({gap.row})" if gap.row else "")


def _led_to(night: Night, one: Attempt, after: Attempt | None) -> str:
    if after is not None:
        return f"tried again: attempt {after.number}, {after.outcome}"
    feature = next((found for found in night.features if found.id == one.feature), None)
    if feature is None:
        return "nothing yet"
    because = f": {feature.reason}" if feature.reason else ""
    return f"{feature.id} is {feature.status.replace('_', ' ')}{because}"
