"""The recovery table: complete, every row reachable, and safe whatever the facts are."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovn.model.documents import FEATURE_STATUSES, SESSION_KINDS, SESSION_STATES
from ovn.recovery.diagnosis import ATTEMPTS, LEASES, TOLD, VERDICTS, Facts, course, diagnose, row_for
from ovn.recovery.table import ENDED, TABLE

pytestmark = pytest.mark.unmeasured

FACTS = st.builds(
    Facts,
    session=st.sampled_from(["", "session-001"]),
    state=st.sampled_from(SESSION_STATES),
    kind=st.sampled_from([*SESSION_KINDS, "of-a-later-version"]),
    feature=st.just("parser"),
    feature_status=st.sampled_from(["", *FEATURE_STATUSES]),
    lease=st.sampled_from(LEASES),
    attempt=st.sampled_from(ATTEMPTS),
    attempts_left=st.integers(0, 4),
    **{field.name: st.booleans() for field in fields(Facts) if field.type == "bool"},
)

RUN = Facts(
    session="session-001", state="crashed", kind="run", feature="parser", feature_status="in_progress"
)
FAILED = replace(RUN, attempt="failed", attempts_left=0, work=True)

EXAMPLES: dict[str, Facts] = {
    "nothing-to-resume": Facts(),
    "manual": Facts(session="manual", kind="manual"),
    "held": replace(RUN, lease="alive"),
    "agent-alive": replace(RUN, agent_alive=True, pids=(12, 13)),
    "journal-damaged": replace(RUN, journal_lost=True, journal_torn=True),
    "journal-torn": replace(RUN, journal_torn=True),
    "journal-pending": replace(RUN, journal_pending=True),
    "ended-holding": replace(RUN, state="handed_off", lease="dead"),
    "ended": replace(RUN, state="handed_off", lease="free"),
    "crash-loop": replace(RUN, crash_loop=True, crashes=6),
    "waiting": replace(RUN, state="waiting", waiting=True),
    "lease-dead": replace(RUN, lease="dead"),
    "lease-free": replace(RUN, lease="free"),
    "half-done-foreign": replace(RUN, operation=True, foreign_commits=True),
    "half-done": replace(RUN, operation=True),
    "branch-moved": replace(RUN, branch_moved=True),
    "feature-over": replace(RUN, feature_status="done"),
    "program": replace(RUN, kind="python"),
    "detached": replace(RUN, kind="detached"),
    "baseline-broken": replace(RUN, attempt="failed", baseline_red=True),
    "interrupted": replace(RUN, attempt="open", attempts_left=0),
    "passed": replace(RUN, attempt="passed"),
    "last-words-foreign-commits": replace(FAILED, foreign_commits=True),
    "last-words-foreign-changes": replace(FAILED, attempts_left=1, foreign_changes=True),
    "last-words-git-operation": replace(FAILED, git_operation=True),
    "last-words-no-checkpoint": replace(FAILED, checkpoint_valid=False),
    "used-up": FAILED,
    "used-up-no-work": replace(FAILED, work=False),
    "last-attempt": replace(FAILED, attempts_left=1),
    "next-attempt": replace(FAILED, attempts_left=2),
    "unknown": replace(RUN, kind="of-a-later-version"),
}


def test_every_row_has_an_example():
    assert list(EXAMPLES) == [row.name for row in TABLE]


@pytest.mark.parametrize("name", EXAMPLES)
def test_row_by_row(name):
    assert diagnose(EXAMPLES[name]).row == name


@given(FACTS)
@settings(max_examples=300)
def test_all_facts_have_exactly_one_row(facts):
    first = next(row for row in TABLE if row.fits(facts))
    assert row_for(facts) is first
    verdict = diagnose(facts)
    assert verdict.row == first.name
    assert verdict.verdict in VERDICTS
    assert verdict.command and "{" not in verdict.command + verdict.reason


def test_every_verdict_is_given_by_some_row():
    assert {row.verdict for row in TABLE} == set(VERDICTS)


def test_the_last_row_takes_what_is_left():
    assert TABLE[-1].when == {}


def test_every_fact_that_is_not_only_told_is_asked_for_by_a_row():
    asked = {name for row in TABLE for name in row.when}
    assert asked == {field.name for field in fields(Facts)} - TOLD


def test_no_row_asks_for_a_value_that_its_fact_cannot_have():
    possible = {"lease": LEASES, "attempt": ATTEMPTS, "state": SESSION_STATES, "kind": SESSION_KINDS}
    possible |= {"feature_status": FEATURE_STATUSES}
    for row in TABLE:
        for name, wanted in row.when.items():
            values = wanted if isinstance(wanted, tuple) else (wanted,)
            assert name not in possible or set(values) <= set(possible[name]), row.name


# -- safety, whatever the facts --------------------------------------------------------


@given(FACTS)
@settings(max_examples=300)
def test_a_course_ends_and_only_its_last_verdict_is_left_to_others(facts):
    said = course(facts)
    assert [verdict.by for verdict in said[:-1]] == ["resume"] * (len(said) - 1)
    assert said[-1].by != "resume"
    assert len({verdict.row for verdict in said}) == len(said)


DISCARDS = ("restore-checkpoint", "roll-back-feature")


@given(FACTS)
@settings(max_examples=300)
def test_nothing_is_taken_back_over_foreign_commits(facts):
    if facts.foreign_commits:
        assert not {verdict.verdict for verdict in course(facts)} & set(DISCARDS)


@given(FACTS)
@settings(max_examples=300)
def test_no_feature_is_taken_back_over_changes_made_while_no_agent_lived(facts):
    if facts.foreign_changes:
        assert not {verdict.verdict for verdict in course(facts) if verdict.by == "run"} & set(DISCARDS)


@given(FACTS)
@settings(max_examples=300)
def test_under_a_live_lease_nothing_at_all_is_done(facts):
    if facts.lease == "alive" and facts.session:
        assert all(verdict.by != "resume" and verdict.verdict not in DISCARDS for verdict in course(facts))


@given(FACTS)
@settings(max_examples=300)
def test_no_second_agent_starts_while_one_lives(facts):
    if facts.agent_alive:
        assert "resume-agent" not in {verdict.verdict for verdict in course(facts)}


@given(FACTS)
@settings(max_examples=300)
def test_what_discards_has_a_lease_an_attempt_that_failed_and_a_checkpoint(facts):
    last = course(facts)[-1]
    if last.verdict in DISCARDS:
        assert facts.attempt == "failed" and facts.attempts_left <= 1
        assert facts.checkpoint_valid and not facts.git_operation and facts.kind == "run"


@given(FACTS)
@settings(max_examples=300)
def test_an_ended_session_is_never_worked_on_again(facts):
    if facts.state in ENDED:
        assert {verdict.verdict for verdict in course(facts)}.isdisjoint({*DISCARDS, "resume-agent"})


@given(FACTS)
@settings(max_examples=300)
def test_records_are_folded_before_anything_is_decided_on_them(facts):
    said = course(facts)
    if facts.journal_pending and len(said) > 1:
        assert said[0].verdict == "fold-then-continue"


# -- as text ---------------------------------------------------------------------------


def test_what_a_repository_wrote_is_not_read_as_a_template():
    facts = replace(RUN, lease="alive", holder="{session} {0} {x}")
    assert diagnose(facts).reason == "a live process holds the lease: {session} {0} {x}"
