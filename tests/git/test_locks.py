"""The lock of all our writers, and what the dead left locked."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest

from ovn import names
from ovn.errors import Locked
from ovn.git import locks
from ovn.git.locks import break_stale_locks, interrupted, operation_lock, repository_lock, tidy
from ovn.git.opening import open_store

HOLD = (
    "import sys, time; from pathlib import Path; from ovn.git.locate import locate;"
    "from ovn.git.locks import repository_lock\n"
    "with repository_lock(locate(Path(sys.argv[1]))): print('held', flush=True); sys.stdin.read()"
)


@pytest.fixture
def holder(repo):
    """Return another process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, repo.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()
    process.stdin.close()


def old(path, seconds=60.0):
    """Make a lock file of that age."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (time.time() - seconds,) * 2)
    return path


def test_a_lock_held_too_long_names_its_holder(location, holder):
    with pytest.raises(Locked, match=rf"\(pid {holder.pid}\)"), repository_lock(location, timeout=0.05):
        pass


def test_a_killed_holder_holds_nothing(location, holder):
    holder.kill()
    holder.wait()
    with repository_lock(location, timeout=5):
        pass


def test_a_waiter_gets_it_when_the_holder_is_done(location, holder):
    release = threading.Timer(0.05, holder.stdin.close)
    release.start()
    with repository_lock(location, timeout=5):
        assert holder.stdin.closed
    holder.wait()


def test_the_thread_that_holds_it_may_enter_again_another_may_not(location):
    refused = []

    def other():
        try:
            with repository_lock(location, timeout=0.02):
                pass
        except Locked as error:
            refused.append(error)

    with repository_lock(location):
        with repository_lock(location, timeout=0):
            pass
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(refused) == 1
    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert len(refused) == 1


def test_a_forked_child_neither_has_the_lock_nor_keeps_it(location):
    told, tell = os.pipe()
    stay, go = os.pipe()
    with repository_lock(location):
        pid = os.fork()
        if pid == 0:
            try:
                with repository_lock(location, timeout=0.02):
                    os.write(tell, b"entered")
            except Locked:
                os.write(tell, b"refused")
            os.read(stay, 1)
            os._exit(0)
        assert os.read(told, 7) == b"refused"
    with repository_lock(location, timeout=1):  # the child lives, with a copy of the descriptor
        os.write(go, b"x")
    os.waitpid(pid, 0)


def test_a_lock_file_that_was_removed_is_made_anew(location):
    """A purge takes .git/ovn/ away while it holds the lock."""
    with repository_lock(location):
        (location.local / "lock").unlink()
    with repository_lock(location, timeout=1):
        assert (location.local / "lock").exists()


def test_only_old_locks_of_our_own_refs_are_broken(location, repo):
    git = repo.git_dir
    ours = [
        old(git / f"{names.STATE_REF}.lock"),
        old(git / "refs/ovn/checkpoint/s/0001.lock"),
        old(git / "refs/tags/ovn/s/label.lock"),
        old(git / "refs/ovn/lease/session/future.lock", seconds=-1000),
    ]
    left = [
        old(git / "refs/heads/main.lock"),
        old(git / "refs/tags/v1.lock"),
        old(git / "index.lock"),
        old(git / "refs/ovn/keep/state.lock", seconds=0),
    ]
    assert sorted(ours) == sorted(break_stale_locks(location))
    assert [path.exists() for path in ours] == [False] * 4
    assert [path.exists() for path in left] == [True] * 4


def test_one_ref_or_folder_can_be_named(location, repo):
    state = old(repo.git_dir / f"{names.STATE_REF}.lock")
    lease = old(repo.git_dir / "refs/ovn/lease/session/s.lock")
    assert break_stale_locks(location, names.LEASE_REFS) == [lease]
    assert break_stale_locks(location, names.STATE_REF) == [state]
    assert break_stale_locks(location) == []


@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/heads/overnight/stateful", "refs/tags/", ""])
def test_the_user_s_refs_are_never_touched(location, ref):
    with pytest.raises(ValueError, match="not refs of git ovn"):
        break_stale_locks(location, ref)


def test_after_tidying_a_ref_that_a_kill_left_locked_can_be_written(location, repo):
    old(repo.git_dir / f"{names.STATE_REF}.lock", seconds=1.5)
    repo.run("update-ref", names.STATE_REF, "HEAD", ok=[128])
    tidy(location)
    repo.git("update-ref", names.STATE_REF, "HEAD")


# -- operations that did not end -------------------------------------------------------

DIE = (
    "import os, sys; from pathlib import Path; from ovn.git.locate import locate;"
    "from ovn.git.locks import operation_lock\n"
    "with operation_lock(locate(Path(sys.argv[1]))): os.kill(os.getpid(), 9)"
)


def test_an_operation_that_ended_leaves_no_mark_a_killed_one_does(location, repo):
    assert not interrupted(location)
    with operation_lock(location):
        assert not interrupted(location)
    assert not interrupted(location)
    subprocess.run([sys.executable, "-c", DIE, repo.path], check=False)
    assert interrupted(location)
    with operation_lock(location):
        pass
    assert not interrupted(location)


def test_an_operation_that_failed_may_have_left_something(location):
    with pytest.raises(ValueError, match="half way"), operation_lock(location):
        raise ValueError("half way")
    assert interrupted(location)


def test_the_next_holder_is_told_that_the_last_one_died(location, repo):
    with operation_lock(location) as cut_short:
        assert not cut_short
    subprocess.run([sys.executable, "-c", DIE, repo.path], check=False)
    with operation_lock(location) as cut_short:
        assert cut_short
        with operation_lock(location) as again:
            assert not again


# -- locks of git's own ----------------------------------------------------------------


def test_a_lock_of_git_s_own_is_abandoned_only_when_nobody_can_hold_it(location, repo):
    lock = repo.git_dir / "packed-refs.lock"
    assert not locks.abandoned(location, lock)
    lock.touch()
    assert not locks.abandoned(location, lock)
    old(lock, seconds=locks.ABANDONED + 1)
    assert locks.abandoned(location, lock)
    with lock.open("rb"):
        assert not locks.abandoned(location, lock)
    with subprocess.Popen(["git", "cat-file", "--batch"], cwd=repo.path, stdin=subprocess.PIPE) as working:
        assert not locks.abandoned(location, lock)
        working.stdin.close()
    assert locks.abandoned(location, lock)


def test_a_packed_ref_is_deleted_although_a_killed_git_left_its_lock(location, repo):
    store = open_store(location)
    store.update_ref("refs/ovn/keep/state", repo.head, None, "x")
    repo.git("pack-refs", "--all")
    lock = repo.git_dir / "packed-refs.lock"
    old(lock, seconds=locks.ABANDONED + 1)
    store.update_ref("refs/ovn/keep/state", None, repo.head, "x")
    assert store.resolve("refs/ovn/keep/state") is None
    assert not lock.exists()
