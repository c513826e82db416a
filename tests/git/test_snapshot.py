"""Taking a snapshot: what is in it, what it refuses, and what it does while files move."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from ovn.errors import CorruptObject, GitFailed, NotTrusted
from ovn.git import index, meta, selection, snapshot
from ovn.git.paths import quote
from ovn.git.run import Started

if TYPE_CHECKING:
    from pathlib import Path


def test_a_clean_tree_writes_nothing(repo: Any, kit: Any) -> None:
    """Its tree is HEAD's, and not one object is new."""
    before = repo.git("count-objects", "-v")
    shot = kit.take()
    assert (shot.tree, shot.head) == (repo.git("rev-parse", "HEAD^{tree}"), repo.head)
    assert (shot.index_tree, shot.meta_tree, shot.operation, shot.omitted, shot.changed) == (
        None,
        None,
        None,
        (),
        0,
    )
    assert repo.git("count-objects", "-v") == before


def test_paths_that_differ_from_head_are_named(repo: Any, kit: Any) -> None:
    repo.write("README", "edited\n")
    repo.write(b"od\xff\n", "odd\n")
    assert kit.take().paths == ("README", quote(b"od\xff\n"))


def test_the_index_is_a_tree_of_its_own_where_it_differs(repo: Any, kit: Any) -> None:
    repo.write("README", "staged\n")
    repo.git("add", "README")
    repo.write("README", "edited\n")
    shot = kit.take()
    assert kit.objects.blob(shot.index_tree, "README") == b"staged\n"
    assert kit.objects.blob(shot.tree, "README") == b"edited\n"


def test_a_conflict_is_kept_with_its_stages_and_commits(repo: Any, kit: Any) -> None:
    """After 'git gc --prune=now' and the merge's end, stages and the merged commit are still there."""
    repo.git("checkout", "-q", "-b", "side")
    repo.write("README", "side\n")
    side = repo.commit("side")
    repo.git("checkout", "-q", "main")
    repo.write("README", "main\n")
    repo.commit("main")
    repo.git("merge", "side", ok=(1,))
    shot = kit.take()
    assert (shot.operation, shot.keeps) == ("merge", (side, repo.head))
    kit.hold(shot)
    repo.git("merge", "--abort")
    repo.git("branch", "-D", "side")
    repo.git("reflog", "expire", "--expire=all", "--all")
    repo.git("gc", "-q", "--prune=now")
    read = meta.parse(kit.objects, shot.meta_tree)
    assert [(row.tag, row.stage, row.path) for row in read.rows] == [("M", n, b"README") for n in (1, 2, 3)]
    assert all(kit.objects.exists(oid) for oid in [side, *(row.entry.oid for row in read.rows)])
    assert read.unfinished.files[b"MERGE_HEAD"] == side.encode() + b"\n"


def test_an_omission_has_size_and_hash(repo: Any, kit: Any) -> None:
    kit.limits["max_file_bytes"] = 10
    repo.write("big", b"x" * 11)
    (left,) = kit.take().omitted
    assert (left.path, left.why, left.size) == ("big", selection.TOO_LARGE, 11)
    assert left.sha256 == hashlib.sha256(b"x" * 11).hexdigest()


def test_a_submodule_is_not_entered_before_trust(repo: Any, kit: Any, make_repo: Any, tmp_path: Path) -> None:
    """Its own configuration could name programs: it is named as not looked into."""
    library = make_repo(tmp_path / "library")
    repo.git("submodule", "--quiet", "add", str(library.path), "sub")
    repo.commit("submodule")
    marker = tmp_path / "ran"
    subprocess.run(
        ["git", "-C", repo.path / "sub", "config", "core.fsmonitor", f"touch {marker}; :"], check=True
    )
    repo.write("sub/README", "dirty\n")
    kit.trusted = False
    assert [(one.path, one.why) for one in kit.take().omitted] == [("sub", selection.UNSEEN)]
    assert not marker.exists()


def filtered(repo: Any, tmp: Path) -> Path:
    """A repository whose own configuration defines a filter that leaves a marker; return the marker."""
    repo.write(".gitattributes", "*.enc filter=own\n")
    repo.commit("attributes")
    marker = tmp / "ran"
    repo.git("config", "filter.own.clean", f"touch '{marker}'; tr a-z n-za-m")
    repo.git("config", "filter.own.required", "true")
    return marker


def test_a_filter_of_the_repository_runs_only_after_trust(repo: Any, kit: Any, tmp_path: Path) -> None:
    """Before trust a changed path with it is refused, never stored raw; others are taken."""
    marker = filtered(repo, tmp_path)
    kit.trusted = False
    repo.write("plain", "plain\n")
    assert kit.take().paths == ("plain",)
    repo.write("secret.enc", "secret\n")
    with pytest.raises(NotTrusted, match=r"'secret\.enc' needs the filter 'own'"):
        kit.take()
    assert not marker.exists()
    kit.trusted = True
    assert kit.objects.blob(kit.take().tree, "secret.enc") == b"frperg\n"
    assert marker.exists()


def test_a_filter_that_the_person_has_too_runs(repo: Any, kit: Any, tmp_path: Path, monkeypatch: Any) -> None:
    """Defined alike in their own configuration (git lfs install --local), it is theirs."""
    own = tmp_path / "gitconfig"
    own.write_text('[filter "own"]\n\tclean = tr a-z n-za-m\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(own))
    repo.git("config", "filter.own.clean", "tr a-z n-za-m")
    repo.write(".gitattributes", "*.enc filter=own\n")
    repo.write("secret.enc", "secret\n")
    kit.trusted = False
    assert kit.objects.blob(kit.take().tree, "secret.enc") == b"frperg\n"


def test_hooks_and_programs_of_the_repository_do_not_run(repo: Any, kit: Any, tmp_path: Path) -> None:
    hooks = repo.git_dir / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("post-index-change", "reference-transaction", "pre-commit", "post-checkout"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch '{tmp_path}/ran'\n")
        (hooks / name).chmod(0o755)
    repo.git("config", "core.fsmonitor", f"touch '{tmp_path}/ran'; :")
    repo.git("config", "diff.external", f"touch '{tmp_path}/ran'; :")
    (tmp_path / "ran").unlink(missing_ok=True)
    repo.write("README", "edited\n")
    shot = kit.take()
    kit.hold(shot)
    repo.path.joinpath("README").write_text("again\n")
    made, _ = kit.plan(shot)
    from ovn.git import writing

    writing.apply(kit.git, kit.objects, made)
    assert not (tmp_path / "ran").exists()


def test_a_filter_that_fails_leaves_its_file_out(repo: Any, kit: Any) -> None:
    """A missing git-lfs must not cost the whole checkpoint; the file is named, not stored raw."""
    repo.write(".gitattributes", "*.bin filter=gone\n")
    repo.write("a.bin", "raw\n")
    repo.write("fine", "fine\n")
    repo.git("config", "filter.gone.clean", "no-such-program")
    repo.git("config", "filter.gone.required", "true")
    shot = kit.take()
    assert [(one.path, one.why) for one in shot.omitted] == [("a.bin", selection.FILTER)]
    assert kit.objects.find(shot.tree, "fine") is not None
    assert kit.objects.find(shot.tree, "a.bin") is None


def test_another_gits_index_lock_is_no_obstacle(repo: Any, kit: Any) -> None:
    repo.write("README", "edited\n")
    (repo.git_dir / "index.lock").touch()
    assert kit.take().paths == ("README",)


def test_a_broken_index_is_refused_in_gits_words(repo: Any, kit: Any) -> None:
    (repo.git_dir / "index").write_bytes(b"DIRC\0\0\0\2\0\0\0\1rubbish")
    with pytest.raises(GitFailed, match="index"):
        kit.take()


def test_what_dead_processes_left_is_swept(repo: Any, kit: Any) -> None:
    """Private folders, and the index lock that one held; a live process' stay."""
    folder = repo.location.local / index.FOLDER
    dead, alive = folder / "999999.1.abcd", folder / f"{os.getpid()}.{index._start(os.getpid())}.abcd"
    for one in (dead, alive):
        one.mkdir(parents=True)
    (dead / "lock").touch()
    (dead / "lock-main").symlink_to(repo.git_dir / "index.lock")
    os.link(dead / "lock", repo.git_dir / "index.lock")
    kit.take()
    assert [path.name for path in folder.iterdir()] == [alive.name]
    assert not (repo.git_dir / "index.lock").exists()


@pytest.mark.parametrize(
    ("written", "gone"), [("README", "README"), ("a/b/file", "a/b/file"), ("a/b/file", "a/b")]
)
def test_verify_notices_what_is_gone(written: str, gone: str, repo: Any, kit: Any) -> None:
    """A folder too, although it was read a moment before and is remembered."""
    repo.write(written, "edited\n")
    shot = kit.take()
    commit = kit.hold(shot)
    entry = kit.objects.find(shot.tree, gone)
    (repo.git_dir / "objects" / entry.oid[:2] / entry.oid[2:]).unlink()
    with pytest.raises(CorruptObject, match=f"'{gone}'"):
        snapshot.verify(kit.objects, commit, shot.head)


def churn(repo: Any, script: str) -> subprocess.Popen[bytes]:
    """Start a process that treats files in the work tree so until it is killed."""
    return subprocess.Popen([sys.executable, "-c", script], cwd=repo.path)


CHURN = {
    "appended": "while True:\n open('log','ab').write(b'line\\n'*1000) if "
    "__import__('os').path.getsize('log') < 9e5 else open('log','wb').close()",
    "vanishing": "import os\nwhile True:\n for n in range(40): open(f'tmp{n}','w').write('x'*5000)\n"
    " for n in range(40): os.unlink(f'tmp{n}')",
    "truncated": "while True:\n f=open('log','wb'); f.write(b'x'*700000); f.flush()\n"
    " f.truncate(0); f.close()",
    "replaced": "import os\nwhile True:\n open('new','w').write('y'*9000); os.replace('new','log')",
    "turned into a folder": "import os\nwhile True:\n os.mkdir('both'); open('both/f','w').close()\n "
    "os.unlink('both/f'); os.rmdir('both'); open('both','w').close(); os.unlink('both')",
}


@pytest.mark.parametrize("how", sorted(CHURN))
def test_files_that_do_not_hold_still_cost_no_snapshot(how: str, repo: Any, kit: Any) -> None:
    """Every snapshot of a churning tree is made, whole, with all that holds still in it."""
    repo.write("log", "")
    repo.commit("log")
    repo.write("steady", "steady\n")
    process = churn(repo, CHURN[how])
    try:
        shots = [kit.take() for _ in range(8)]
    finally:
        process.kill()
        process.wait()
    for shot in shots:
        kit.hold(shot)
        assert kit.objects.blob(shot.tree, "steady") == b"steady\n"
        assert {one.why for one in shot.omitted} <= {selection.UNSTEADY, selection.SPECIAL}
    repo.fsck()


def test_git_dying_of_a_truncated_mapping_is_tried_again(repo: Any, kit: Any, monkeypatch: Any) -> None:
    """After SIGBUS the try is begun anew; if it goes on, the files are copied and hashed from the copy."""
    repo.write("README", "edited\n")
    real, deaths = Started.answer, []

    def answer(self: Started, *args: Any, **more: Any) -> Any:
        if "update-index" in self._args:
            deaths.append(args)
            raise GitFailed(f"died {len(deaths)}", stderr="", code=-signal.SIGBUS)
        return real(self, *args, **more)

    monkeypatch.setattr(Started, "answer", answer)
    shot = kit.take()
    assert len(deaths) == snapshot.TRIES
    assert kit.objects.blob(shot.tree, "README") == b"edited\n"


def test_a_copy_keeps_mode_link_and_filter(repo: Any, kit: Any, monkeypatch: Any) -> None:
    """What is hashed from a copy is what git would have stored."""
    repo.write(".gitattributes", "*.txt text\n")
    repo.write("crlf.txt", b"a\r\n")
    repo.write("tool", "x\n", executable=True)
    (repo.path / "link").symlink_to("tool")
    (repo.path / "README").unlink()
    expected = kit.take()
    monkeypatch.setattr(snapshot, "TRIES", -1)
    assert kit.take() == expected


def test_the_users_index_may_be_written_meanwhile(repo: Any, kit: Any) -> None:
    """An agent that runs 'git add' in a loop is neither stopped nor able to stop a snapshot."""
    for number in range(30):
        repo.write(f"f{number}", "x\n")
    stop, failed = threading.Event(), []

    def add() -> None:
        while not stop.is_set():
            for args in (["add", "-A"], ["reset", "-q"]):
                done = subprocess.run(["git", *args], cwd=repo.path, capture_output=True, check=False)
                if done.returncode:
                    failed.append(done.stderr)

    thread = threading.Thread(target=add)
    thread.start()
    try:
        shots = [kit.take() for _ in range(5)]
    finally:
        stop.set()
        thread.join()
    assert failed == []
    assert {shot.changed for shot in shots} == {30}
