"""The doctor: what it finds, what it mends, how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ovn import active, names
from ovn.active import Active, Debt
from ovn.clock import SYSTEM, rfc3339
from ovn.errors import GitFailed
from ovn.githooks import install
from ovn.leases import Leases
from ovn.model import records
from ovn.state.store import StateStore
from ovn.upkeep import doctor

ROOT = str(Path(doctor.__file__).resolve().parent.parent)


@pytest.fixture
def store(repo):
    """A repository as 'init' leaves it."""
    found = StateStore(repo.location)
    found.init("trading-bot")
    install.install(repo.location)
    return found


@pytest.fixture
def patient(store):
    return doctor.Patient(store)


def look(patient, name, *, fix=False):
    """Return one check's finding."""
    (finding,) = doctor.examine(patient, fix=fix, only=[name])
    return finding


def begin(store, session="session-001", kind="detached"):
    data = {"kind": kind, "worktree": "main"}
    store.record(session, records.make("session.created", data, at=rfc3339(SYSTEM.now()), by="person"))


def call(repo, *args):
    return subprocess.run(
        [sys.executable, "-m", "ovn.cli.main", "doctor", *args],
        cwd=repo.path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": ROOT},
    )


# -- the verb --------------------------------------------------------------------------


def test_a_repository_in_order_is_all_ok(repo, store):
    repo.write(".overnight/config.yaml", "agent: {name: command, argv: ['true']}\n")
    done = call(repo)
    assert done.returncode == 0, done.stdout
    assert {line.split()[0] for line in done.stdout.splitlines()} == {"ok"}
    assert len(done.stdout.splitlines()) == len(doctor.CHECKS) + 1  # the agent's
    assert done.stderr == ""


def test_what_fails_is_exit_14_and_json_says_the_same(repo, store):
    (repo.git_dir / "index").write_bytes(b"rubbish")
    done = call(repo, "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["healthy"]) == (14, False)
    (index,) = [check for check in found["checks"] if check["name"] == "index"]
    assert (index["verdict"], index["text"]) == ("fail", "git's index is damaged: it has 7 bytes")
    mended = json.loads(call(repo, "--json", "--fix").stdout)
    assert mended["healthy"] is True
    assert [check["name"] for check in mended["checks"] if check["mended"]] == ["index"]
    repo.git("status")


def test_a_repository_without_state_is_told_how_to_begin(repo):
    done = call(repo)
    assert done.returncode == 0
    assert "hint: state: run 'git ovn init'" in done.stderr
    assert "hint: hooks: run 'git ovn hooks install'" in done.stderr


# -- the checks ------------------------------------------------------------------------


def test_an_old_git_fails(patient, monkeypatch):
    monkeypatch.setattr(doctor, "MINIMUM_GIT", (99, 0))
    assert look(patient, "git").verdict == "fail"
    assert look(patient, "git").fix == "install git 99.0 or later"


def test_on_macos_the_untested_promises_are_named(patient, monkeypatch):
    monkeypatch.setattr(doctor.host, "MACOS", True)
    assert "untested" in doctor._platform(patient)[1]


def test_a_full_disk_fails(patient, monkeypatch):
    monkeypatch.setattr(doctor.health, "disk_of", lambda _: doctor.health.disk(1, None))
    assert look(patient, "disk").verdict == "fail"


def test_without_an_identity_it_fails(patient, monkeypatch, repo):
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.delenv(name)
    repo.git("config", "user.useConfigOnly", "true")
    repo.git("config", "user.email", "")
    repo.git("config", "user.name", "")
    found = look(patient, "identity")
    assert (found.verdict, found.fix) == ("fail", "set 'git config user.name' and 'git config user.email'")


def test_a_branch_named_overnight_is_in_the_way(repo):
    repo.git("branch", "overnight")
    found = look(doctor.Patient(StateStore(repo.location)), "state")
    assert (found.verdict, found.fix) == ("fail", "rename it: 'git branch -m overnight NAME'")


def test_a_deleted_state_branch_is_put_back(repo, store, patient):
    tip = repo.git("rev-parse", names.STATE_REF)
    repo.git("update-ref", "-d", names.STATE_REF)
    assert look(patient, "kept tip").verdict == "fail"
    assert look(patient, "kept tip", fix=True).mended
    assert repo.git("rev-parse", names.STATE_REF) == tip


def test_a_missing_keep_ref_is_said(repo, patient):
    repo.git("update-ref", "-d", names.KEEP_REF)
    assert look(patient, "kept tip").verdict == "warn"


def test_a_state_of_a_newer_format_fails_in_its_own_words(repo, store):
    document = {"format": 9, "project_id": "0" * 32, "project": "x", "created": "2026-11-22T01:00:00.000Z"}
    blob = repo.git("hash-object", "-w", "--stdin", stdin=json.dumps(document).encode())
    tree = repo.git("mktree", stdin=f"100644 blob {blob}\tovn.json\n".encode())
    commit = repo.git("commit-tree", "-m", "newer", "-p", names.STATE_REF, tree)
    repo.git("update-ref", names.STATE_REF, commit)
    found = look(doctor.Patient(StateStore(repo.location)), "state")
    assert found.verdict == "fail"
    assert "upgrade" in found.fix


def test_records_of_nobody_are_folded(repo, store, patient):
    begin(store)
    note = records.make("note", {"text": "x"}, at=rfc3339(SYSTEM.now()), by="person")
    store.record("session-001", note, fold=False)
    assert look(patient, "journals").text.startswith(
        "1 records of 'session-001' wait to be folded, and nobody"
    )
    assert look(patient, "journals", fix=True).mended
    assert store.pending() == {}


def test_a_damaged_journal_is_named(repo, store, patient):
    folder = repo.location.local / names.JOURNAL_FOLDER / "session-001"
    folder.mkdir(parents=True)
    (folder / "damaged-1").write_bytes(b"x")
    assert "damaged-1" in look(patient, "journals").text


def test_lost_tags_are_written_again(repo, store, patient, monkeypatch):
    from ovn.model.documents import Checkpoint

    lost = [
        Checkpoint(
            id="session-001/0001",
            session="session-001",
            label="x",
            kind="named",
            at=rfc3339(SYSTEM.now()),
            commit=repo.head,
            tree=repo.git("rev-parse", "HEAD^{tree}"),
            worktree="main",
            tag="ovn/session-001/x",
        )
    ]
    monkeypatch.setattr(
        doctor.checkpoints,
        "without_tag",
        lambda _: [one for one in lost if not repo.git("tag", "--list", one.tag)],
    )
    assert look(patient, "tags").text == "1 tags of checkpoints are gone, e.g. 'ovn/session-001/x'"
    assert look(patient, "tags", fix=True).mended
    assert repo.git("cat-file", "-t", "refs/tags/ovn/session-001/x") == "tag"


@pytest.mark.parametrize("key", ["fetch.pruneTags", "remote.origin.pruneTags"])
def test_a_fetch_that_would_delete_tags_is_told(repo, patient, key):
    assert look(patient, "pruneTags").verdict == "ok"
    repo.git("config", key, "true")
    assert look(patient, "pruneTags").verdict == "warn"


def test_a_lease_of_the_dead_is_told_with_the_way_on(store, patient):
    held = Leases(store)
    held.take("worktree", "main", "session-001", pid=os.getpid())
    assert look(patient, "leases").text == "1 leases, every holder is alive"
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    held.take("session", "session-001", "session-001", pid=child.pid)
    found = look(patient, "leases")
    assert f"pid {child.pid}" in found.text
    assert found.fix == "run 'git ovn resume session-001'"


def test_hooks_that_serve_an_ended_session_are_told_better(repo, store, patient):
    active.write(repo.location.local, "main", Active("session-009"))
    assert look(patient, "at work").text == "hooks take 'session-009' to be at work in 'main'; it ended"
    assert look(patient, "at work", fix=True).mended
    assert active.read(repo.location.local, "main") is None
    begin(store)
    active.write(repo.location.local, "main", Active("session-001"))
    assert look(patient, "at work", fix=True).verdict == "ok"
    assert active.read(repo.location.local, "main").session == "session-001"


def test_a_debt_is_told(repo, patient):
    active.owe(repo.location.local, Debt("session-000", "main", "2026-11-22T01:00:00.000Z"))
    assert look(patient, "at work").text == "session 'session-000' ended without a handoff"


def test_locks_of_the_dead_are_removed_and_those_of_the_user_are_not(repo, patient):
    stale = repo.git_dir / "refs" / "ovn" / "lease" / "worktree" / "main.lock"
    stale.parent.mkdir(parents=True)
    theirs = repo.git_dir / "refs" / "heads" / "main.lock"
    for lock in (stale, theirs):
        lock.write_text("")
        os.utime(lock, (5, 5))
    assert str(stale) in look(patient, "locks").text
    assert look(patient, "locks", fix=True).mended
    assert not stale.exists()
    assert theirs.exists()


def test_a_gc_lock_that_a_killed_git_left_is_removed(repo, patient):
    lock = repo.git_dir / "gc.pid.lock"
    lock.write_text("")
    assert look(patient, "gc").verdict == "ok"
    past = time.time() - 3600
    os.utime(lock, (past, past))
    assert look(patient, "gc").text.endswith("blocks 'git gc' for 60 min")
    assert look(patient, "gc", fix=True).mended
    repo.git("gc", "-q")


def test_a_configuration_that_cannot_be_read_fails_with_its_place(repo, store):
    assert "defaults" in look(doctor.Patient(store), "config").text
    repo.write(names.CONFIG_FILE, "project: x\nsesion: {}\n")
    done = call(repo)
    assert done.returncode == 14
    assert "line 2" in done.stdout
    repo.write(names.CONFIG_FILE, "project: x\n")
    assert look(doctor.Patient(store), "config").text == "'.overnight/config.yaml' can be read"


def test_views_that_git_would_track_are_told(repo, patient):
    repo.write(names.REGISTRY_VIEW, "{}")
    assert names.REGISTRY_VIEW in look(patient, "ignored").text
    repo.write(".overnight/.gitignore", "*\n")
    repo.write(names.CONFIG_FILE, "project: x\n")
    assert "a clone does not get it" in look(patient, "ignored").text
    repo.write(".overnight/.gitignore", "feature_registry.json\nclaude-progress.txt\n")
    assert look(patient, "ignored").verdict == "ok"


# -- hooks, proved ---------------------------------------------------------------------


def test_the_probe_runs_no_hook_of_the_user_s(repo, store, patient):
    install.uninstall(repo.location)
    hook = repo.git_dir / "hooks" / "pre-commit"
    hook.write_text("#!/bin/sh\ntouch ran\n")
    hook.chmod(0o755)
    install.install(repo.location)
    assert look(patient, "hooks").text == "git reaches all 9 hooks"
    assert not (repo.path / "ran").exists()


def test_a_hook_that_git_does_not_run_is_found_though_its_bytes_are_right(repo, patient):
    (repo.git_dir / "hooks" / "pre-push").chmod(0o644)
    found = look(patient, "hooks")
    assert (found.verdict, found.text) == ("fail", "git does not reach the hook pre-push")


def test_missing_hooks_are_installed(repo, patient):
    (repo.git_dir / "hooks" / "pre-push").unlink()
    assert look(patient, "hooks").text == "1 of 9 hooks do not run, pre-push: not installed"
    assert look(patient, "hooks", fix=True).mended


def test_a_hooks_path_that_leads_elsewhere_is_told_with_the_line_to_add(repo, patient, tmp_path):
    repo.git("config", "core.hooksPath", str(tmp_path))
    found = look(patient, "hooks", fix=True)
    assert (found.verdict, found.mended) == ("warn", False)
    assert found.fix == 'add the line: git ovn hook pre-commit "$@" || exit $?'


@pytest.mark.parametrize("python", ["/gone/python", "/bin/false"])
def test_rules_without_their_python_fail_and_are_mended(repo, patient, python):
    note = repo.location.local / "hooks" / "python"
    note.write_text(f"{python}\n/gone/entry.py\n")
    assert look(patient, "rules").verdict == "fail"
    assert look(patient, "rules", fix=True).mended


def test_a_mender_that_fails_says_so_and_the_others_go_on(repo, patient, monkeypatch):
    def fail(_):
        raise GitFailed("no luck", hint="try later")

    monkeypatch.setitem(doctor.CHECKS, "hooks", (doctor._hooks, fail))
    (repo.git_dir / "hooks" / "pre-push").unlink()
    (repo.git_dir / "index").unlink()
    found = look(patient, "hooks", fix=True)
    assert found.text.endswith("; could not be mended: no luck")
    assert found.fix == "try later"


def test_a_lock_that_a_killed_git_left_is_told_and_cleared(repo, patient):
    lock = repo.git_dir / "packed-refs.lock"
    lock.touch()
    assert look(patient, "git's locks").verdict == "ok"
    os.utime(lock, (1, 1))
    assert str(lock) in look(patient, "git's locks").text
    assert look(patient, "git's locks", fix=True).mended
    assert not lock.exists()
