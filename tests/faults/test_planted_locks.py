"""Locks that dead processes left: none stops git ovn, or plain git, for more than five seconds."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from ovn import host

from .harness import NEXT_OPERATION

if TYPE_CHECKING:
    from pathlib import Path

    from ..conftest import Repo  # noqa: TID252
    from .harness import Stable

OWNERS = {
    "a dead process": lambda: f"git ovn {dead_pid()} 1 {host.boot_id()}\n",
    "a pid in use again": lambda: f"git ovn {os.getpid()} 1 {host.boot_id()}\n",
    "another boot": lambda: f"git ovn {os.getpid()} {host.process_start(os.getpid())} 0-0\n",
    "nobody": lambda: "",
}
AGES = {"just now": 0.0, "an hour old": 3600.0, "from the future": -3600.0}
LOCKS = (
    *("refs/heads/overnight/state.lock", "refs/ovn/keep/state.lock"),
    *("refs/ovn/checkpoint/manual/0001.lock", "refs/tags/ovn/manual/x.lock"),
    *("ovn/lock", "ovn/operation-main.lock", "gc.pid"),
)
"""Files in the git folder that say: somebody is at work here."""


def dead_pid() -> int:
    """Return the pid of a process that is gone."""
    with subprocess.Popen(["true"]) as process:
        pass
    return process.pid


def plant(path: Path, content: str, age: float) -> None:
    """Write a lock of that age."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    os.utime(path, (time.time() - age,) * 2)


@pytest.mark.parametrize("owner", OWNERS)
@pytest.mark.parametrize(
    "age", ["just now", *(pytest.param(age, marks=pytest.mark.slow) for age in list(AGES)[1:])]
)
def test_the_locks_of_the_dead_stop_nobody(home: Repo, stable: Stable, owner: str, age: str) -> None:
    """All of them at once, whoever they name and however old they look."""
    for lock in LOCKS:
        said = OWNERS[owner]()
        if lock == "gc.pid":  # git's own form, and git itself believes in a living pid
            said = f"{dead_pid()} {host.hostname()}"
        plant(home.git_dir / lock, said, AGES[age])
    folder = home.git_dir / f"ovn/index/{dead_pid()}.1.abcd"
    folder.mkdir(parents=True)
    (folder / "lock").touch()
    os.link(folder / "lock", home.git_dir / "index.lock")
    (folder / "lock-main").symlink_to(home.git_dir / "index.lock")
    started = time.monotonic()
    worker = stable.start(home.path, ["verb checkpoint x", "step", "transact", "verb rollback x"])
    assert worker.wait() == 0, (worker.said(), worker.complaints())
    assert time.monotonic() - started < NEXT_OPERATION
    home.write("more", "more\n")
    home.commit("plain git works too")
    home.git("gc", "--quiet")
    assert not list(home.git_dir.glob("**/*.lock.lock"))


HOLD = "import sys, time; file = open(sys.argv[1], 'x'); print('held', flush=True); sys.stdin.read()"


@pytest.mark.slow
def test_the_index_lock_of_a_live_git_is_waited_for_and_then_named(home: Repo, stable: Stable) -> None:
    """A snapshot needs no lock; a rollback says who holds it, and has changed nothing."""
    base = stable.start(home.path, ["verb checkpoint x"])
    assert base.wait() == 0
    home.write("src/file1.py", "changed\n")
    lock = home.git_dir / "index.lock"
    line = [sys.executable, "-c", HOLD, str(lock)]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        snapshot = stable.start(home.path, ["verb checkpoint y"])
        assert snapshot.wait() == 0, snapshot.complaints()
        started = time.monotonic()
        worker = stable.start(home.path, ["verb rollback x"])
        assert worker.wait() == 128
        assert 2 < time.monotonic() - started < 15, "it waits once"
        assert f"is held by pid {holder.pid}" in worker.complaints()
        assert home.read("src/file1.py") == b"changed\n"
        holder.stdin.close()
    lock.unlink()
    after = stable.start(home.path, ["verb rollback x"])
    assert after.wait() == 0, after.complaints()
    assert home.git("status", "--porcelain") == ""


def test_an_index_lock_that_goes_away_in_time_is_no_trouble(home: Repo, stable: Stable) -> None:
    base = stable.start(home.path, ["verb checkpoint x"])
    assert base.wait() == 0
    lock = home.git_dir / "index.lock"
    lock.touch()
    worker = stable.start(home.path, ["verb rollback x"])
    time.sleep(0.5)
    lock.unlink()
    assert worker.wait() == 0, worker.complaints()
