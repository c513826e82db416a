"""The watchdog's rules: by table, and as laws over any window of events."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn.agents.usage import Usage
from ovn.runner import watchdog
from ovn.runner.watchdog import Budget, Event, Gap, Reading, Rules, Window, gap, spent, verdict

pytestmark = pytest.mark.unmeasured

RULES = Rules(failures=5, without_progress=3600, idle=600)


def window(*kinds: str, every: float = 1.0) -> tuple[Window, float]:
    """Return a window of events, ``kind:name``, a second apart, and the moment of the last."""
    made, now = Window(0.0), 0.0
    for kind in kinds:
        now += every
        name = kind.partition(":")[2]
        made.add(Event(now, kind.partition(":")[0], name))
    return made, now


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        ([], None),
        (["failed:Bash"] * 4, None),
        (["failed:Bash"] * 5, "the tool 'Bash' failed 5 times since anything moved"),
        (["failed:Bash", "worked:Edit"] * 5, "the tool 'Bash' failed 5 times since anything moved"),
        (["failed:Bash", "worked:Bash"] * 50, None),
        (["failed:Bash"] * 4 + ["progress"] + ["failed:Bash"] * 4, None),
        ([f"failed:tool{n}" for n in range(9)], None),
        ([f"failed:tool{n}" for n in range(10)], "10 tool calls failed since anything moved"),
        (["failed:Bash"] * 7 + ["worked:Bash"] * 2, None),
        (["failed:Bash"] * 8 + ["worked:Bash"] * 2, "the tool 'Bash' failed 8 times since anything moved"),
    ],
)
def test_failures_are_counted_by_tool_since_the_last_progress(kinds, words) -> None:
    seen, now = window(*kinds)
    assert verdict(RULES, seen, now) == (words and ("stuck", words))


def test_an_hour_of_work_without_progress_is_stuck_and_without_work_idle() -> None:
    busy = Window(0.0)
    for at in range(0, 3600, 60):
        busy.add(Event(at, "worked", "Edit"))
    assert verdict(RULES, busy, 3599) is None
    words = "no commit, no evidence and no move in the registry for 60 minutes"
    assert verdict(RULES, busy, 3600) == ("stuck", words)
    assert verdict(RULES, Window(0.0), 599) is None
    assert verdict(RULES, Window(0.0), 600) == ("idle", "no tool was used and nothing changed for 10 minutes")


events = st.builds(
    Event,
    st.floats(0, 1000),
    st.sampled_from(["worked", "failed", "acted"]),
    st.sampled_from(["Bash", "Edit", "Read"]),
)


@given(st.lists(events, max_size=200), st.floats(0, 599))
def test_an_agent_that_has_just_committed_is_never_stuck(seen, later) -> None:
    made = Window(0.0)
    for event in seen:
        made.add(event)
    made.add(Event(1000, "progress"))
    assert verdict(RULES, made, 1000 + later) is None


@given(st.lists(events, max_size=100))
def test_one_more_failure_never_makes_an_agent_less_stuck(seen) -> None:
    made = Window(0.0)
    for event in seen:
        made.add(event)
    before = verdict(RULES, made, 1000)
    made.add(Event(1000, "failed", "Bash"))
    assert before is None or before[0] == "idle" or verdict(RULES, made, 1000) is not None


@given(st.lists(events, max_size=100), st.randoms())
def test_the_order_of_failures_does_not_matter(seen, random) -> None:
    again = list(seen)
    random.shuffle(again)
    one, other = Window(0.0), Window(0.0)
    for event in seen:
        one.add(event)
    for event in again:
        other.add(event)
    failing = Rules(failures=5)
    assert (verdict(failing, one, 0) is None) == (verdict(failing, other, 0) is None)


@given(st.lists(events, max_size=50), st.floats(0, 1e6))
def test_without_rules_nothing_is_ever_enough(seen, now) -> None:
    made = Window(0.0)
    for event in seen:
        made.add(event)
    assert verdict(Rules(), made, now) is None


def test_a_window_remembers_no_more_than_it_needs() -> None:
    made = Window(0.0)
    for at in range(3 * watchdog.MOST):
        made.add(Event(at, "worked", "Edit"))
    assert len(made.events) == watchdog.MOST


# -- budget ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("budget", "used", "told"),
    [
        (Budget(), Usage(output=10**9, cost=10**6), []),
        (Budget(cost=10), Usage(cost=7.99), []),
        (Budget(cost=10), Usage(cost=8), [("max-cost", False, "8.00 of 10.00 USD are spent")]),
        (Budget(cost=10), Usage(cost=10), [("max-cost", True, "10.00 of 10.00 USD are spent")]),
        (Budget(tokens=100), Usage(60, 30), [("max-tokens", False, "90 of 100 tokens are used")]),
        (Budget(tokens=100, warn_at=50), Usage(60, 40), [("max-tokens", True, "100 of 100 tokens are used")]),
        (Budget(cost=0), Usage(), []),
        (Budget(cost=0), Usage(cost=0.1), [("max-cost", True, "0.10 of 0.00 USD are spent")]),
    ],
)
def test_eighty_percent_is_said_and_all_of_it_is_the_end(budget, used, told) -> None:
    assert [(one.word, one.over, one.text) for one in spent(budget, used)] == told


@given(st.floats(0, 100), st.floats(0, 100), st.floats(0.01, 100), st.floats(0, 100))
def test_who_used_more_is_never_further_from_the_end(less, more, most, warn_at) -> None:
    less, more = sorted((less, more))
    budget = Budget(cost=most, warn_at=warn_at)

    def grade(cost: float) -> int:
        found = spent(budget, Usage(cost=cost))
        return 0 if not found else 2 if found[0].over else 1

    assert grade(less) <= grade(more)


# -- time --------------------------------------------------------------------------------

NOON = Reading(1_000_000.0, 100.0, 500.0)


@pytest.mark.parametrize(
    ("wall", "monotonic", "boot", "found"),
    [
        (0.1, 0.1, 0.1, None),
        (30, 30, 30, None),
        (3600.1, 0.1, 3600.1, Gap("slept", 3600.0)),
        (90, 90, 90, Gap("paused", 90.0)),
        (3600.1, 0.1, 0.1, Gap("clock", 3600.0)),
        (-3599.9, 0.1, 0.1, Gap("clock", -3600.0)),
    ],
)
def test_three_clocks_tell_sleep_from_a_halt_and_from_a_clock_that_was_set(
    wall, monotonic, boot, found
) -> None:
    now = Reading(NOON.wall + wall, NOON.monotonic + monotonic, NOON.boot + boot)
    told = gap(NOON, now)
    assert (told and (told.kind, round(told.seconds, 3))) == (found and (found.kind, found.seconds))


@given(st.floats(0, 50), st.floats(-4.9, 4.9))
def test_small_differences_are_no_gap(seconds, off) -> None:
    now = Reading(NOON.wall + seconds + off, NOON.monotonic + seconds, NOON.boot + seconds)
    assert gap(NOON, now) is None


@given(st.floats(10, 1e6), st.floats(0, 1), st.floats(-1e6, 1e6))
def test_sleep_is_found_whatever_the_clock_was_set_to(asleep, awake, jump) -> None:
    now = Reading(NOON.wall + jump, NOON.monotonic + awake, NOON.boot + awake + asleep)
    found = gap(NOON, now)
    assert found is not None
    assert (found.kind, round(found.seconds, 3)) == ("slept", round(asleep, 3))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Gap("slept", 3600), "the machine slept for 3600 s"),
        (Gap("paused", 90), "the machine or the runner stood still for 90 s"),
        (Gap("clock", 60), "the clock was set forward by 60 s"),
        (Gap("clock", -60), "the clock was set back by 60 s"),
    ],
)
def test_a_gap_has_words_for_people(found, words) -> None:
    assert found.text == words
