"""What each record does to the documents: pure, total, and the same in one go or in parts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn import names
from ovn.model import records
from ovn.model.documents import Attempt, Blocker, Feature, Rewrite, Session, Work
from ovn.state import reducers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ovn.model.records import Record

AT = "2026-11-22T23:00:00.000Z"
A, B = "a" * 40, "b" * 40


class Documents(dict[str, Any]):
    """The documents as a dict."""

    def names(self, folder: str) -> Iterable[str]:
        return sorted(path[len(folder) + 1 :] for path in self if path.startswith(f"{folder}/"))


def feature(name: str, **fields: Any) -> dict[str, Feature]:
    one = Feature(version=2, id=name, number=1, title=name, created=AT)
    return {names.feature_file(name): replace(one, **fields)}


def run(docs: Documents, *steps: tuple[str, dict[str, Any]], session: str = "s", first: int = 1) -> Session:
    for seq, (kind, data) in enumerate(steps, first):
        docs.update(reducers.apply(docs, session, seq, records.make(kind, data, at=AT, by="runner")))
    found: Session = docs[names.session_file(session)]
    return found


def test_every_record_type_has_a_reducer() -> None:
    assert set(reducers.REDUCERS) == set(records.TYPES)


def test_a_session_begins_goes_on_and_ends() -> None:
    docs = Documents()
    created = {"kind": "run", "worktree": "main", "goal": "build it", "feature": "parser", "generation": 3}
    session = run(docs, ("session.created", created), ("session.state", {"state": "active"}))
    assert (session.state, session.kind, session.goal, session.feature) == (
        "active",
        "run",
        "build it",
        "parser",
    )
    assert (session.generation, session.folded, session.ended) == (3, 2, None)
    waiting = {"state": "waiting", "why": "a question", "until": AT}
    session = run(docs, ("session.state", waiting), first=3)
    assert (session.state, session.why, session.until) == ("waiting", "a question", AT)
    session = run(docs, ("session.state", {"state": "handed_off", "generation": 4}), first=4)
    assert (session.state, session.why, session.until, session.ended) == ("handed_off", None, None, AT)
    assert session.generation == 4


def test_a_record_of_an_unknown_session_makes_one() -> None:
    """Its beginning was set aside; nothing that follows is lost for that."""
    session = run(Documents(), ("note", {"text": "hello"}))
    assert (session.id, session.state, session.notes) == ("s", "created", ("hello",))


def test_a_record_that_is_folded_changes_nothing() -> None:
    docs = Documents()
    run(docs, ("note", {"text": "once"}))
    record = records.make("note", {"text": "once"}, at=AT, by="agent")
    assert reducers.apply(docs, "s", 1, record) == {}


def test_attempts_are_known_by_number() -> None:
    docs = Documents()
    run(docs, ("attempt.started", {"number": 1, "feature": "parser", "head": A, "log": "log/1"}))
    launched = {"number": 1, "pid": 7, "pgid": 8, "process_start": "9", "boot_id": "x"}
    run(docs, ("attempt.launched", launched), first=2)
    ended = {"number": 1, "exit_code": 1, "reason": "red", "head": B}
    session = run(docs, ("attempt.ended", ended), first=3)
    expected = Attempt(1, "parser", AT, A, "log/1", 7, 8, "9", "x", AT, 1, "red", B)
    assert session.attempts == (expected,)
    lone = run(docs, ("attempt.ended", {**ended, "number": 2}), first=4)
    assert lone.attempts[1] == Attempt(2, None, AT, None, ended=AT, exit_code=1, reason="red", head_to=B)


def test_a_commit_seen_by_the_hook_and_by_the_runner_is_one() -> None:
    seen = {"commit": A, "kind": "own", "feature": "parser"}
    session = run(
        Documents(), ("commit", {**seen, "bypassed": True}), ("commit", {"commit": A, "kind": "own"})
    )
    assert session.commits == (Work(A, "own", "parser", bypassed=True),)
    assert session.head == A


def test_rewritten_commits_are_kept_once_and_head_follows() -> None:
    docs = Documents()
    pairs = {"pairs": [[A, B]], "why": "amend"}
    session = run(docs, ("commit", {"commit": A, "kind": "own"}), ("rewritten", pairs), ("rewritten", pairs))
    assert (session.rewrites, session.head) == ((Rewrite(A, B),), B)


def test_head_moves_and_other_refs_are_only_recorded() -> None:
    docs = Documents()
    moved = {"old": None, "new": A, "why": "commit"}
    assert run(docs, ("head", moved)).head == A
    assert run(docs, ("head", {**moved, "new": B, "ref": "refs/heads/x"}), first=2).head == A
    assert run(docs, ("head", {**moved, "new": None}), first=3).head == A


def test_notes_decisions_and_blockers() -> None:
    blockers = [("blocker", {"id": name, "text": f"why {name}"}) for name in ("x", "y")]
    session = run(
        Documents(),
        ("note", {"text": "n"}),
        ("decision", {"text": "d"}),
        *blockers,
        ("unblocked", {"id": "x"}),
    )
    assert (session.notes, session.decisions) == (("n",), ("d",))
    assert session.blockers == (Blocker("x", "why x", open=False), Blocker("y", "why y"))


def test_steps_are_counted() -> None:
    outcomes = [
        ("step", {"name": "a", "outcome": outcome}) for outcome in ("done", "failed", "cancelled", "failed")
    ]
    session = run(Documents(), *outcomes)
    assert (session.steps, session.steps_failed) == (4, 2)


def test_a_status_without_its_feature_has_no_effect() -> None:
    docs = Documents()
    run(docs, ("feature.status", {"feature": "gone", "status": "blocked"}))
    assert list(docs) == [names.session_file("s")]


def test_a_feature_starts_is_done_in_order_and_fails_again() -> None:
    docs = Documents({**feature("a"), **feature("b"), **feature("c", completed=4)})

    def status(name: str, status: str, **more: Any) -> Feature:
        first = docs[names.session_file("s")].folded + 1 if names.session_file("s") in docs else 1
        run(docs, ("feature.status", {"feature": name, "status": status, **more}), first=first)
        found: Feature = docs[names.feature_file(name)]
        return found

    started = status("a", "in_progress", attempts=1, green_before=True)
    assert (started.started, started.attempts, started.green_before) == (AT, 1, True)
    assert status("a", "done").completed == 5
    assert status("b", "done").completed == 6
    failed = status("a", "failed", reason="red on the final commit")
    assert (failed.completed, failed.finished, failed.reason) == (None, None, "red on the final commit")


@pytest.mark.parametrize(
    ("kind", "data", "path"),
    [
        ("run", {"id": "20261122-abcd"}, "runs/20261122-abcd.json"),
        ("operation", {"id": "20261122-efgh"}, "operations/20261122-efgh.json"),
        ("question", {"id": "q-1"}, "questions/q-1.json"),
        ("handoff", {}, "sessions/s/handoff.json"),
        ("baseline", {"name": "main"}, "baseline/main.json"),
        ("evidence", {"feature": "a"}, "features/a.json"),
    ],
)
def test_records_that_carry_a_document_leave_it_where_it_belongs(
    kind: str, data: dict[str, Any], path: str
) -> None:
    docs = Documents(feature("a"))
    run(docs, (kind, WHOLE[kind] | data))
    assert docs[path]


PLACE = {"head": A, "branch": "main", "tree": B, "checkpoint": None}
WHOLE: dict[str, dict[str, Any]] = {
    "run": {
        "version": 1, "state": "running", "started": AT, "worktree": "main", "branch": None, "base": None,
        "agent": "claude", "limits": {}, "features": [], "sessions": [], "crashes": 0, "cost_usd": 0,
        "deadline": None, "stop": None, "exit_code": None, "ended": None,
    },
    "operation": {
        "version": 1, "verb": "restore", "state": "open", "at": AT, "session": "s", "worktree": "main",
        "before": PLACE, "after": None, "target": "s/0001", "feature": None, "paths": [], "aside": None,
        "undoes": None, "undone_by": None, "commits": [],
    },
    "question": {
        "version": 1, "session": "s", "at": AT, "text": "which?", "options": [], "default": None,
        "deadline": None, "answer": None, "answered": None, "author": None,
    },
    "handoff": {
        "version": 1, "session": "s", "at": AT, "author": "agent", "accomplished": [], "next": [],
        "blockers": [], "tried": [], "head": None, "branch": None, "checkpoint": None, "wip": False,
    },
    "baseline": {
        "version": 1, "at": AT, "tree": B, "command": "pytest", "exit_code": 0, "seconds": 1, "summary": "ok",
        "failing": [],
    },
    "evidence": {"at": AT, "green": True, "tree": B, "commit": A, "partial": None, "commands": []},
}  # fmt: skip


texts = st.text(alphabet="abc ", max_size=5)
ids = st.sampled_from(["x", "y", "z"])
any_record = st.one_of(
    st.fixed_dictionaries({"type": st.just("note"), "data": st.fixed_dictionaries({"text": texts})}),
    st.fixed_dictionaries(
        {
            "type": st.just("step"),
            "data": st.fixed_dictionaries({"name": texts, "outcome": st.sampled_from(["done", "failed"])}),
        }
    ),
    st.fixed_dictionaries(
        {"type": st.just("blocker"), "data": st.fixed_dictionaries({"id": ids, "text": texts})}
    ),
    st.fixed_dictionaries({"type": st.just("unblocked"), "data": st.fixed_dictionaries({"id": ids})}),
    st.fixed_dictionaries(
        {
            "type": st.just("feature.status"),
            "data": st.fixed_dictionaries(
                {"feature": ids, "status": st.sampled_from(["pending", "in_progress", "done", "failed"])}
            ),
        }
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("session.state"),
            "data": st.fixed_dictionaries({"state": st.sampled_from(["active", "crashed", "handed_off"])}),
        }
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("commit"),
            "data": st.fixed_dictionaries({"commit": st.sampled_from([A, B]), "kind": st.just("own")}),
        }
    ),
)


@given(st.lists(any_record, max_size=20), st.data())
def test_applying_twice_or_in_parts_gives_what_applying_once_gives(
    bare: list[dict[str, Any]], data: st.DataObject
) -> None:
    """A crash makes a fold begin again somewhere: records up to ``folded`` change nothing."""
    whole: list[Record] = [{"at": AT, "by": "agent", **one} for one in bare]
    once = Documents({**feature("x"), **feature("y")})
    parts = Documents(once)
    for seq, record in enumerate(whole, 1):
        once.update(reducers.apply(once, "s", seq, record))
    done = 0
    while done < len(whole):
        start = data.draw(st.integers(min_value=0, max_value=done))
        end = data.draw(st.integers(min_value=done + 1, max_value=len(whole)))
        for seq, record in enumerate(whole[start:end], start + 1):
            parts.update(reducers.apply(parts, "s", seq, record))
        done = end
    assert parts == once
    assert not whole or once[names.session_file("s")].folded == len(whole)
