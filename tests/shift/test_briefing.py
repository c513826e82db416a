"""What an agent is told is gathered from state and git: the last handoff, the commits, the notices."""

from __future__ import annotations

import pytest

from ovn.model import codec
from ovn.model.documents import Handoff
from ovn.model.records import make
from ovn.shift import briefing
from ovn.state.fold import Aside, FoldReport
from ovn.state.store import StateStore

AT = "2026-11-22T03:04:05.678Z"


@pytest.fixture
def store(repo) -> StateStore:
    state = StateStore.open(repo.location)
    state.init("demo")
    return state


def tell(store, session: str, kind: str, data: dict) -> None:
    store.record(session, make(kind, data, at=AT, by="person"))


def session(store, name: str, worktree: str = "main", following: str | None = None):
    """Begin a session; with ``following`` also end it by a handoff that says so."""
    tell(store, name, "session.created", {"kind": "detached", "worktree": worktree})
    if following:
        said = Handoff(version=1, session=name, at=AT, author="agent", next=(following,))
        tell(store, name, "handoff", codec.encode(said))
        tell(store, name, "session.state", {"state": "handed_off"})
    return store.view().session(name)


def last(store, of) -> str | None:
    found = briefing.last_handoff(store, store.view(), of)
    return found.next[0] if found else None


def test_the_last_handoff_is_the_newest_of_the_same_work_tree(store):
    session(store, "a", following="one")
    session(store, "b", following="two")
    session(store, "c", worktree="linked", following="elsewhere")
    assert last(store, session(store, "d")) == "two"


def test_another_work_tree_s_is_better_than_none(store):
    session(store, "c", worktree="linked", following="elsewhere")
    assert last(store, session(store, "d")) == "elsewhere"


def test_the_first_session_has_none(store):
    assert last(store, session(store, "a")) is None


def test_a_session_s_own_handoff_is_not_its_last_one(store):
    first = session(store, "a", following="one")
    assert last(store, first) is None


def test_commits_are_told_as_they_are_now(repo, store):
    session(store, "a")
    repo.write("x", "1")
    old = repo.commit("first try")
    tell(store, "a", "commit", {"commit": old, "kind": "own"})
    repo.git("commit", "-q", "--amend", "-m", "second try")
    tell(store, "a", "rewritten", {"pairs": [[old, repo.head]], "why": "amend"})
    tell(store, "a", "commit", {"commit": repo.head, "kind": "own"})
    tell(store, "a", "commit", {"commit": "ab" * 20, "kind": "own"})
    found = store.view().session("a")
    assert briefing.subjects(store, found) == [(repo.head, "second try")]


def test_many_uncommitted_paths_are_counted():
    assert briefing.uncommitted_notice([]) == []
    assert briefing.uncommitted_notice(list("abcdefghij")) == [
        "Uncommitted: a, b, c, d, e, f, g, h and 2 more"
    ]


def test_an_operation_in_progress_is_a_notice():
    assert briefing.operation_notice(None) == []
    assert briefing.operation_notice("rebase") == [
        "A rebase is in progress: finish it or give it up with git itself."
    ]


def test_what_a_fold_found_is_told():
    report = FoldReport(
        cut_bytes=7, set_aside=(Aside("a", 3, "not an object"),), lost=(("a", 5),), said=("it is back",)
    )
    assert briefing.fold_notices(report) == [
        "it is back",
        "record 3 of session 'a' is set aside: not an object",
        "7 bytes of a torn write were cut off; it was never acknowledged",
        "record 5 of session 'a' was damaged on disk",
    ]
    assert briefing.fold_notices(FoldReport()) == []


def test_views_that_cannot_be_rendered_stop_nothing(repo, store):
    (repo.path / ".overnight").symlink_to("/nowhere")
    (said,) = briefing.render_views(store, store.view())
    assert said.startswith("the files in .overnight/ were not rendered: ")


def test_an_edited_view_is_kept_and_said(repo, store):
    assert briefing.render_views(store, store.view()) == ()
    repo.write(".overnight/claude-progress.txt", "mine")
    (said,) = briefing.render_views(store, store.view())
    assert "an edited view was kept as '.overnight/rejected/" in said
