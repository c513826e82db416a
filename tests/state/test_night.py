"""``git log --oneline overnight/state`` reads as the night."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ovn import names
from ovn.model import codec, documents

if TYPE_CHECKING:
    from ovn.state.store import StateStore

    from ..conftest import Repo  # noqa: TID252
    from .conftest import Night

STORY = """\
run(20261122-abcd): ended, nothing left to do
session(session-001): handed_off
handoff(session-001): 1 accomplished, 1 next, 1 tried
status(session-001): store failed, tests are red
rollback(session-001): to session-001/0003
checkpoint(session-001): failed-store
evidence(session-001): store red
attempt(session-001): 2 ended, killed, silent for 600 s
steps(session-001): 20-22, 1 failed
attempt(session-001): 2 started, store
recovery(session-001): resume-agent, agent died
session(session-001): crashed, kill -9
question(session-001): which store?
status(session-001): parser done
evidence(session-001): parser green
commit(session-001): foreign 01234567 by hand
commit(session-001): 01234567 Add a parser
attempt(session-001): 1 ended, exit code 0
steps(session-001): 7-9
attempt(session-001): 1 started, parser
checkpoint(session-001): 0001 automatic
baseline(session-001): 1 failing, pytest -q
start(session-001): parser
run(20261122-abcd): claude on night/20261122-abcd
feature: parser and store
init: trading-bot"""


def document(night: Night, cls: type, **fields: Any) -> dict[str, Any]:
    version = {"version": 1} if "version" in cls.__dataclass_fields__ else {}
    whole: dict[str, Any] = codec.encode(cls(**{**version, **fields}))
    return whole


def play(store: StateStore, night: Night) -> None:
    """A small night: one feature is done, one is given up."""
    place = documents.Place("0" * 40, "main")
    run = {
        "id": "20261122-abcd", "started": night.time(), "worktree": "main",
        "branch": "night/20261122-abcd", "base": "0" * 40, "agent": "claude",
    }  # fmt: skip
    baseline = {
        "name": "main", "at": night.time(), "tree": "0" * 40, "command": "pytest -q", "exit_code": 1,
        "seconds": 1.0, "summary": "1 failed", "failing": ("tests/test_x.py::test_y",),
    }  # fmt: skip
    operation = {
        "id": "20261122-efgh", "verb": "rollback", "at": night.time(), "session": "session-001",
        "worktree": "main", "before": place, "target": "session-001/0003",
    }  # fmt: skip
    question = {"id": "q-1", "session": "session-001", "at": night.time(), "text": "which store?"}
    commit = {
        "commit": "01234567" * 5,
        "kind": "own",
        "feature": "parser",
        "subject": "Add a parser\n\nLong.",
    }
    launched = {"number": 1, "pid": 1, "pgid": 1, "process_start": "1", "boot_id": "b"}
    ended = {"number": 1, "exit_code": 0, "reason": "", "head": None}
    silent = {"number": 2, "exit_code": None, "reason": "silent for 600 s", "head": None}
    said = {"accomplished": ("parser",), "next": ("store",), "tried": ("sqlite\x1b]0;title\x07",)}
    made = [
        night.record("run", **document(night, documents.Run, state="running", **run)),
        night.created(feature="parser", run="20261122-abcd"),
        night.state("active"),
        night.record("baseline", **document(night, documents.Baseline, **baseline)),
        night.checkpoint("session-001/0001"),
        night.record("attempt.started", number=1, feature="parser", head=None),
        night.record("attempt.launched", **launched),
        night.step("read the grammar"),
        night.step("write the parser"),
        night.record("attempt.ended", **ended),
        night.record("commit", **commit),
        night.record("commit", **{**commit, "kind": "foreign", "subject": "by hand"}, by="hook"),
        night.evidence("parser"),
        night.status("parser", "done"),
        night.record("note", text="the store is next", by="agent"),
        night.record("question", **document(night, documents.Question, **question)),
        night.state("crashed", why="kill -9"),
        night.record("recovery", verdict="resume-agent", row="agent died", seconds=0.2),
        night.record("attempt.started", number=2, feature="store", head=None),
        night.record("decision", text="sqlite \x1b[31m\u202e", by="agent"),
        night.step("write the store"),
        night.step("test the store", "failed"),
        night.record("attempt.ended", **silent),
        night.evidence("store", green=False),
        night.checkpoint("session-001/0004", "failed-store"),
        night.record("operation", **document(night, documents.Operation, state="open", **operation)),
        night.record("operation", **document(night, documents.Operation, state="done", **operation)),
        night.status("store", "failed", reason="tests are red"),
        night.handoff("session-001", **said),
        night.state("handed_off"),
        night.record(
            "run", **document(night, documents.Run, state="ended", stop="nothing left to do", **run)
        ),
    ]  # fmt: skip
    for record in made:
        store.record("session-001", record)


def test_the_log_reads_as_the_night(repo: Repo, store: StateStore, night: Night) -> None:
    features = {
        names.feature_file(name): night.feature(name, n) for n, name in enumerate(("parser", "store"), 1)
    }
    store.transact("feature: parser and store", "feature.added", lambda _view: features)
    play(store, night)
    assert repo.git("log", "--format=%s", names.STATE_BRANCH) == STORY
    assert "\x1b" not in repo.git("log", names.STATE_BRANCH)
    handoff = repo.git("log", "-1", "--format=%B", f"{names.STATE_BRANCH}~2")
    assert handoff == (
        "handoff(session-001): 1 accomplished, 1 next, 1 tried\n\n"
        "accomplished: parser\nnext: store\ntried: sqlite ]0;title\n\n"
        "Ovn-Event: handoff\nOvn-Session: session-001\n"
    )
    assert repo.git("log", "-1", "--format=%(trailers)", f"{names.STATE_BRANCH}~5") == (
        "Ovn-Event: checkpoint\nOvn-Session: session-001\nOvn-Checkpoint: session-001/0004\n"
    )
    repo.fsck()


def test_the_night_can_be_read_again(store: StateStore, night: Night) -> None:
    features = {
        names.feature_file(name): night.feature(name, n) for n, name in enumerate(("parser", "store"), 1)
    }
    store.transact("feature: parser and store", "feature.added", lambda _view: features)
    play(store, night)
    view = store.view()
    session = view.session("session-001")
    assert session is not None
    assert (session.state, session.steps, session.steps_failed, session.folded) == ("handed_off", 4, 1, 31)
    assert [attempt.reason for attempt in session.attempts] == ["", "silent for 600 s"]
    assert {name: one.status for name, one in view.features().items()} == {
        "parser": "done",
        "store": "failed",
    }
    assert view.feature("parser").completed == 1  # type: ignore[union-attr]
    assert view.run("20261122-abcd").stop == "nothing left to do"  # type: ignore[union-attr]
    assert view.operation("20261122-efgh").state == "done"  # type: ignore[union-attr]
    assert (list(view.questions()), list(view.baselines()), list(view.runs())) == (
        ["q-1"], ["main"], ["20261122-abcd"],
    )  # fmt: skip
    assert view.question("q-1").answer is None  # type: ignore[union-attr]
    assert view.baseline("main").failing == ("tests/test_x.py::test_y",)  # type: ignore[union-attr]
    assert list(view.operations()) == ["20261122-efgh"]
