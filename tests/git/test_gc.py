"""Living with git gc."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest

from ovn import host
from ovn.errors import Locked
from ovn.git import pack
from ovn.git.gc import gc_guard, rollup
from ovn.git.opening import open_store

HOLD = (
    "import sys; from pathlib import Path; from ovn.git.locate import locate;"
    "from ovn.git.gc import gc_guard\n"
    "with gc_guard(locate(Path(sys.argv[1]))): print('held', flush=True); sys.stdin.read()"
)


@pytest.fixture
def holder(repo):
    """Return another process of ours that keeps gc out."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, repo.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def dead_pid():
    """Return the pid of a process that is gone."""
    with subprocess.Popen(["true"]) as process:
        pass
    return process.pid


def test_git_gc_gives_way_while_it_is_held_and_runs_after(location, repo):
    with gc_guard(location):
        done = repo.run("gc", "-q", ok=[128])
        assert (
            f"gc is already running on machine '{host.hostname()}' pid {os.getpid()}" in done.stderr.decode()
        )
    assert not list(repo.git_dir.glob("gc.pid*"))
    assert not list((repo.git_dir / "ovn/gc").iterdir())
    repo.git("gc", "-q")


def test_the_thread_that_holds_it_may_enter_again(location, repo):
    with gc_guard(location):
        with gc_guard(location, timeout=0):
            pass
        assert (repo.git_dir / "gc.pid").exists()
    assert not (repo.git_dir / "gc.pid").exists()


def test_a_living_holder_is_waited_for_and_then_named(location, holder):
    with pytest.raises(Locked, match=str(holder.pid)), gc_guard(location, timeout=0.05):
        pass
    threading.Timer(0.05, holder.stdin.close).start()
    with gc_guard(location, timeout=5):
        pass


def test_a_killed_holder_stops_neither_us_nor_git(location, holder, repo):
    holder.kill()
    holder.wait()
    assert (repo.git_dir / "gc.pid").exists()
    repo.git("gc", "-q")
    with gc_guard(location, timeout=1):
        pass
    assert not list((repo.git_dir / "ovn/gc").iterdir())


def test_a_dead_process_of_ours_is_dead_although_its_pid_is_in_use_again(location, repo):
    """In a container pids begin anew: ours may be the one that the dead one had."""
    marks = location.local / "gc"
    marks.mkdir(parents=True)
    mark = marks / f"{os.getpid()}.1.{host.boot_id()}.aa"
    mark.write_text(f"{os.getpid()} {host.hostname()}")
    os.link(mark, repo.git_dir / "gc.pid")
    with gc_guard(location, timeout=1):
        pass


def test_a_running_gc_of_git_is_waited_for(location, repo):
    pidfile = repo.git_dir / "gc.pid"
    with subprocess.Popen(["sleep", "10"]) as git:
        pidfile.write_text(f"{git.pid} {host.hostname()}")
        with pytest.raises(Locked), gc_guard(location, timeout=0.05):
            pass
        git.kill()
        git.wait()
        with gc_guard(location, timeout=1):
            pass


@pytest.mark.parametrize(("host_name", "hours", "waits"), [("elsewhere", 1, True), ("elsewhere", 13, False)])
def test_a_gc_on_another_machine_is_believed_for_twelve_hours_as_git_does(
    location, repo, host_name, hours, waits
):
    pidfile = repo.git_dir / "gc.pid"
    pidfile.write_text(f"{dead_pid()} {host_name}")
    os.utime(pidfile, (time.time() - hours * 3600,) * 2)
    try:
        with gc_guard(location, timeout=0.05):
            assert not waits
    except Locked:
        assert waits


@pytest.mark.parametrize(
    ("content", "age", "waits"),
    [
        ("{dead} {host}", 0, False),
        ("{alive} {host}", 0, True),
        ("", 0, True),
        ("", 100, False),
    ],
)
def test_a_leftover_lock_of_the_dead_is_cleared_a_living_one_is_not(location, repo, content, age, waits):
    lock = repo.git_dir / "gc.pid.lock"
    lock.write_text(content.format(dead=dead_pid(), alive=os.getppid(), host=host.hostname()))
    os.utime(lock, (time.time() - age,) * 2)
    try:
        with gc_guard(location, timeout=0.1):
            assert not waits
    except Locked:
        assert waits
    assert waits == lock.exists()


# -- rollup ----------------------------------------------------------------------------


def fill(location, count, size=2000):
    """Store ``count`` small packs; returns the ids in them."""
    oids = []
    for _ in range(count):
        with pack.store(location, pack.encode([("blob", os.urandom(size)) for _ in range(3)])) as packed:
            oids += packed.oids
    return oids


def packs(repo):
    return {path.stem for path in (repo.git_dir / "objects/pack").glob("*.pack")}


def test_our_packs_become_one_with_every_object_and_the_user_s_stay(location, repo):
    repo.git("repack", "-adq")
    theirs = packs(repo)
    oids = fill(location, 5)
    store = open_store(location)
    assert store.exists(oids[0])
    assert rollup(location) == 5
    assert theirs < packs(repo)
    assert len(packs(repo)) == 2
    for oid in oids:
        assert store.read(oid)[0] == "blob"
    assert (location.local / "packs").read_text().split() == list(packs(repo) - theirs)
    assert rollup(location) == 0
    repo.fsck()


def test_a_pack_that_is_still_being_stored_is_left_alone(location, repo):
    live = pack.store(location, pack.encode([("blob", b"live")]))
    fill(location, 2)
    assert rollup(location) == 2
    assert live.name in packs(repo)
    live.release()
    assert live.name in (location.local / "packs").read_text()


def test_a_big_pack_is_not_rewritten_for_small_ones(location, repo):
    fill(location, 1, size=100_000)
    (big,) = packs(repo)
    fill(location, 3)
    assert rollup(location) == 3
    assert big in packs(repo)


def test_nothing_happens_below_the_minimum(location, repo):
    fill(location, 3)
    assert rollup(location, minimum=20) == 0
    assert len(packs(repo)) == 3


def test_packs_that_a_multi_pack_index_counts_on_stay(location, repo):
    fill(location, 3)
    counted = packs(repo)
    repo.git("multi-pack-index", "write")
    fill(location, 2)
    assert rollup(location) == 2
    assert counted < packs(repo)
    repo.fsck()


def test_when_one_pack_has_it_all_it_stays(location, repo):
    fill(location, 2)
    rollup(location)
    (whole,) = packs(repo)
    index = (repo.git_dir / f"objects/pack/{whole}.idx").read_bytes()
    again = [("blob", repo.run("cat-file", "blob", oid).stdout) for oid in pack.read_index(index)]
    pack.store(location, pack.encode(again)).release()
    rollup(location)
    assert packs(repo) == {whole}
    repo.fsck()


def test_a_rollup_waits_for_gc(location, holder):
    fill(location, 2)
    threading.Timer(0.05, holder.stdin.close).start()
    assert rollup(location) == 2
