"""Changes of the registry, on a real state branch."""

from __future__ import annotations

import threading

import pytest

from ovn import features
from ovn.errors import InvalidDocument, InvalidName, NotFound, NotInitialised, Refused, UsageError
from ovn.features import PERSON, Actor
from ovn.model import records
from ovn.model.documents import Phase
from ovn.state.store import StateStore

AT = "2026-01-02T03:04:05.000Z"


@pytest.fixture
def store(location):
    made = StateStore.open(location)
    made.init("demo")
    return made


@pytest.fixture
def agent(store):
    """An agent in its session."""
    created = records.make("session.created", {"kind": "run", "worktree": "main"}, at=AT, by="runner")
    store.record("s1", created)
    return Actor("agent", "s1", None, guarded=True)


def log(repo):
    return repo.git("log", "--format=%s", "overnight/state").splitlines()


def test_a_feature_is_added_with_an_id_from_its_title_and_an_age(store, repo):
    first = features.add(
        store, PERSON, "Fix the  parser!", priority="P0", verify=("true",), phases=(Phase("a"),)
    )
    second = features.add(store, PERSON, "Fix the parser?")
    assert (first.id, first.title, first.number) == ("fix-the-parser", "Fix the parser!", 1)
    assert (second.id, second.number) == ("fix-the-parser-2", 2)
    assert store.view(pending=False).features() == {first.id: first, second.id: second}
    assert log(repo)[:2] == ["feature: add Fix the parser?", "feature: add Fix the parser!"]


def test_a_title_without_a_letter_that_a_ref_may_hold_gets_an_id_too(store):
    assert [features.add(store, PERSON, title).id for title in ("日本語", "🚀")] == ["feature", "feature-2"]


def test_an_id_that_is_taken_is_refused(store):
    features.add(store, PERSON, "one", feature="f1")
    with pytest.raises(Refused, match="there is a feature 'f1' already"):
        features.add(store, PERSON, "two", feature="f1")


@pytest.mark.parametrize("name", ["../x", "-x", "a b", "x.lock", "a\nb", "\x1b[31m", "", "a" * 65])
def test_a_hostile_id_is_refused(store, name):
    with pytest.raises(InvalidName):
        features.add(store, PERSON, "title", feature=name)


def test_a_feature_needs_a_title(store):
    with pytest.raises(UsageError, match="needs a title"):
        features.add(store, PERSON, " \n ", feature="f1")


@pytest.mark.parametrize(
    "fields", [{"priority": "P9"}, {"verify": ("",)}, {"paths": (5,)}, {"category": "a\nb"}]
)
def test_a_field_that_breaks_the_schema_is_refused_and_nothing_is_written(store, repo, fields):
    before = repo.git("rev-parse", "overnight/state")
    with pytest.raises(InvalidDocument, match=r"features/f1\.json"):
        features.add(store, PERSON, "one", feature="f1", **fields)
    assert before == repo.git("rev-parse", "overnight/state")


def test_unknown_and_circular_dependencies_are_refused(store):
    features.add(store, PERSON, "a", feature="a")
    features.add(store, PERSON, "b", feature="b", depends_on=("a",))
    with pytest.raises(UsageError, match="'c' depends on 'x', which does not exist"):
        features.add(store, PERSON, "c", feature="c", depends_on=("x",))
    with pytest.raises(UsageError, match="in a circle: a -> b -> a"):
        features.edit(store, PERSON, "a", {"depends_on": ("b",)})
    with pytest.raises(UsageError, match="in a circle: d -> d"):
        features.add(store, PERSON, "d", feature="d", depends_on=("d",))


def test_a_feature_is_edited_and_the_commit_says_what(store, repo):
    features.add(store, PERSON, "a", feature="a")
    found = features.edit(store, PERSON, "a", {"title": "b", "priority": "P0"})
    assert (found.title, found.priority) == ("b", "P0")
    assert log(repo)[0] == "feature: edit a: title, priority"
    assert (
        repo.git("log", "-1", "--format=%(trailers:key=Ovn-Feature,valueonly)", "overnight/state").strip()
        == "a"
    )


def test_an_edit_that_changes_nothing_writes_nothing(store, repo):
    features.add(store, PERSON, "a", feature="a")
    before = repo.git("rev-parse", "overnight/state")
    features.edit(store, PERSON, "a", {"title": "a"})
    assert before == repo.git("rev-parse", "overnight/state")


@pytest.mark.parametrize("field", ["status", "evidence", "id", "claimed", "attempts", "number"])
def test_what_has_a_verb_of_its_own_cannot_be_edited(store, field):
    features.add(store, PERSON, "a", feature="a")
    with pytest.raises(UsageError, match=f"'{field}' cannot be edited"):
        features.edit(store, PERSON, "a", {field: "done"})


def test_what_is_not_there_is_not_found(store):
    for act in (
        lambda: features.edit(store, PERSON, "x", {"title": "y"}),
        lambda: features.remove(store, PERSON, "x"),
        lambda: features.block(store, PERSON, "x", "why"),
        lambda: features.start(store, PERSON, "x"),
    ):
        with pytest.raises(NotFound, match="no feature 'x'"):
            act()


def test_a_feature_is_removed_unless_another_depends_on_it(store):
    features.add(store, PERSON, "a", feature="a")
    features.add(store, PERSON, "b", feature="b", depends_on=("a",))
    with pytest.raises(Refused, match="feature 'b' depends on 'a'"):
        features.remove(store, PERSON, "a")
    features.remove(store, PERSON, "b")
    features.remove(store, PERSON, "a")
    assert store.view().features() == {}


def test_before_init_there_is_no_registry(location):
    with pytest.raises(NotInitialised):
        features.add(StateStore.open(location), PERSON, "a")


# -- statuses --------------------------------------------------------------------------------


def test_statuses_move_outside_of_a_session_as_commits_of_their_own(store, repo):
    features.add(store, PERSON, "a", feature="a")
    assert features.start(store, PERSON, "a", green_before=True, attempts=2).status == "in_progress"
    blocked = features.block(store, PERSON, "a", "waits for\na person")
    assert (blocked.status, blocked.reason, blocked.green_before, blocked.attempts) == (
        "blocked", "waits for\na person", True, 2,
    )  # fmt: skip
    again = features.unblock(store, PERSON, "a")
    assert (again.status, again.reason, again.attempts) == ("pending", None, 0)
    assert again.started is not None
    assert log(repo)[:3] == ["status: a pending", "status: a blocked: waits for", "status: a in_progress"]


def test_statuses_move_in_a_session_through_its_journal(store, agent):
    features.add(store, PERSON, "a", feature="a")
    features.start(store, agent, "a")
    features.block(store, agent, "a", "hard")
    kinds = [(record["type"], record["by"]) for _, record in store.records("s1")]
    assert kinds == [("session.created", "runner"), ("feature.status", "agent"), ("feature.status", "agent")]
    assert store.view().feature("a").status == "blocked"
    assert store.view(pending=False).feature("a").status == "blocked"


def test_both_ways_lead_to_the_same_document(store, agent):
    from dataclasses import replace

    for name, actor in (("a", PERSON), ("b", agent)):
        features.add(store, PERSON, "same", feature=name)
        features.start(store, actor, name, green_before=False, attempts=1)
        features.block(store, actor, name, "why")
    known = store.view().features()
    plain = {"id": "", "number": 1, "created": "", "started": ""}
    assert replace(known["a"], **plain) == replace(known["b"], **plain)


def test_what_lacks_something_is_not_started(store):
    features.add(store, PERSON, "a", feature="a")
    features.add(store, PERSON, "b", feature="b", depends_on=("a",))
    with pytest.raises(Refused, match="feature 'b' depends on 'a', which is not done"):
        features.start(store, PERSON, "b")


def test_a_blocked_feature_is_not_started(store):
    features.add(store, PERSON, "a", feature="a")
    features.block(store, PERSON, "a", "why")
    with pytest.raises(Refused, match="feature 'a' is blocked") as refusal:
        features.start(store, PERSON, "a")
    assert "unblock" in refusal.value.hint


# -- what an agent may not do ------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes", [{"title": "x"}, {"description": "x"}, {"verify": ("true",)}, {"depends_on": ("b",)}]
)
def test_in_a_session_the_goal_is_not_moved(store, agent, changes):
    features.add(store, PERSON, "b", feature="b")
    before = features.add(store, PERSON, "a", feature="a", verify=("pytest",))
    with pytest.raises(Refused, match="in a session feature 'a' cannot be given another"):
        features.edit(store, agent, "a", changes)
    assert before == store.view().feature("a")


def test_in_a_session_nothing_is_removed_or_opened_again(store, agent):
    features.add(store, PERSON, "a", feature="a")
    with pytest.raises(Refused, match="cannot be removed"):
        features.remove(store, agent, "a")
    with pytest.raises(Refused, match="cannot be opened again"):
        features.reopen(store, agent, "a")


def test_in_a_session_notes_are_taken_and_features_found(store, agent):
    features.add(store, PERSON, "a", feature="a")
    found = features.edit(
        store, agent, "a", {"phases": (Phase("one", True),), "priority": "P1", "paths": ("src",)}
    )
    assert found.phases == (Phase("one", True),)
    assert features.add(store, agent, "found on the way").id == "found-on-the-way"


def test_a_person_gives_new_attempts_and_an_agent_does_not(store, agent):
    for name, actor, left in (("a", PERSON, 0), ("b", agent, 3)):
        features.add(store, PERSON, name, feature=name)
        features.start(store, PERSON, name, attempts=3)
        features.block(store, PERSON, name, "given up")
        assert features.unblock(store, actor, name).attempts == left


# -- many at once ------------------------------------------------------------------------------


def test_of_features_added_at_the_same_time_none_is_lost_and_no_two_share_an_age(store, location):
    def work(start):
        own = StateStore.open(location)
        for _ in range(5):
            features.add(own, PERSON, "the same title")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    known = store.view().features()
    assert len(known) == 20
    assert sorted(one.number for one in known.values()) == list(range(1, 21))
