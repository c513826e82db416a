"""What a night came to, gathered from the state branch: each row, and the commit or document behind it."""

from __future__ import annotations

import dataclasses

import pytest

from ovn import names
from ovn.clock import parse_rfc3339
from ovn.errors import NotFound, NotInitialised
from ovn.report import gather, nights
from ovn.report.model import Source
from ovn.runner import sole
from ovn.state.store import StateStore


def test_a_feature_has_its_evidence_its_diff_its_attempts_and_its_cost(night):
    lexer = next(one for one in gather(night.store).features if one.id == "lexer")
    assert (lexer.status, lexer.touched, lexer.done_here) == ("done", True, True)
    assert [(one.exit_code, one.command) for one in lexer.evidence.commands] == [(0, "test -f lexer.txt")]
    assert (lexer.diff.added, lexer.diff.deleted, lexer.diff.paths) == (3, 1, ("README", "lexer.txt"))
    assert lexer.outside == ("README",)
    assert [(one.number, one.outcome, one.seconds) for one in lexer.attempts] == [(1, "passed", 600.0)]
    assert (lexer.cost_usd, lexer.tokens.output) == (0.42, 3000)


def test_tests_that_a_feature_made_weaker_are_named_with_the_commit(night):
    parser = next(one for one in gather(night.store).features if one.id == "parser")
    found = [(one.kind, one.test, one.before, one.after) for one in parser.tests]
    assert found == [("fewer assertions", "test_adds", 2, 1), ("deleted test", "test_goes", 1, 0)]
    assert {one.source for one in parser.tests} == {Source("commit", parser.commits[0].commit)}


def test_what_needs_a_person_comes_in_the_order_to_look_at_it(night):
    kinds = [one.kind for one in gather(night.store).needs]
    assert kinds == ["question", "weakened", "blocked", "bypassed"]


def test_gaps_are_the_limit_and_the_crash_with_what_they_took(night):
    found = [(one.kind, one.seconds, one.resume_seconds, one.row) for one in gather(night.store).gaps]
    assert found == [
        ("limit", 5400.0, None, None),
        ("crash", 1200.0, 0.4, "interrupted"),
        ("sleep", 600.0, None, None),
    ]


def test_what_the_watchdog_saw_is_noticed_but_for_the_gaps(night):
    assert [one.text for one in gather(night.store).noticed] == ["stuck: the same command failed 5 times"]


def test_the_baseline_of_the_nights_first_commit_is_compared_with_that_of_its_last(night):
    found = gather(night.store).baseline
    assert found.on_head
    assert (found.newly_failing, found.newly_passing) == (
        ("test_sums.py::test_new",),
        ("test_sums.py::test_old",),
    )


def test_every_source_resolves(night):
    """A line that nothing backs is not printed: each one names a commit, a tag or a document."""
    found = gather(night.store)
    sources = list(_sources(found))
    assert len(sources) > 20
    for one in sources:
        _resolve(night.repo, found.state, one)


def _sources(value: object):
    if isinstance(value, Source):
        yield value
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _sources(getattr(value, field.name))
    elif isinstance(value, tuple):
        for inner in value:
            yield from _sources(inner)


def _resolve(repo, state: str, source: Source) -> None:
    name = {"document": f"{state}:{source.id}", "checkpoint": f"refs/ovn/checkpoint/{source.id}"}
    repo.git("rev-parse", "--verify", "-q", name.get(source.kind, source.id))


def test_a_commit_that_was_reverted_or_dropped_says_so(night):
    head = night.repo.head
    reverted = f"revert\n\n{names.TRAILER_REVERTS}: {head}"
    night.repo.commit(reverted)
    standing = {one.commit: one.standing for one in gather(night.store).commits}
    assert standing[head] == "reverted"
    night.repo.git("reset", "-q", "--hard", "HEAD~2")
    assert {one.commit: one.standing for one in gather(night.store).commits}[head] == "gone"


def test_at_the_edge_of_a_shallow_history_no_size_is_made_up(night):
    """The commit before the first one is not here: what it changed cannot be told, nor its tests."""
    first = next(one for one in gather(night.store).features if one.id == "lexer").commits[0].commit
    (night.repo.git_dir / "shallow").write_text(f"{first}\n")
    night.repo.git("reflog", "expire", "--expire=all", "--all")
    night.repo.git("update-ref", "-d", "ORIG_HEAD")
    night.repo.git("gc", "-q", "--prune=now")
    lexer = next(one for one in gather(night.store).features if one.id == "lexer")
    assert [one.commit for one in lexer.commits] == [first]
    assert lexer.diff.paths == ()


def test_a_night_that_goes_on_without_its_runner_is_said_to_have_died(teller):
    teller.feature("a")
    teller.run()
    teller.session("s-1", "a")
    found = gather(teller.store)
    assert (found.life, found.verdict.tone) == ("died", "bad")
    assert [one.kind for one in found.needs] == ["died", "debt"]


def test_a_night_that_is_going_on_says_so(teller):
    """Its runner holds the lock of the work tree."""
    teller.feature("a")
    teller.run()
    teller.session("s-1", "a")
    teller.tell("s-1", "attempt.started", {"number": 1, "feature": "a", "head": teller.repo.head})
    with sole.held(teller.repo.location.local, teller.repo.location.worktree) as place:
        place.name(teller.run_id)
        found = gather(teller.store)
        assert nights(teller.store)[0].life == "running"
    assert (found.life, found.verdict.tone) == ("running", "running")
    assert found.verdict.text == "0 of 1 feature done with evidence, 1 in progress; going on since 22:00"
    assert "died" not in [one.kind for one in found.needs]


def test_a_failed_night_reads_as_one(teller):
    teller.feature("a")
    teller.run()
    teller.session("s-1", "a")
    teller.attempt("s-1", 1, "a", {"a": "1\n"}, reason="red: no")
    teller.status("s-1", "a", "blocked", "1 attempt failed")
    teller.handoff("s-1", next=["a"])
    teller.end("crash-loop", "the agent crashed too often without doing anything", sessions=["s-1"])
    found = gather(teller.store)
    assert found.verdict.tone == "bad"
    assert found.verdict.text == (
        "0 of 1 feature done with evidence, 1 blocked; "
        "ended 22:14: the agent crashed too often without doing anything"
    )


ENDS = {
    "all-done": "good",
    "agent-limit": "good",
    "stopped": "good",
    "disk": "mixed",
    "a-later-word": "mixed",
}


@pytest.mark.parametrize("stop", ENDS)
def test_an_end_that_a_person_wished_for_is_no_blemish(teller, stop):
    """Beside work that is done; a word that this version does not know is nobody's wish."""
    teller.feature("a")
    teller.run()
    teller.session("s-1", "a")
    teller.attempt("s-1", 1, "a", {"a": "1\n"})
    teller.proven("s-1", "a")
    teller.handoff("s-1", next=["rest"])
    teller.end(stop, "it ended", sessions=["s-1"])
    assert gather(teller.store).verdict.tone == ENDS[stop]


def test_a_repository_where_nothing_happened_says_so(teller):
    found = gather(teller.store)
    assert (found.life, found.verdict.tone, found.features, found.needs) == ("none", "empty", (), ())
    assert found.verdict.text == "no features are registered; no night was held here"


def test_without_a_run_the_report_is_of_the_last_session(teller):
    teller.feature("a")
    teller.session("by-hand", "a", run=False, kind="detached")
    teller.handoff("by-hand", next=["a"])
    found = gather(teller.store)
    assert (found.life, [one.id for one in found.sessions]) == ("none", ["by-hand"])


def test_an_older_night_is_told_without_what_came_later(night):
    first = night.run_id
    night.run_id = "20260103-bbbb"
    night.clock.on(600)
    night.run()
    night.session("t-1", "later")
    night.handoff("t-1", next=["later"])
    night.end("max-sessions", "as many sessions as --max-sessions allows were held", sessions=["t-1"])
    assert [one.id for one in gather(night.store).sessions] == ["t-1"]
    older = gather(night.store, run=first)
    assert [one.id for one in older.sessions] == ["s-1", "s-2", "s-3"]
    assert not any(one.session == "t-1" for one in older.events)
    assert [one.run.id for one in nights(night.store)] == ["20260103-bbbb", first]
    assert nights(night.store)[1].done == ("lexer", "parser")


def test_since_a_moment_takes_every_run_from_then_on(night):
    assert [
        one.run.id for one in gather(night.store, since=parse_rfc3339("2026-01-02T22:00:00.000Z")).runs
    ] == [night.run_id]
    night.run_id = "20260103-bbbb"
    night.clock.on(600)
    edge = night.clock.now()
    night.clock.on(1)
    night.run()
    night.end("stopped", "stopped by a person")
    assert [one.run.id for one in gather(night.store, since=edge).runs] == ["20260103-bbbb"]


def test_an_unknown_run_and_a_repository_without_state_are_refused(teller, make_repo, tmp_path):
    with pytest.raises(NotFound, match="no run 'nope'"):
        gather(teller.store, run="nope")
    with pytest.raises(NotInitialised):
        gather(StateStore.open(make_repo(tmp_path / "other").location))
