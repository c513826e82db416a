"""The timeline's laws: nothing outside, nothing lost, no failure looks well, bounded however much."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovn.clock import rfc3339
from ovn.report.model import Attempt, Checkpoint, Feature, Gap, Night, Session, Source, Verdict
from ovn.web import axis
from ovn.web.shapes import LANE, LEFT, RIGHT, TONES, WIDTH
from ovn.web.steps import Step
from ovn.web.timeline import layout

pytestmark = pytest.mark.unmeasured

BEGIN = datetime(2026, 1, 2, 22, 0, tzinfo=UTC)
DOCUMENT = Source("document", "x")


def at(seconds: float) -> str:
    return rfc3339(BEGIN + timedelta(seconds=seconds))


def night(*sessions: Session, gaps: tuple[Gap, ...] = (), **more) -> Night:
    told = {"project": "demo", "state": "", "at": at(9e4), "life": "ended", "verdict": Verdict("good", "")}
    return Night(**{**told, "started": at(0), "sessions": sessions, "gaps": gaps, **more})


def session(name: str = "s", *attempts: Attempt, checkpoints: tuple[Checkpoint, ...] = (), **more) -> Session:
    told = {"state": "active", "kind": "run", "started": at(0), "updated": at(0), "source": DOCUMENT}
    return Session(id=name, attempts=attempts, checkpoints=checkpoints, **{**told, **more})


seconds = st.floats(0, 80_000, allow_nan=False)


@st.composite
def attempts(draw, name: str) -> tuple[Attempt, ...]:
    found = []
    for number in range(draw(st.integers(0, 12))):
        start, took = draw(seconds), draw(st.none() | st.floats(0, 9_000))
        outcome = draw(st.sampled_from(["passed", "failed", "crashed", "running"]))
        end = at(start + took) if took is not None else None
        found.append(
            Attempt(name, number, draw(st.sampled_from([None, "f", "g"])), outcome, at(start), DOCUMENT, end)
        )
    return tuple(sorted(found, key=lambda one: one.started))


@st.composite
def nights(draw) -> tuple[Night, dict[str, list[Step]]]:
    names = draw(st.lists(st.text(min_size=1, max_size=9), unique=True, max_size=5))
    sessions, steps = [], {}
    for name in names:
        moments = sorted(draw(st.lists(seconds, max_size=40)))
        kept = tuple(
            Checkpoint(f"{name}/{n}", at(moment), name, DOCUMENT) for n, moment in enumerate(moments)
        )
        sessions.append(session(name, *draw(attempts(name)), checkpoints=kept, steps=len(moments)))
        ends = draw(
            st.lists(
                st.sampled_from(["done", "failed", "cancelled"]), min_size=len(moments), max_size=len(moments)
            )
        )
        steps[name] = [
            Step(n, "x", at(m + 1), 1.0, end) for n, (m, end) in enumerate(zip(moments, ends, strict=True))
        ]
    gaps = []
    for name in draw(st.lists(st.sampled_from(names or ["-"]), max_size=6)):
        kind, start = draw(st.sampled_from(["limit", "question", "wait", "crash", "sleep"])), draw(seconds)
        end = draw(st.none() | st.floats(0, 5_000))
        gaps.append(Gap(kind, name, at(start), DOCUMENT, at(start + end) if end is not None else None, end))
    return night(*sessions, gaps=tuple(gaps)), steps


@given(nights())
@settings(max_examples=30)
def test_every_lane_every_shape_and_no_more(made):
    told, steps = made
    drawing = layout(told, steps, UTC)
    assert [lane.session for lane in drawing.lanes] == [one.id for one in told.sessions]
    for number, (lane, one) in enumerate(zip(drawing.lanes, told.sessions, strict=True)):
        assert lane.y == drawing.lanes[0].y + number * LANE
        for shape in (*lane.shapes, *drawing.bands):
            assert LEFT <= shape.x <= shape.x + shape.width <= WIDTH - RIGHT + 0.001
            assert shape.width > 0
        for kind, wanted in (
            ("attempt", one.attempts),
            ("step", steps[one.id]),
            ("checkpoint", one.checkpoints),
        ):
            assert sum(shape.count for shape in lane.shapes if shape.kind == kind) == len(wanted)
        bad = sum(shape.count for shape in lane.shapes if shape.kind == "step" and shape.tone == "bad")
        assert bad == sum(step.outcome != "done" for step in steps[one.id])
        red = sum(shape.count for shape in lane.shapes if shape.kind == "attempt" and shape.tone == "bad")
        assert red == sum(TONES[attempt.outcome] == "bad" for attempt in one.attempts)
    assert drawing.height >= len(drawing.lanes) * LANE


@given(nights())
@settings(max_examples=20)
def test_every_failed_attempt_led_to_something_in_words(made):
    told, steps = made
    drawing = layout(told, steps, UTC)
    failed = [one for held in told.sessions for one in held.attempts if TONES[one.outcome] == "bad"]
    assert len(drawing.led) >= len(failed)
    assert [one.at for one in drawing.led] == sorted(one.at for one in drawing.led)
    assert all(one.what and one.to and one.lane < len(drawing.lanes) for one in drawing.led)


@given(st.integers(1, 20_000))
@settings(max_examples=5)
def test_however_many_steps_there_are_a_lane_has_no_more_shapes_than_an_eye_can_tell_apart(count):
    steps = {"s": [Step(n, "x", at(n + 0.5), 0.5, "done" if n % 3 else "failed") for n in range(count)]}
    drawing = layout(night(session(steps=count)), steps, UTC)
    shapes = [one for one in drawing.lanes[0].shapes if one.kind == "step"]
    assert sum(one.count for one in shapes) == count
    if (
        count > 10_000
    ):  # more than ten to a unit: every failure is still there, as its own shape or among its like
        assert sum(one.count for one in shapes if one.tone == "bad") == -(-count // 3)


def test_a_night_in_which_nothing_happened_is_drawn():
    drawing = layout(night(), {}, UTC)
    assert drawing.lanes == drawing.bands == drawing.led == ()
    assert drawing.text.startswith("Nothing happened")


def test_a_failure_says_what_it_led_to():
    first = Attempt("s", 1, "f", "failed", at(10), DOCUMENT, at(20), reason="red: 1 failed")
    second = Attempt("s", 2, "f", "failed", at(30), DOCUMENT, at(40))
    feature = Feature("f", "F", "blocked", "P1", DOCUMENT, reason="2 attempts failed")
    drawing = layout(night(session("s", first, second), features=(feature,)), {}, UTC)
    assert [(one.what, one.to) for one in drawing.led] == [
        ("attempt 1 at f failed: red: 1 failed", "tried again: attempt 2, failed"),
        ("attempt 2 at f failed", "f is blocked: 2 attempts failed"),
    ]
    assert drawing.led[0].to_lane == 0
    assert drawing.led[1].to_lane is None


def test_an_attempt_that_died_ends_where_its_crash_begins():
    died = Attempt("s", 1, "f", "crashed", at(100), DOCUMENT)
    again = Attempt("s", 2, "f", "passed", at(5_000), DOCUMENT, at(9_000))
    gap = Gap("crash", "s", at(200), DOCUMENT, at(4_900), 4_700, row="interrupted", resume_seconds=0.5)
    drawing = layout(night(session("s", died, again), gaps=(gap,), ended=at(9_000)), {}, UTC)
    crash = next(one for one in drawing.lanes[0].shapes if one.kind == "crash")
    bar = next(one for one in drawing.lanes[0].shapes if one.kind == "attempt" and one.tone == "bad")
    assert bar.x + bar.width <= crash.x + 2
    (led,) = drawing.led
    assert led.to == "brought back in 0.5 s (interrupted); tried again: attempt 2, passed"


def test_limits_and_sleep_are_bands_and_questions_are_not():
    gaps = tuple(
        Gap(kind, "s", at(10), DOCUMENT, at(50), 40.0) for kind in ("limit", "sleep", "question", "wait")
    )
    drawing = layout(night(session(), gaps=gaps), {}, UTC)
    assert [one.kind for one in drawing.bands] == ["band", "band"]
    assert [one.kind for one in drawing.lanes[0].shapes] == ["wait", "wait"]


@given(st.floats(0.5, 5e7), st.integers(-14, 14))
def test_the_axis_has_a_few_round_marks_in_any_zone(length, hours):
    zone = timezone(timedelta(hours=hours))
    end = BEGIN + timedelta(seconds=length)
    marks = list(axis.marks(BEGIN, end, lambda moment: (moment - BEGIN).total_seconds(), zone))
    assert len(marks) <= axis.MOST + 1
    assert [one.x for one in marks] == sorted(one.x for one in marks)
    assert all(0 <= one.x <= length for one in marks)


@pytest.mark.parametrize(
    ("length", "texts"),
    [
        (20, ["22:00:00", "22:00:05", "22:00:10", "22:00:15", "22:00:20"]),
        (3600 * 5, ["22:00", "23:00", "00:00", "01:00", "02:00", "03:00"]),
    ],
)
def test_marks_are_what_people_count_in(length, texts):
    marks = axis.marks(BEGIN, BEGIN + timedelta(seconds=length), lambda _: 0.0, UTC)
    assert [one.text for one in marks] == texts
