"""The state of a repository: acknowledged is seen, folded is on the branch, nothing gets lost."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ovn import names
from ovn.errors import (
    Ambiguous,
    FormatTooNew,
    InvalidDocument,
    InvalidName,
    Locked,
    NoSpace,
    NotInitialised,
    RefClash,
    StaleLease,
    StateConflict,
)
from ovn.git.locks import repository_lock
from ovn.state import store as module
from ovn.state.store import StateStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ovn.git.locate import Location

    from ..conftest import Repo  # noqa: TID252
    from .conftest import Night

FORK = multiprocessing.get_context("fork")
FULL = "refs/heads/overnight/state"


def subjects(repo: Repo, rev: str = "overnight/state") -> list[str]:
    return repo.git("log", "--format=%s", rev).splitlines()


def put(repo: Repo, changes: dict[str, bytes | None], *, move: bool = True) -> str:
    """Commit as somebody else would, to the state branch; returns the commit."""
    tree: dict[str, str] = {}
    for line in repo.git("ls-tree", "-r", FULL).splitlines():
        meta, path = line.split("\t")
        tree[path] = meta
    for path, data in changes.items():
        if data is None:
            tree.pop(path)
        else:
            tree[path] = f"100644 blob {repo.git('hash-object', '-w', '--stdin', stdin=data)}"
    index = {"GIT_INDEX_FILE": str(repo.git_dir / "foreign")}
    repo.git("read-tree", "--empty", env=index)
    lines = "".join(f"{meta}\t{path}\n" for path, meta in tree.items())
    repo.git("update-index", "--index-info", stdin=lines.encode(), env=index)
    oid = repo.git("commit-tree", "-p", FULL, "-m", "rubbish", repo.git("write-tree", env=index))
    if move:
        repo.git("update-ref", FULL, oid)
    return oid


# -- init ----------------------------------------------------------------------------------


def test_init_makes_an_orphan_branch_with_one_document(repo: Repo, store: StateStore) -> None:
    assert subjects(repo) == ["init: trading-bot"]
    assert repo.git("ls-tree", "-r", "--name-only", FULL) == "ovn.json"
    project = store.view().project
    assert (project.format, project.project) == (1, "trading-bot")
    assert repo.git("rev-parse", names.KEEP_REF) == store.tip() == store.view().commit
    assert repo.git("symbolic-ref", "HEAD") == "refs/heads/main"
    assert repo.git("status", "--porcelain") == ""


def test_init_again_changes_nothing(store: StateStore) -> None:
    assert store.init("another name") == store.tip()
    assert store.view().project.project == "trading-bot"


def test_a_branch_named_overnight_is_in_the_way(repo: Repo, location: Location) -> None:
    repo.git("branch", "overnight")
    with pytest.raises(RefClash, match="cannot exist beside") as caught:
        StateStore.open(location).init("x")
    assert caught.value.hint is not None
    assert "git branch -m overnight" in caught.value.hint


def test_before_init_there_is_nothing_to_read_or_write(location: Location, night: Night) -> None:
    store = StateStore.open(location)
    assert store.tip() is None
    assert store.view().sessions() == {}
    assert store.pending() == {}
    for act in (
        lambda: store.record("s", night.created()),
        lambda: store.transact("x", "x", lambda _view: {}),
        store.log,
        lambda: store.view().project,
    ):
        with pytest.raises(NotInitialised):
            act()
    assert store.fold().records == 0


def test_a_clone_takes_the_branch_of_the_one_remote_that_has_it(
    repo: Repo, store: StateStore, night: Night, tmp_path: Path, make_repo: Callable[..., Repo]
) -> None:
    store.record("s", night.created())
    clone = make_repo(tmp_path / "clone")
    clone.git("remote", "add", "origin", repo.path)
    clone.git("remote", "add", "same", repo.path)
    clone.git("fetch", "-q", "--all")
    there = StateStore.open(clone.location)
    assert there.adopt() == store.tip()
    assert there.view().session("s") == store.view().session("s")
    there.record("s", night.step(), fold=True)
    assert [seq for seq, _ in there.records("s")] == [1, 2]


def test_remotes_that_differ_are_named(
    repo: Repo, store: StateStore, tmp_path: Path, make_repo: Callable[..., Repo]
) -> None:
    other = make_repo(tmp_path / "other")
    StateStore.open(other.location).init("other")
    clone = make_repo(tmp_path / "clone")
    clone.git("remote", "add", "one", repo.path)
    clone.git("remote", "add", "two", other.path)
    clone.git("fetch", "-q", "--all")
    with pytest.raises(Ambiguous) as caught:
        StateStore.open(clone.location).init("x")
    assert "'one/overnight/state'" in str(caught.value.hint)


# -- record, view, fold --------------------------------------------------------------------


def test_a_record_is_seen_at_once_and_folded_when_it_has_a_meaning(
    repo: Repo, store: StateStore, night: Night, again: Callable[[], StateStore]
) -> None:
    assert store.record("s", night.created(goal="a goal")) == 1
    assert subjects(repo)[0] == "start(s): a goal"
    assert store.record("s", night.step()) == 2
    assert len(subjects(repo)) == 2
    view = again().view()
    assert view.pending == again().pending() == {"s": 1}
    session = view.session("s")
    assert session is not None
    assert (session.steps, session.folded) == (1, 2)
    bare = again().view(pending=False).session("s")
    assert bare is not None
    assert (bare.steps, bare.folded) == (0, 1)


def test_a_view_does_not_change_when_the_state_does(store: StateStore, night: Night) -> None:
    store.record("s", night.created())
    before = store.view()
    store.record("s", night.state("waiting"))
    assert before.session("s").state == "created"  # type: ignore[union-attr]
    assert store.view().session("s").state == "waiting"  # type: ignore[union-attr]


def test_steps_are_folded_at_a_thousand_records(
    repo: Repo, store: StateStore, night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FOLD_RECORDS", 10)
    store.record("s", night.created())
    for at in range(11):
        store.record("s", night.step(f"step {at}", "failed" if at == 3 else "done"))
    assert subjects(repo) == ["steps(s): 2-11, 1 failed", "start(s): run", "init: trading-bot"]
    assert store.pending() == {"s": 1}


def test_steps_are_folded_after_ten_seconds(repo: Repo, location: Location, night: Night) -> None:
    class Clock(module.SYSTEM.__class__):  # type: ignore[name-defined,misc]
        seconds = 0.0

        def monotonic(self) -> float:
            return self.seconds

    clock = Clock()
    store = StateStore.open(location, clock)
    store.init("x")
    store.record("s", night.created())
    for clock.seconds in (1.0, 9.0, 11.5):
        store.record("s", night.step())
    assert subjects(repo)[0] == "steps(s): 2-4"
    assert store.pending() == {}


def test_fold_takes_every_session_and_says_what_it_did(store: StateStore, night: Night) -> None:
    for session in ("s", "t"):
        store.record(session, night.created())
        store.record(session, night.step())
        store.record(session, night.step())
    report = store.fold()
    assert (report.records, len(report.commits)) == (4, 2)
    assert (report.cut_bytes, report.set_aside, report.lost, report.said) == (0, (), (), ())
    assert store.fold().commits == ()


def test_at_every_commit_the_segments_hold_what_the_session_counts(
    repo: Repo, store: StateStore, night: Night
) -> None:
    store.record("s", night.created())
    for made in (night.step(), night.record("note", text="n"), night.state("waiting"), night.step()):
        store.record("s", made, fold=False)
    store.fold()
    for commit in repo.git("rev-list", FULL).splitlines()[:-1]:
        files = repo.git("ls-tree", "-r", "--name-only", commit).splitlines()
        lines = [
            repo.git("show", f"{commit}:{path}").splitlines() for path in files if path.endswith(".jsonl")
        ]
        numbers = [json.loads(line)["seq"] for segment in lines for line in segment]
        folded = json.loads(repo.git("show", f"{commit}:sessions/s/session.json"))["folded"]
        assert numbers == list(range(1, folded + 1))


def test_records_come_back_folded_and_pending(store: StateStore, night: Night) -> None:
    made = [
        night.created(),
        *[night.step(f"{n}") for n in range(5)],
        night.state("waiting"),
        night.step("last"),
    ]
    for record in made:
        store.record("s", record)
    assert store.pending() == {"s": 1}
    assert list(store.records("s")) == list(enumerate(made, 1))
    assert list(store.records("nobody")) == []


def test_a_session_that_ended_is_moved_and_still_found(repo: Repo, store: StateStore, night: Night) -> None:
    store.record("s", night.created())
    store.record("s", night.step(), fold=False)
    store.record("s", night.handoff("s", accomplished=("all",)), fold=False)
    store.record("s", night.state("handed_off"))
    view = store.view()
    assert view.sessions() == {}
    assert list(view.sessions(ended=True)) == ["s"]
    assert view.session("s").state == "handed_off"  # type: ignore[union-attr]
    assert view.handoff("s").accomplished == ("all",)  # type: ignore[union-attr]
    files = repo.git("ls-tree", "-r", "--name-only", FULL).splitlines()
    assert {path.rsplit("/journal")[0] for path in files} == {
        "ended/2026-11/s",
        "ended/2026-11/s/handoff.json",
        "ended/2026-11/s/session.json",
        "ovn.json",
    }
    assert not (repo.git_dir / "ovn/journal/s").exists()
    repo.fsck()


def test_a_late_record_of_an_ended_session_follows_its_others(
    repo: Repo, store: StateStore, night: Night, again: Callable[[], StateStore]
) -> None:
    """A hook that comes late: its number goes on, and it lies where the session lies now."""
    store.record("s", night.created())
    store.record("s", night.state("abandoned"))
    assert again().record("s", night.record("note", text="late")) == 3
    assert store.view().session("s").notes == ("late",)  # type: ignore[union-attr]
    store.fold()
    assert [seq for seq, _ in store.records("s")] == [1, 2, 3]
    assert not repo.git("ls-tree", FULL, "sessions")


def test_a_session_can_come_back_from_its_end(repo: Repo, store: StateStore, night: Night) -> None:
    for state in ("abandoned", "crashed"):
        store.record("s", night.state(state))
    assert list(store.view().sessions()) == ["s"]
    assert not repo.git("ls-tree", FULL, "ended")


def test_what_cannot_be_a_record_is_refused_before_it_is_acknowledged(
    store: StateStore, night: Night
) -> None:
    with pytest.raises(InvalidDocument):
        store.record("s", {**night.created(), "by": "nobody"})
    with pytest.raises(InvalidName):
        store.record("../s", night.created())
    with pytest.raises(InvalidDocument, match="the limit is 1048576"):
        store.record("s", night.step(result="x" * (1 << 20)))
    assert store.pending() == {}


def test_a_record_that_breaks_its_schema_is_set_aside_and_said(
    repo: Repo, store: StateStore, night: Night
) -> None:
    store.record("s", night.created())
    store.journal("s").append(b'{"type": "step"}')
    store.record("s", night.step(), fold=False)
    assert store.view().session("s").steps == 1  # type: ignore[union-attr]
    report = store.fold()
    (aside,) = report.set_aside
    assert (aside.session, aside.seq, report.records) == ("s", 2, 1)
    assert (repo.git_dir / "ovn/aside/record-s-2").read_bytes() == b'{"type": "step"}'
    assert "record 2 of session 's' is set aside: " in repo.git("log", "-1", "--format=%b", FULL)
    assert [seq for seq, _ in store.records("s")] == [1, 3]


def test_a_journal_of_rubbish_alone_is_folded_too(repo: Repo, store: StateStore) -> None:
    store.journal("s").append(b"{}")
    store.journal("s").append(b"\xff")
    assert len(store.fold().set_aside) == 2
    assert subjects(repo)[0] == "set-aside(s): 2 records that cannot be read"
    assert store.fold().set_aside == ()
    assert store.view().session("s").folded == 2  # type: ignore[union-attr]


def test_a_record_that_would_break_a_document_has_no_effect_and_stays(
    store: StateStore, night: Night
) -> None:
    """The ten thousand and first note: the schema ends there, the journal does not."""
    store.record("s", night.created())
    records = [night.record("note", text="") for _ in range(3)]
    store.record("s", records[0], fold=True)
    full = replace(store.view().session("s"), notes=("",) * 9_999)  # type: ignore[type-var]
    store.transact("fill", "test", lambda _view: {names.session_file("s"): full})
    for record in (*records, night.step()):
        store.record("s", record, fold=False)
    report = store.fold()
    assert [aside.seq for aside in report.set_aside] == [4, 5]
    session = store.view().session("s")
    assert session is not None
    assert (len(session.notes), session.steps, session.folded) == (10_000, 1, 6)
    assert len(list(store.records("s"))) == 6


def test_a_damaged_journal_loses_only_the_damaged_record(repo: Repo, store: StateStore, night: Night) -> None:
    store.record("s", night.created())
    for name in ("aaaa", "bbbb", "cccc"):
        store.record("s", night.step(name))
    path = repo.git_dir / "ovn/journal/s/records"
    path.write_bytes(path.read_bytes().replace(b"bbbb", b"bbxb"))
    report = StateStore.open(repo.location).fold()
    assert (report.lost, report.records) == ((("s", 3),), 2)
    assert "record 3 was damaged in the journal" in repo.git("log", "-1", "--format=%b", FULL)
    assert [seq for seq, _ in store.records("s")] == [1, 2, 4]
    assert store.record("s", night.step()) == 5


def test_a_torn_tail_is_cut_and_reported_by_the_fold(repo: Repo, store: StateStore, night: Night) -> None:
    store.record("s", night.created())
    store.record("s", night.step())
    store.close()
    path = repo.git_dir / "ovn/journal/s/records"
    data = path.read_bytes()
    end = len(data.rstrip(b"\0"))
    path.write_bytes(data[:end] + b"half a frame" + data[end + 12 :])
    assert store.fold().cut_bytes == 12


def test_a_stale_holder_is_fenced_off(store: StateStore, night: Night) -> None:
    store.journal("s").set_generation(2)
    with pytest.raises(StaleLease):
        store.record("s", night.created(), generation=1)
    assert store.record("s", night.created(), generation=2) == 1


def test_a_fold_that_cannot_be_is_put_off_and_the_record_stands(
    location: Location, store: StateStore, night: Night, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    """Acknowledged is acknowledged: a full disk at the fold is no failure of the record."""
    store.record("s", night.created())

    def full(*_: object) -> None:
        raise NoSpace("no space")

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(store.objects, "write_pack", full)
        assert store.record("s", night.state("waiting")) == 2
        with pytest.raises(NoSpace):
            store.fold()
    assert isinstance(store.deferred, NoSpace)
    assert "session 's' is not folded yet: no space" in caplog.text
    assert store.view().session("s").state == "waiting"  # type: ignore[union-attr]
    store.record("s", night.state("waiting"))
    assert (store.deferred, store.pending()) == (None, {})


def test_a_fold_waits_for_another_process_only_so_long(
    location: Location, store: StateStore, night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.record("s", night.created())
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    ready, done = FORK.Event(), FORK.Event()

    def hold() -> None:
        with repository_lock(location):
            ready.set()
            done.wait(30)

    process = FORK.Process(target=hold)
    process.start()
    ready.wait(30)
    try:
        store.record("s", night.state("waiting"))
        assert isinstance(store.deferred, Locked)
    finally:
        done.set()
        process.join()


# -- transact ------------------------------------------------------------------------------


def add(night: Night, *ids: str) -> Callable[[Any], dict[str, Any]]:
    return lambda _view: {
        names.feature_file(id_): night.feature(id_, number) for number, id_ in enumerate(ids, 1)
    }


def test_a_transaction_is_one_commit_with_its_trailers(repo: Repo, store: StateStore, night: Night) -> None:
    oid = store.transact(
        "feature: parser", "feature.added", add(night, "parser"), {names.TRAILER_FEATURE: "parser"}
    )
    assert repo.git("log", "-1", "--format=%H%n%B", FULL) == (
        f"{oid}\nfeature: parser\n\nOvn-Event: feature.added\nOvn-Feature: parser\n"
    )
    assert list(store.view().features()) == ["parser"]
    gone = store.transact("feature: none", "feature.removed", lambda _view: {"features/parser.json": None})
    assert store.view().features() == {}
    assert store.transact("again", "x", lambda _view: {"features/parser.json": None}) == gone == store.tip()


def test_a_transaction_sees_what_was_pending(store: StateStore, night: Night) -> None:
    store.transact("features", "x", add(night, "parser"))
    store.record("s", night.created())
    store.record("s", night.status("parser", "in_progress", attempts=1), fold=False)

    def count(view: Any) -> dict[str, Any]:
        feature = view.feature("parser")
        return {names.feature_file("parser"): replace(feature, attempts=feature.attempts + 1)}

    store.transact("count", "x", count)
    assert store.view().feature("parser").attempts == 2  # type: ignore[union-attr]
    assert store.pending() == {}


def test_a_transaction_is_built_again_when_the_branch_moves(
    repo: Repo, store: StateStore, night: Night
) -> None:
    calls = []

    def change(view: Any) -> dict[str, Any]:
        calls.append(view.commit)
        if len(calls) < 3:  # somebody who does not know our lock
            put(repo, {f"features/{len(calls)}.json": b"{}\n"})
        return add(night, "parser")(view)

    store.transact("feature: parser", "x", change)
    assert len(set(calls)) == 3
    names_ = repo.git("ls-tree", "--name-only", FULL, "features/").splitlines()
    assert names_ == ["features/1.json", "features/2.json", "features/parser.json"]


def test_a_branch_that_never_stays_is_a_conflict(
    repo: Repo, store: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ovn.state.folding.TRIES", 3)
    count = iter(range(100))

    def change(view: Any) -> dict[str, Any]:
        put(repo, {"x": b"%d" % next(count)})
        return {names.PROJECT_FILE: replace(view.project, project="never")}

    with pytest.raises(StateConflict, match="did not stay in place"):
        store.transact("x", "x", change)


def test_an_invalid_document_is_not_written(store: StateStore, night: Night) -> None:
    before = store.tip()
    bad = replace(night.feature("parser"), status="finished")
    with pytest.raises(InvalidDocument, match=r"features/parser\.json: status: must be one of"):
        store.transact("x", "x", lambda _view: {"features/parser.json": bad})
    assert store.tip() == before


# -- many at once --------------------------------------------------------------------------


def together(*jobs: Callable[[], None]) -> None:
    processes = [FORK.Process(target=job) for job in jobs]
    for process in processes:
        process.start()
    for process in processes:
        process.join(240)
    assert [process.exitcode for process in processes] == [0] * len(jobs)


@pytest.mark.slow
def test_eight_processes_on_one_branch_lose_nothing(
    repo: Repo, location: Location, store: StateStore, night: Night, again: Callable[[], StateStore]
) -> None:
    """50 writes each: transactions on one document, events and steps in one session and in own ones."""
    store.transact("features", "x", add(night, "parser"))

    def count(view: Any) -> dict[str, Any]:
        feature = view.feature("parser")
        return {names.feature_file("parser"): replace(feature, attempts=feature.attempts + 1)}

    def work(who: int) -> None:
        mine = again()
        for at in range(50):
            if at % 5 == 0:
                mine.transact(f"count {who}", "x", count)
            elif at % 5 == 1:
                mine.record("shared", night.record("note", text=f"{who}:{at}"), fold=at % 10 == 1)
            else:
                mine.record(f"own-{who}", night.step(f"{who}:{at}"))
        mine.close()

    together(*(lambda who=who: work(who) for who in range(8)))  # type: ignore[misc]
    store.fold()
    view = store.view()
    assert view.feature("parser").attempts == 80  # type: ignore[union-attr]
    notes = [f"{who}:{at}" for who in range(8) for at in range(1, 50, 5)]
    assert sorted(view.session("shared").notes) == sorted(notes)  # type: ignore[union-attr]
    assert [view.session(f"own-{who}").steps for who in range(8)] == [30] * 8  # type: ignore[union-attr]
    for session in view.sessions():
        numbers = [seq for seq, _ in store.records(session)]
        assert numbers == list(range(1, len(numbers) + 1))
    repo.fsck()


# -- log -----------------------------------------------------------------------------------


def test_the_log_tells_the_story_with_its_trailers(store: StateStore, night: Night) -> None:
    store.transact(
        "feature: parser", "feature.added", add(night, "parser"), {names.TRAILER_FEATURE: "parser"}
    )
    store.record("s", night.created(feature="parser"))
    store.record("s", night.checkpoint("s/0001", "before", text="a text\n\nOvn-Event: forged"))
    store.record("t", night.evidence("parser", green=False))
    last, kept, start, added, init = store.log()
    assert (last.event, last.session, last.feature, last.evidence) == ("evidence", "t", "parser", "t/1")
    assert (last.subject, last.body) == ("evidence(t): parser red", "pytest -q: 1, 1 failed")
    assert (kept.event, kept.checkpoint) == ("checkpoint", "s/0001")
    assert kept.body == "a text Ovn-Event: forged"
    assert (start.when, start.oid) == ("2026-11-22T23:00:01.000Z", store.log("s")[-1].oid)
    assert [entry.subject for entry in store.log(session="s")] == [kept.subject, start.subject]
    assert [entry.subject for entry in store.log(feature="parser", limit=2)] == [last.subject, start.subject]
    assert (added.event, init.event, init.session) == ("feature.added", "init", None)


# -- roll-up -------------------------------------------------------------------------------


def test_many_packs_are_joined_by_a_child(
    repo: Repo, store: StateStore, night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ovn.state.rollup.MOST", 3)
    for _ in range(4):
        store.record("s", night.state("waiting"))
    child = store._child
    assert child is not None
    assert child.wait(60) == 0
    assert os.getsid(0) != child.pid
    assert len(list((repo.git_dir / "objects/pack").glob("*.pack"))) <= 2
    assert store.view().session("s").folded == 4  # type: ignore[union-attr]
    repo.fsck()


def test_a_fold_of_a_thousand_steps_stays_small_whatever_came_before(
    repo: Repo, store: StateStore, night: Night
) -> None:
    """What a fold writes does not grow with history: the same number of objects, about the same bytes."""
    store.record("s", night.created())
    sizes = []
    for _ in range(4):
        for at in range(300):
            store.record("s", night.step(f"step {at}", result={"n": at}), fold=False)
        before = {path.name for path in (repo.git_dir / "objects/pack").glob("*.pack")}
        start = time.perf_counter()
        store.fold()
        assert time.perf_counter() - start < 5  # the figure is measured in bench/; this is a guard
        (new,) = [path for path in (repo.git_dir / "objects/pack").glob("*.pack") if path.name not in before]
        sizes.append(new.stat().st_size)
    assert max(sizes[1:]) < 1.2 * min(sizes[1:])


# -- what others did to the branch ---------------------------------------------------------


def test_a_deleted_branch_is_put_back(repo: Repo, store: StateStore, night: Night) -> None:
    store.record("s", night.created())
    tip = store.tip()
    repo.git("branch", "-q", "-D", "overnight/state")
    assert store.view().session("s") is not None
    assert store.heal() == (f"the branch 'overnight/state' was deleted; it is back at {tip[:8]}",)  # type: ignore[index]
    assert repo.git("rev-parse", FULL) == tip
    assert store.heal() == ()


def test_a_branch_that_was_set_back_is_put_back_by_the_next_fold(
    repo: Repo, store: StateStore, night: Night
) -> None:
    store.record("s", night.created())
    store.record("s", night.state("waiting"))
    tip = store.tip()
    repo.git("update-ref", FULL, f"{FULL}~2")
    assert store.tip() == tip
    store.record("s", night.step(), fold=False)
    report = store.fold()
    assert report.said[0].endswith(f"it is again at {tip[:8]}")  # type: ignore[index]
    assert [seq for seq, _ in store.records("s")] == [1, 2, 3]


def test_a_replaced_branch_is_kept_and_put_back(repo: Repo, store: StateStore, night: Night) -> None:
    store.record("s", night.created())
    tip, foreign = store.tip(), repo.head
    repo.git("update-ref", FULL, foreign)
    assert store.view().session("s") is not None
    (said,) = store.heal()
    assert f"kept as 'refs/ovn/lost/{foreign}'" in said
    assert repo.git("rev-parse", FULL) == tip
    assert repo.git("rev-parse", f"refs/ovn/lost/{foreign}") == foreign


def test_a_branch_that_names_nothing_is_put_back(repo: Repo, store: StateStore) -> None:
    tip = store.tip()
    (repo.git_dir / FULL).write_text("0" * 39 + "1\n")
    assert store.tip() == tip
    assert len(store.heal()) == 1
    assert repo.git("rev-parse", FULL) == tip


def test_a_branch_that_went_on_elsewhere_is_taken_as_it_is(
    repo: Repo, store: StateStore, night: Night
) -> None:
    foreign = put(repo, {"notes.txt": b"by hand\n"})
    assert store.heal() == ()
    assert repo.git("rev-parse", names.KEEP_REF) == foreign
    store.record("s", night.created())
    assert repo.git("show", f"{FULL}:notes.txt") == "by hand"


def test_a_document_that_cannot_be_read_is_replaced_by_its_last_good_version(
    repo: Repo, store: StateStore, night: Night
) -> None:
    store.transact("feature: parser", "x", add(night, "parser"))
    good = store.tip()
    put(repo, {"features/parser.json": b'{"status": ', "features/new.json": b"[]\n"})
    view = store.view()
    assert view.feature("parser") == night.feature("parser")
    assert view.feature("new") is None
    assert [(damage.path, damage.used) for damage in view.damaged] == [
        ("features/parser.json", good),
        ("features/new.json", None),
    ]
    assert "line 1, column 12: " in str(view.damaged[0])
    assert "no version of it can be read" in str(view.damaged[1])
    store.record("s", night.created(), fold=False)
    store.record("s", night.status("parser", "in_progress"), fold=False)
    report = store.fold()
    assert "'features/parser.json'" in report.said[0]
    assert store.view().feature("parser").status == "in_progress"  # type: ignore[union-attr]
    assert store.view().damaged == []


def test_a_session_document_that_is_gone_is_begun_anew(repo: Repo, store: StateStore, night: Night) -> None:
    store.record("s", night.created())
    put(repo, {"sessions/s/session.json": None})
    store.record("s", night.step(), fold=True)
    assert store.view().session("s").steps == 1  # type: ignore[union-attr]


@pytest.mark.parametrize("rubbish", [b"", b"{", b"\xff\xfe", b"[1, 2]", None])
def test_an_unreadable_project_document_is_taken_from_history(
    repo: Repo, store: StateStore, night: Night, rubbish: bytes | None
) -> None:
    put(repo, {"ovn.json": rubbish})
    view = store.view()
    assert view.project.project == "trading-bot"
    assert view.damaged[0].path == "ovn.json"
    store.record("s", night.created())
    assert store.view().session("s") is not None


def test_a_branch_that_is_not_ours_is_refused(repo: Repo, location: Location, night: Night) -> None:
    repo.git("update-ref", FULL, repo.head)
    store = StateStore.open(location)
    for act in (store.view, lambda: store.init("x"), lambda: store.record("s", night.created())):
        with pytest.raises(StateConflict, match=r"holds no 'ovn\.json'"):
            act()  # type: ignore[operator]
    assert repo.git("rev-parse", FULL) == repo.head


def test_a_newer_format_is_refused_and_left_alone(
    repo: Repo, store: StateStore, night: Night, again: Callable[[], StateStore]
) -> None:
    store.record("s", night.step(), fold=False)
    newer = put(repo, {"ovn.json": b'{"format": 2, "shape": "unknown"}\n'})
    fresh = again()
    for act in (
        fresh.view,
        fresh.fold,
        lambda: fresh.record("s", night.step()),
        lambda: fresh.transact("x", "x", lambda _view: {}),
        lambda: fresh.init("x"),
    ):
        with pytest.raises(FormatTooNew, match="format 2, this git ovn knows format 1"):
            act()  # type: ignore[operator]
    assert repo.git("rev-parse", FULL) == newer
    assert fresh.pending() == {"s": 1}
    assert fresh.log()[0].subject == "rubbish"


def test_a_newer_document_is_refused_not_replaced_by_an_older_one(
    repo: Repo, store: StateStore, night: Night
) -> None:
    store.transact("feature: parser", "x", add(night, "parser"))
    put(repo, {"features/parser.json": b'{"version": 99}\n'})
    with pytest.raises(FormatTooNew, match="version 99"):
        store.view().feature("parser")


def test_numbers_that_the_branch_gave_to_other_records_are_set_aside(
    repo: Repo, store: StateStore, night: Night
) -> None:
    """A journal copied with its folder from another clone: neither record is lost."""
    store.record("s", night.created())
    journal = repo.git_dir / "ovn/journal/s/records"
    store.record("s", night.step("ours"), fold=False)
    copied = journal.read_bytes()
    store.fold()
    store.close()
    journal.write_bytes(copied.replace(b"ours", b"ours"))
    assert store.fold().set_aside == ()
    journal.unlink()
    store.journal("s").close()
    from ovn.model import records as model
    from ovn.state.journal import Journal

    other = night.step("theirs")
    with Journal(journal.parent, first=2) as theirs:
        theirs.append(model.payload(other))
    (aside,) = store.fold().set_aside
    assert (aside.seq, aside.why) == (2, "its number belongs to another record")
    assert [record["data"]["name"] for _, record in store.records("s") if record["type"] == "step"] == [
        "ours"
    ]
    assert (repo.git_dir / "ovn/aside/record-s-2").read_bytes() == model.payload(other)
    assert store.record("s", night.step()) == 3


def test_gc_leaves_everything(repo: Repo, store: StateStore, night: Night) -> None:
    for n in range(5):
        store.record("s", night.step(), fold=False)
        store.record("s", night.state("waiting"))
        repo.git("gc", "-q", "--prune=now") if n % 2 else repo.git("pack-refs", "--all")
    repo.fsck()
    assert len(list(store.records("s"))) == 10
