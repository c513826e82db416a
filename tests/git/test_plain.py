"""The store that begins without libgit2: which ways it takes, and when it leaves them.

That it does what any store does is shown in test_objects_contract.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from ovn import names
from ovn.errors import CorruptObject, Locked
from ovn.git import encoding, locks, loose, looserefs, plain
from ovn.git.catfile import CatFile
from ovn.git.libgit2 import Libgit2Store
from ovn.git.opening import open_store
from ovn.git.plain import PlainStore
from ovn.git.run import Git

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

PROGRAM = """
import os, sys
from ovn.cli.main import main
code = main(sys.argv[1:])
heavy = sorted({"pygit2", "jsonschema", *os.environ.get("HEAVY", "").split()}.intersection(sys.modules))
os._exit(99 if heavy else code)
"""


@pytest.fixture
def store(location):
    return PlainStore(location)


@pytest.fixture
def packed(repo):
    """Return the id of a commit that lies in a pack."""
    (repo.path / "file").write_text("text\n")
    oid = repo.commit("packed")
    repo.git("gc", "-q")
    return oid


@pytest.mark.parametrize(
    "verb", [("checkpoint",), ("checkpoint", "label"), ("status",), ("list",), ("show", "@{0}")]
)
def test_what_is_done_all_day_never_loads_libgit2(repo, verb):
    """Nor jsonschema: each costs more than the work itself. A plain ``checkpoint`` needs no click either."""
    (repo.path / "file").write_text("text\n")
    repo.commit("first")
    ovn = [sys.executable, "-c", PROGRAM]
    for words in (("init", "--no-hooks"), ("start", "session-001"), ("checkpoint",)):
        subprocess.run([sys.executable, "-m", "ovn", *words], cwd=repo.path, check=True, capture_output=True)
    repo.git("gc", "-q")
    (repo.path / "file").write_text("changed\n")
    environ = {**os.environ, "HEAVY": "click" if verb[0] == "checkpoint" else ""}
    ended = subprocess.run([*ovn, *verb], cwd=repo.path, env=environ, capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_a_repository_with_an_extension_is_libgit2_s_from_the_beginning(repo, location):
    assert isinstance(open_store(location), PlainStore)
    repo.git("config", "core.repositoryFormatVersion", "1")
    repo.git("config", "extensions.worktreeConfig", "true")
    assert isinstance(open_store(location), Libgit2Store)


def test_a_repository_shared_by_a_group_is_libgit2_s_too(repo, location):
    """What is written there must be the group's to change."""
    repo.git("config", "core.sharedRepository", "group")
    assert isinstance(open_store(location), Libgit2Store)


def test_with_much_to_read_libgit2_takes_over(store, packed, monkeypatch):
    monkeypatch.setattr(plain, "PLENTY", 1)
    monkeypatch.setattr(plain, "SMALL", 0)
    read = [store.read(packed) for _ in range(4)]
    assert read == [read[0]] * 4
    assert store.exists(packed)
    assert not store.exists("12" * 20)
    assert "_full" in vars(store)


def test_a_commit_or_tree_is_asked_of_git_once_and_a_file_each_time(store, packed):
    tree = store.commit(packed).tree
    file = store.find(packed, "file").oid
    asked = store._cat.asked
    assert (store.read(packed)[0], store.read(tree)[0]) == ("commit", "tree")
    assert store._cat.asked == asked
    assert (store.read(file), store._cat.asked) == (("blob", b"text\n"), asked + 1)


def test_commits_and_trees_that_were_packed_need_not_be_asked_for(store, repo):
    tree = encoding.encode_tree({})
    commit = encoding.encode_commit(encoding.EMPTY_TREE, [], "made here", WHEN)
    with store.write_pack([("commit", commit), ("tree", tree), ("blob", b"text")]) as made:
        assert store.read(made.oids[0]) == ("commit", commit)
        assert store._cat.asked == 0
        assert store.read(made.oids[2]) == ("blob", b"text")
        assert store._cat.asked == 1
    assert repo.git("cat-file", "-t", made.oids[0]).strip() == "commit"


def test_of_many_commits_only_the_last_are_kept(store):
    def made(number):
        return "commit", encoding.encode_commit(encoding.EMPTY_TREE, [], f"number {number}", WHEN)

    with store.write_pack([made(number) for number in range(plain.RECENT + 5)]):
        assert len(store._recent) == 5


def test_git_that_was_killed_meanwhile_is_no_loss(store, packed):
    before = store.read(packed)
    process = store._cat._process
    process.kill()
    process.wait()
    store._recent.clear()
    assert store.read(packed) == before
    assert store.exists(packed)


def test_git_that_answers_is_no_git_at_work_in_the_repository(store, location, packed):
    """Else a lock that a killed git left would be taken for its."""
    store.read(packed)
    assert store._cat._process.poll() is None
    assert locks.gits_here(location) == []


def test_a_forked_child_asks_a_git_of_its_own(store, packed):
    expected = store.read(packed)
    store._recent.clear()
    pid = os.fork()
    if pid == 0:
        os._exit(0 if store.read(packed) == expected else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert store.read(packed) == expected


def test_git_that_ends_in_the_middle_of_an_answer_is_said(location, packed):
    cat = CatFile(Git(location))
    cat._git = type("Cut", (), {"converse": lambda *_: _saying(f"{packed} commit 999\nhalf")})()
    with pytest.raises(CorruptObject, match=packed):
        cat.read(packed)


def _saying(text):
    script = f"read question; printf '{text}'"
    return subprocess.Popen(["sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def test_replacement_objects_are_not_seen(store, repo, packed):
    other = repo.commit("other")
    repo.git("replace", packed, other)
    assert store.commit(packed).subject == "packed"


@pytest.mark.parametrize("damage", [b"", b"rubbish"])
def test_a_damaged_loose_object_is_written_anew(store, location, repo, damage):
    oid = store.write("blob", b"text")
    path = location.common_dir / "objects" / oid[:2] / oid[2:]
    path.chmod(0o644)
    path.write_bytes(damage)
    assert loose.read(location.common_dir, oid) is None
    assert store.write("blob", b"text") == oid
    assert store.read(oid) == ("blob", b"text")
    assert repo.git("cat-file", "blob", oid) == "text"


def test_an_object_that_was_there_is_young_again(store, location):
    """What git's prune goes by."""
    oid = store.write("blob", b"text")
    path = location.common_dir / "objects" / oid[:2] / oid[2:]
    os.utime(path, (1, 1))
    store.write("blob", b"text")
    assert path.stat().st_mtime > 1


def test_nothing_is_left_of_an_object_that_could_not_be_stored(store, location, monkeypatch):
    def fail(*_, **__):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(loose, "create", fail)
    with pytest.raises(Exception, match="cannot write a blob object"):
        store.write("blob", b"text")
    assert list((location.common_dir / "objects").rglob("tmp_obj_*")) == []


def test_symbolic_refs_are_followed_and_odd_ones_left_to_libgit2(store, repo, packed):
    repo.git("update-ref", "refs/remotes/origin/main", packed)
    repo.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    assert store.resolve("refs/remotes/origin/HEAD") == packed
    assert store.refs("refs/remotes/") == {
        "refs/remotes/origin/HEAD": packed,
        "refs/remotes/origin/main": packed,
    }
    assert "_full" in vars(store)


def test_a_branch_with_a_name_of_any_script_resolves(store, repo, packed):
    repo.git("update-ref", "refs/heads/füß", packed)
    assert store.resolve("refs/heads/füß") == packed


def test_the_reflog_of_the_state_branch_goes_on(store, repo, location):
    tree = store.write_tree({})
    first = store.write_commit(tree, [], "first", when=WHEN)
    second = store.write_commit(tree, [first], "second", when=WHEN)
    store.update_ref(names.STATE_REF, first, None, "one")
    store.update_ref(names.STATE_REF, second, first, "two\nlines")
    log = repo.git("log", "-g", "--format=%H %gs", names.STATE_REF)
    assert log.splitlines() == [f"{second} two lines", f"{first} one"]


def test_a_move_that_cannot_be_installed_leaves_the_ref_and_no_lock(store, repo, location, monkeypatch):
    tree = store.write_tree({})
    first = store.write_commit(tree, [], "first", when=WHEN)
    second = store.write_commit(tree, [first], "second", when=WHEN)
    store.update_ref("refs/ovn/keep/state", first, None, "one")

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(looserefs, "_install", fail)
    with pytest.raises(Exception, match="No space left"):
        store.update_ref("refs/ovn/keep/state", second, first, "two")
    assert store.resolve("refs/ovn/keep/state") == first
    assert list((location.common_dir / "refs/ovn").rglob("*.lock")) == []


@pytest.mark.parametrize("taken", [False, True], ids=["broken", "another's"])
def test_whoever_was_taken_for_dead_moves_nothing_and_removes_no_other_s_lock(
    store, location, monkeypatch, taken
):
    commit = store.write_commit(store.write_tree({}), [], "first", when=WHEN)
    lock = location.common_dir / "refs/ovn/keep/state.lock"

    def meanwhile(*_):
        lock.unlink()
        if taken:
            lock.write_text("another's")

    monkeypatch.setattr(looserefs, "_tell", meanwhile)
    with pytest.raises(Locked, match="dead"):
        looserefs.move(location, "refs/ovn/keep/state", commit, None, "one")
    assert store.resolve("refs/ovn/keep/state") is None
    assert lock.exists() == taken


def test_a_lock_that_is_held_is_named(store, location):
    commit = store.write_commit(store.write_tree({}), [], "first", when=WHEN)
    lock = location.common_dir / "refs/ovn/keep/state.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    with pytest.raises(Locked, match=r"state\.lock"):
        looserefs.move(location, "refs/ovn/keep/state", commit, None, "one")


def test_an_empty_folder_is_not_in_the_way_of_a_ref_but_another_ref_is(store, location, repo):
    commit = store.write_commit(store.write_tree({}), [], "first", when=WHEN)
    (location.common_dir / "refs/ovn/keep/state/empty").mkdir(parents=True)
    store.update_ref("refs/ovn/keep/state", commit, None, "one")
    assert repo.git("rev-parse", "refs/ovn/keep/state") == commit
    with pytest.raises(Exception, match="cannot exist beside"):
        store.update_ref("refs/ovn/keep/state/below", commit, None, "two")
