"""Bringing a snapshot back: nothing is lost on the way, and the user's index is respected."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ovn import host
from ovn.errors import Diverged, Locked, NotFound, NotTrusted, WouldLose
from ovn.git import index, restore, selection, writing

if TYPE_CHECKING:
    from pathlib import Path


def losses(plan: restore.Plan) -> dict[str, str]:
    """Return what a plan would lose, and why."""
    return {loss.path: loss.why for loss in plan.would_lose}


def held(kit: Any) -> Any:
    """Take a snapshot and hold it."""
    shot = kit.take()
    kit.hold(shot)
    return shot


# -- files -----------------------------------------------------------------------------


def test_nothing_to_do_is_an_empty_plan(repo: Any, kit: Any) -> None:
    repo.write("README", "edited\n")
    plan, _ = kit.plan(held(kit))
    assert plan.empty


def test_files_only_leaves_head_branch_and_index_alone(repo: Any, kit: Any) -> None:
    """The index keeps its bytes; what is staged stays staged."""
    repo.write("README", "then\n")
    shot = held(kit)
    repo.write("staged", "staged\n")
    repo.git("add", "staged", "README")
    repo.write("README", "now\n")
    before = kit.shape(exact=True)
    kit.bring_back(shot, with_index=False)
    after = kit.shape(exact=True)
    assert repo.read("README") == b"then\n"
    assert not (repo.path / "staged").exists()
    assert {key for key in after if after[key] != before[key]} == {"files"}


def test_only_the_named_paths_come_back(repo: Any, kit: Any) -> None:
    for name in ("one", "dir/two", "dir/three", "directory"):
        repo.write(name, "then\n")
    shot = held(kit)
    for name in ("one", "dir/two", "directory", "dir/since"):
        repo.write(name, "now\n")
    (repo.path / "dir" / "three").unlink()
    kit.bring_back(shot, "dir", with_index=False)
    assert repo.read("dir/two") == repo.read("dir/three") == b"then\n"
    assert repo.read("one") == repo.read("directory") == b"now\n"
    assert not (repo.path / "dir" / "since").exists()
    with pytest.raises(NotFound, match="nowhere"):
        kit.plan(shot, "nowhere")


def test_ignored_files_stay_and_so_do_their_folders(repo: Any, kit: Any) -> None:
    repo.write(".gitignore", "*.log\n")
    repo.commit("ignore")
    shot = held(kit)
    repo.write("made/since/file", "since\n")
    repo.write("made/since.log", "ignored\n")
    repo.write("empty/file", "since\n")
    kit.bring_back(shot)
    assert (repo.path / "made" / "since.log").read_text() == "ignored\n"
    assert not (repo.path / "made" / "since").exists()
    assert not (repo.path / "empty").exists()


def test_unchanged_files_are_not_touched(repo: Any, kit: Any) -> None:
    repo.write("other", "then\n")
    shot = held(kit)
    repo.write("other", "now\n")
    before = (repo.path / "README").stat()
    kit.bring_back(shot)
    after = (repo.path / "README").stat()
    assert (before.st_ino, before.st_mtime_ns, before.st_ctime_ns) == (
        after.st_ino,
        after.st_mtime_ns,
        after.st_ctime_ns,
    )


def test_an_ignore_rule_that_goes_leaves_what_it_ignored(repo: Any, kit: Any) -> None:
    """The restored tree ignores less: the file is untracked now, and still there."""
    shot = held(kit)
    repo.write(".gitignore", "*.log\n")
    repo.write("kept.log", "kept\n")
    kit.bring_back(shot)
    assert repo.read("kept.log") == b"kept\n"


def test_attributes_come_back_before_the_files_they_rule(repo: Any, kit: Any) -> None:
    repo.write(".gitattributes", "*.txt text eol=crlf\n")
    repo.write("dir/.gitattributes", "*.txt text eol=lf\n")
    repo.write("a.txt", "a\r\n")
    repo.write("dir/a.txt", "a\n")
    shot = held(kit)
    for name in (".gitattributes", "dir/.gitattributes", "a.txt", "dir/a.txt"):
        (repo.path / name).unlink()
    kit.bring_back(shot, with_index=False)
    assert (repo.read("a.txt"), repo.read("dir/a.txt")) == (b"a\r\n", b"a\n")


# -- what would be lost ------------------------------------------------------------------


def test_an_ignored_file_in_the_way_stops_it(repo: Any, kit: Any, tmp_path: Path) -> None:
    """Tracked then, ignored now: its content is nowhere else. Set aside, the restore goes on."""
    repo.write("settings", "then\n")
    repo.commit("settings")
    shot = held(kit)
    repo.git("rm", "-q", "settings")
    repo.write(".gitignore", "settings\n")
    repo.commit("ignore")
    repo.write("settings", "precious\n")
    plan, _ = kit.plan(shot)
    assert losses(plan) == {"settings": restore.IN_THE_WAY}
    with pytest.raises(WouldLose, match="settings"):
        writing.apply(kit.git, kit.objects, plan)
    assert repo.read("settings") == b"precious\n"
    writing.set_aside(kit.git, plan, tmp_path / "aside")
    writing.apply(kit.git, kit.objects, plan)
    assert repo.read("settings") == b"then\n"
    assert (tmp_path / "aside" / "settings").read_bytes() == b"precious\n"


def test_an_ignored_file_that_head_has_is_no_loss(repo: Any, kit: Any) -> None:
    repo.write("settings", "committed\n")
    repo.commit("settings")
    repo.write("settings", "then\n")
    shot = held(kit)
    repo.git("rm", "-q", "--cached", "settings")
    repo.write(".gitignore", "settings\n")
    repo.write("settings", "committed\n")
    kit.bring_back(shot)
    assert repo.read("settings") == b"then\n"


def test_what_the_safety_snapshot_left_out_is_a_loss(repo: Any, kit: Any) -> None:
    """A tracked file that is too large now, but was not then."""
    repo.write("data", "then\n")
    repo.commit("data")
    shot = held(kit)
    kit.limits["max_file_bytes"] = 100
    repo.write("data", "x" * 101)
    plan, _ = kit.plan(shot)
    assert losses(plan) == {"data": selection.TOO_LARGE}


def test_what_the_target_left_out_is_never_touched(repo: Any, kit: Any) -> None:
    kit.limits["max_file_bytes"] = 100
    repo.write("data", "small\n")
    repo.commit("data")
    repo.write("data", "x" * 101)
    repo.write("big", "x" * 101)
    shot = held(kit)
    repo.write("data", "something small since\n")
    repo.write("big", "something small since\n")
    kit.bring_back(shot, with_index=False)
    assert repo.read("data") == repo.read("big") == b"something small since\n"


@pytest.mark.parametrize("where", ["spot", "spot/deep/inside"])
def test_a_nested_repository_in_the_way_is_a_loss(where: str, repo: Any, kit: Any, tmp_path: Path) -> None:
    repo.write("spot", "a file\n")
    repo.commit("spot")
    shot = held(kit)
    (repo.path / "spot").unlink()
    (repo.path / where).mkdir(parents=True)
    subprocess.run(["git", "init", "-q", repo.path / where], check=True)
    repo.write(f"{where}/work", "work\n")
    plan, _ = kit.plan(shot)
    assert set(losses(plan)) == {where}
    writing.set_aside(kit.git, plan, tmp_path / "aside")
    writing.apply(kit.git, kit.objects, plan)
    assert repo.read("spot") == b"a file\n"
    assert (tmp_path / "aside" / where / "work").read_text() == "work\n"


def test_ignored_files_in_a_folder_where_a_file_goes_are_losses(repo: Any, kit: Any) -> None:
    repo.write(".gitignore", "*.log\n")
    repo.write("spot", "a file\n")
    repo.commit("spot")
    shot = held(kit)
    (repo.path / "spot").unlink()
    repo.write("spot/tracked", "in the safety snapshot\n")
    repo.write("spot/deep/x.log", "ignored\n")
    plan, _ = kit.plan(shot)
    assert set(losses(plan)) == {"spot/deep/x.log"}


def test_empty_folders_make_room(repo: Any, kit: Any) -> None:
    repo.write("spot", "a file\n")
    shot = held(kit)
    (repo.path / "spot").unlink()
    (repo.path / "spot" / "a" / "b").mkdir(parents=True)
    kit.bring_back(shot)
    assert repo.read("spot") == b"a file\n"


def test_a_file_written_after_the_plan_is_not_overwritten(repo: Any, kit: Any) -> None:
    repo.write("README", "then\n")
    shot = held(kit)
    repo.write("README", "now\n")
    plan, _ = kit.plan(shot)
    repo.write("README", "written in between\n")
    with pytest.raises(Diverged, match="README"):
        writing.apply(kit.git, kit.objects, plan)
    assert repo.read("README") == b"written in between\n"


def test_a_smudge_filter_of_the_repository_runs_only_after_trust(repo: Any, kit: Any, tmp_path: Path) -> None:
    repo.write(".gitattributes", "*.enc filter=own\n")
    repo.write("secret.enc", "stored\n")
    repo.commit("attributes")
    shot = held(kit)
    (repo.path / "secret.enc").unlink()
    repo.git("config", "filter.own.smudge", f"touch '{tmp_path}/ran'; cat")
    plan, _ = kit.plan(shot)
    with pytest.raises(NotTrusted, match="own"):
        writing.apply(kit.git, kit.objects, plan, trusted=False)
    assert not (tmp_path / "ran").exists()
    writing.apply(kit.git, kit.objects, plan)
    assert (tmp_path / "ran").exists()


def test_what_was_not_brought_back_is_found(repo: Any, kit: Any) -> None:
    repo.write("README", "then\n")
    repo.write("gone", "then\n")
    shot = held(kit)
    repo.write("README", "now\n")
    repo.write("since", "now\n")
    repo.git("add", "-A")
    plan, _ = kit.plan(shot)
    found = restore.differences(kit.git, kit.objects, plan, kit.take())
    assert found == ["README", "since", "index:README", "index:gone", "index:since"]


def test_a_submodules_own_files_are_never_touched(
    repo: Any, kit: Any, make_repo: Any, tmp_path: Path
) -> None:
    """Its commit comes back in the index; what is checked out in it is the person's to change."""
    library = make_repo(tmp_path / "library")
    repo.git("submodule", "--quiet", "add", str(library.path), "sub")
    repo.commit("submodule")
    shot = held(kit)
    repo.write("sub/README", "second\n")
    repo.git("-C", "sub", "commit", "-q", "-am", "second")
    repo.git("add", "sub")
    plan = kit.bring_back(shot)
    assert plan.kept == {b"sub"}
    assert repo.read("sub/README") == b"second\n"
    assert repo.git("diff", "--cached", "--name-only") == ""


def test_paths_outside_of_a_sparse_checkout_are_not_written(repo: Any, kit: Any) -> None:
    """A commit that changed them is rolled back in the index only."""
    repo.write("in/file", "then\n")
    repo.write("out/file", "then\n")
    repo.commit("then")
    shot = held(kit)
    repo.write("out/file", "now\n")
    repo.commit("now")
    repo.git("sparse-checkout", "set", "--cone", "in")
    repo.write("in/file", "now\n")
    kit.bring_back(shot, with_index=False)
    assert repo.read("in/file") == b"then\n"
    assert not (repo.path / "out").exists()


# -- the user's index --------------------------------------------------------------------


def test_the_index_lock_of_another_git_is_waited_for(repo: Any, kit: Any) -> None:
    repo.write("README", "then\n")
    shot = held(kit)
    repo.write("README", "now\n")
    lock = repo.git_dir / "index.lock"
    lock.touch()
    threading.Timer(0.3, lock.unlink).start()
    started = time.monotonic()
    kit.bring_back(shot)
    assert time.monotonic() - started >= 0.3


def test_a_lock_that_stays_is_named_and_nothing_is_written(repo: Any, kit: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(index, "PATIENCE", 0.1)
    repo.write("README", "then\n")
    shot = held(kit)
    repo.write("README", "now\n")
    plan, _ = kit.plan(shot)
    lock = repo.git_dir / "index.lock"
    with lock.open("w"), pytest.raises(Locked, match=f"pid {os.getpid()}") as caught:
        writing.apply(kit.git, kit.objects, plan)
    assert caught.value.facts["pid"] == os.getpid()
    assert repo.read("README") == b"now\n"
    assert lock.exists()


@pytest.mark.parametrize(
    ("age", "at_work", "broken"), [(601, [], True), (599, [], False), (601, [7], False), (601, None, False)]
)
def test_only_an_old_lock_that_nobody_has_open_is_broken(
    age: int, at_work: list[int] | None, broken: bool, repo: Any, kit: Any, monkeypatch: Any
) -> None:
    """Also not while a git that waits for an editor, with the lock closed, is at work here."""
    monkeypatch.setattr(index, "PATIENCE", 0.1)
    monkeypatch.setattr(host, "gits_at_work", lambda *_: at_work)
    repo.write("README", "then\n")
    shot = held(kit)
    repo.write("README", "now\n")
    lock = repo.git_dir / "index.lock"
    lock.touch()
    os.utime(lock, (time.time() - age,) * 2)
    plan, _ = kit.plan(shot)
    if broken:
        writing.apply(kit.git, kit.objects, plan)
        assert repo.read("README") == b"then\n"
    else:
        with pytest.raises(Locked):
            writing.apply(kit.git, kit.objects, plan)


def test_a_git_at_work_here_is_seen(repo: Any) -> None:
    """By name and folder, as /proc has them."""
    process = subprocess.Popen(["git", "cat-file", "--batch"], cwd=repo.path, stdin=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 5
        while process.pid not in (host.gits_at_work(repo.path) or []) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert process.pid in (host.gits_at_work(repo.path) or [])
        assert host.gits_at_work(repo.path / ".git") == []
    finally:
        process.communicate()


def test_the_index_lock_is_held_while_files_are_written(repo: Any, kit: Any, tmp_path: Path) -> None:
    """So that nobody commits half of a restore."""
    repo.write(".gitattributes", "*.x filter=look\n")
    repo.write("a.x", "then\n")
    repo.git("config", "filter.look.smudge", f"env -u GIT_INDEX_FILE git add -A 2>'{tmp_path}/said'; cat")
    shot = held(kit)
    repo.write("a.x", "now\n")
    kit.bring_back(shot)
    assert "index.lock" in (tmp_path / "said").read_text()
    assert not (repo.git_dir / "index.lock").exists()


# -- any edits -----------------------------------------------------------------------------

NAMES = ["a", "b", "dir", "dir/a", "dir/b", "dir/deep/c", "x y", "é", "-z", "dir/-z/q"]
CONTENTS = [b"", b"one\n", b"two\n", b"three\r\n", b"\0bin"]

EDIT = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(NAMES), st.sampled_from(CONTENTS), st.booleans()),
    st.tuples(st.just("link"), st.sampled_from(NAMES), st.sampled_from(["a", "dir", "..", "nowhere"])),
    st.tuples(st.just("remove"), st.sampled_from(NAMES)),
    st.tuples(
        st.just("git"),
        st.sampled_from(["add -A", "reset -q", "add -N .", "rm -rq --cached --ignore-unmatch a dir"]),
    ),
    st.tuples(
        st.just("flag"), st.sampled_from(["assume-unchanged", "skip-worktree"]), st.sampled_from(NAMES)
    ),
)


def do(repo: Any, edit: tuple[Any, ...]) -> None:
    """Carry out an edit, whatever stands in its way."""
    import shutil

    def clear(path: Path) -> None:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    match edit:
        case ("git", words):
            repo.git(*words.split(), ok=(0, 1, 128))
        case ("flag", flag, name):
            repo.git("update-index", f"--{flag}", "--", name, ok=(0, 128))
        case ("remove", name):
            above = (repo.path / name).parent
            if above.is_dir() and not any(one.is_symlink() for one in (above, *above.parents)):
                clear(repo.path / name)
        case (kind, name, content, *more):
            path = repo.path / name
            for above in reversed(path.relative_to(repo.path).parents[:-1]):
                if (repo.path / above).is_symlink() or (repo.path / above).is_file():
                    clear(repo.path / above)
            clear(path)
            if kind == "link":
                path.parent.mkdir(parents=True, exist_ok=True)
                path.symlink_to(content)
            else:
                repo.write(name, content, executable=more[0])


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(EDIT, max_size=10), st.lists(EDIT, max_size=10))
@example(  # a file takes the place of a folder with a path in it that git was told not to look at
    [("write", "dir", b"", False), ("flag", "skip-worktree", "dir/a")], [("link", "dir/a", "a")]
)
def test_any_state_comes_back_after_any_edits(
    make_repo: Any, kit_of: Any, tmp_path_factory: Any, first: list[Any], second: list[Any]
) -> None:
    """snapshot, edits, restore: files, modes, links, index rows and flags are as they were."""
    kit = kit_of(make_repo(tmp_path_factory.mktemp("any") / "repo"))
    for name in ("a", "dir/a", "dir/deep/c"):
        kit.repo.write(name, "base\n")
    kit.repo.commit("base")
    for edit in first:
        do(kit.repo, edit)
    shot, wanted = held(kit), kit.shape(exact=False)
    for edit in second:
        do(kit.repo, edit)
    kit.bring_back(shot)
    assert kit.shape(exact=False) == wanted
    assert kit.take() == shot
