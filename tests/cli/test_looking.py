"""log, session, state and fsck: what they print, in what form, with which exit code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ovn.model.records import make
from ovn.shift.manual import manual_name, manual_session

if TYPE_CHECKING:
    from ovn.state.store import StateStore

AT = "2026-11-22T03:04:05.678Z"


def tell(store: StateStore, kind: str, data: dict, session: str = "session-001", **more) -> None:
    store.record(session, make(kind, data, at=AT, by="person"), **more)


@pytest.fixture
def night(store) -> StateStore:
    """A state with a session that began, noted something and is at work."""
    created = {"kind": "detached", "worktree": "main", "goal": "a parser", "branch": "refs/heads/main"}
    tell(store, "session.created", created)
    tell(store, "session.state", {"state": "active"})
    tell(store, "note", {"text": "watch the \x1b[31mescapes"})
    tell(store, "step", {"name": "build", "outcome": "done"})
    return store


# -- log -------------------------------------------------------------------------------


def test_log_tells_the_story_newest_first_with_what_was_pending(ovn, night):
    said = ovn("log", "--oneline")
    subjects = [line.split("  ", 1)[1] for line in said.out.splitlines()]
    assert subjects == [
        "steps(session-001): 2-4",
        "start(session-001): a parser",
        "init: demo",
    ]
    assert night.pending() == {}


def test_log_as_json_has_every_part(ovn, night):
    entries = ovn("log", "--json", "-n", "1").json["entries"]
    (entry,) = entries
    assert entry["session"] == "session-001"
    assert entry["event"] == "steps"
    assert entry["body"] == "build"
    assert entry["when"] == AT[:19] + ".000Z"


def test_log_of_one_session_leaves_out_the_rest(ovn, night):
    assert "init: demo" not in ovn("log", "--session", "session-001", "--oneline").out
    assert ovn("log", "--session", "nobody").err == "note: nothing has happened yet\n"


def test_log_lets_no_control_character_through(ovn, night):
    assert "\x1b" not in ovn("log").out + ovn("session", "show", "session-001").out


def test_log_without_a_state_says_what_to_do(ovn):
    said = ovn("log", code=10)
    assert said.err == "error: this repository has no state yet\nhint: run 'git ovn init' first\n"


# -- session ---------------------------------------------------------------------------


def test_sessions_are_listed_with_state_and_feature(ovn, night):
    tell(night, "session.created", {"kind": "run", "worktree": "main", "feature": "parser"}, "session-002")
    tell(night, "session.state", {"state": "handed_off"}, "session-002")
    lines = [line.split() for line in ovn("session", "list").out.splitlines()]
    assert [line[:3] for line in lines] == [
        ["session", "state", "kind"],
        ["session-001", "active", "detached"],
        ["session-002", "handed_off", "run"],
    ]
    only = ovn("session", "list", "--open", "--json").json["sessions"]
    assert [one["id"] for one in only] == ["session-001"]


def test_a_session_is_shown_with_its_notes_and_its_handoff(ovn, night):
    handoff = {"version": 1, "session": "session-001", "at": AT, "author": "agent", "accomplished": ["it"]}
    handoff |= {"next": [], "blockers": [], "tried": [], "head": None, "branch": None}
    tell(night, "handoff", {**handoff, "checkpoint": None, "wip": False})
    said = ovn("session", "show", "session-001")
    assert said.out.splitlines()[:4] == [
        "session-001  active",
        "kind:       detached",
        "goal:       a parser",
        f"began:      {AT[:19].replace('T', ' ')}",
    ]
    assert "note: watch the \\x1b[31mescapes" in said.out
    assert "# Handoff of session-001" in said.out
    both = ovn("session", "show", "session-001", "--json").json
    assert both["session"]["state"] == "active"
    assert both["handoff"]["accomplished"] == ["it"]


def test_a_session_that_is_not_there_is_named(ovn, night):
    assert ovn("session", "show", "nobody", code=128).err.startswith("error: no session 'nobody'\n")
    assert ovn("session", "show", code=128).err.startswith("error: no session is at work here\n")


# -- state -----------------------------------------------------------------------------


def test_state_lists_and_prints_documents_byte_for_byte(ovn, repo, night):
    listed = ovn("state", "ls").out.splitlines()
    assert "ovn.json" in listed
    assert "sessions/session-001/session.json" in listed
    assert ovn("state", "ls", "sessions/", "-z").out.count("\0") == len(listed) - 1
    assert (
        ovn("state", "cat", "ovn.json").out == repo.git("cat-file", "-p", "overnight/state:ovn.json") + "\n"
    )
    assert json.loads(ovn("state", "cat", "ovn.json").out)["project"] == "demo"


def test_state_cat_of_nothing_says_where_to_look(ovn, night):
    assert ovn("state", "cat", "nothing.json", code=128).err == (
        "error: the state branch has no file 'nothing.json'\nhint: see 'git ovn state ls'\n"
    )


def test_state_verify_is_quiet_about_a_sound_state_and_1_for_a_spoiled_one(ovn, repo, night):
    assert ovn("state", "verify").out == ""
    spoil(repo, "features/x.json", b"{}")
    said = ovn("state", "verify", "--json", code=1).json
    assert said["ok"] is False
    assert said["findings"][0]["where"] == "features/x.json"


# -- fsck ------------------------------------------------------------------------------


def spoil(repo, path: str, content: bytes) -> None:
    """Commit rubbish to the state branch, as somebody might by hand."""
    index = {"GIT_INDEX_FILE": str(repo.git_dir / "scratch-index")}
    blob = repo.git("hash-object", "-w", "--stdin", stdin=content)
    repo.git("read-tree", "overnight/state", env=index)
    repo.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", env=index)
    tree = repo.git("write-tree", env=index)
    commit = repo.git("commit-tree", "-p", "overnight/state", "-m", "rubbish", tree)
    repo.git("update-ref", "refs/heads/overnight/state", commit)


def test_fsck_of_a_sound_repository_says_how_much_it_looked_at(ovn, night):
    night.fold()
    said = ovn("fsck")
    assert said.out == ""
    assert said.err == (
        "note: nothing is wrong; looked at 2 documents, 4 records, 1 journals, 0 checkpoints\n"
    )
    assert ovn("fsck", "--json").json["ok"] is True


def test_fsck_names_what_is_wrong_and_ends_with_1(ovn, repo, night):
    night.fold()
    spoil(repo, "features/x.json", b"{")
    said = ovn("fsck", code=1)
    assert said.out.startswith("error: features/x.json: features/x.json: line 1, column 2")
    assert "1 error; looked at" in said.err


def test_fsck_before_init_is_no_error(ovn):
    assert (
        ovn("fsck").out == "note: refs/heads/overnight/state: there is no state branch (run 'git ovn init')\n"
    )


# -- the session for checkpoints by hand -----------------------------------------------


def test_the_manual_session_is_made_once_and_owes_nothing(store):
    assert manual_session(store) == manual_session(store) == "manual"
    store.fold()
    assert len([entry for entry in store.log("manual") if entry.event == "session.created"]) == 1
    assert store.view().session("manual").kind == "manual"


def test_a_linked_work_tree_has_a_manual_session_of_its_own():
    assert manual_name("main") == "manual"
    assert manual_name("fix-1") == "manual-fix-1"
    long = manual_name("x" * 64)
    assert long.startswith("manual-") and len(long) <= 64
    assert long != manual_name("x" * 63 + "y")
