"""A process that outlives the runner by seconds, and ends what a killed one left behind.

``kill -9`` lets nobody clean up, and a signal on the parent's death reaches the direct child
only. So a second process, in a session of its own, listens on a pipe whose other end the runner
alone holds: its end means that the runner died. Then the janitor ends the attempt's cgroup, its
process group and everything with the run's mark, removes the attempt's temporary folder, and
is gone. What it must know the runner says in lines:

| line | meaning |
|---|---|
| ``group PID PGID START BOOT`` | an agent was started, and this is how to know it again |
| ``cage PATH`` | its cgroup |
| ``scratch PATH`` | its temporary folder |
| ``free`` | the attempt is over and cleaned up; forget it |
| ``bye`` | the night is over; there is nothing to do |

It holds a lock as long as it lives: the next runner of the same night waits for it, so that it
never takes a new agent for an old one. Run as ``python -I -S janitor.py RUN`` with the pipe as
stdin; standard library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from ovn.clock import Clock
    from ovn.runner.cage import Cage
    from ovn.runner.ending import Recorded

FOLDER = "janitor"
"""In ``.git/ovn``: a lock for each work tree."""

PATIENCE = 30.0
"""Seconds that a new runner waits for the janitor of the last one; it needs a few, at worst two dozen."""


class Janitor:
    """The runner's end of the pipe; a context manager that lets the janitor go at the end."""

    def __init__(self, local: Path, worktree: str, run: str, clock: Clock) -> None:
        self._run = run
        lock = _wait_for_lock(local / FOLDER / worktree, clock)
        try:
            self._pipe = self._hire(lock)
        finally:
            os.close(lock)  # the janitor holds its own copy of it

    def tell(self, *words: str) -> None:
        """Say one line. A janitor that was itself killed is not missed: the mark finds what is left."""
        line = " ".join(words).replace("\n", " ") + "\n"
        with contextlib.suppress(BrokenPipeError):
            os.write(self._pipe, line.encode("utf-8", "surrogateescape"))

    def _hire(self, lock: int) -> int:
        reading, writing = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, self._run],
            stdin=reading,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={},  # no mark, no crash point, nothing that could change what Python does
            cwd="/",
            start_new_session=True,
            pass_fds=(lock,),
        )
        os.close(reading)
        return writing

    @property
    def pid(self) -> int:
        """The janitor's own process."""
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.tell("bye")
        os.close(self._pipe)
        self._process.wait()


def _wait_for_lock(path: Path, clock: Clock) -> int:
    """Return the lock's file, held. Raises LeaseHeld when the last night's janitor does not end."""
    from ovn.errors import LeaseHeld

    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    end = clock.monotonic() + PATIENCE
    while not _locked(fd):
        if clock.monotonic() >= end:
            os.close(fd)
            raise LeaseHeld(
                "the last night's processes are still being ended", hint="wait a moment, and run it again"
            )
        clock.sleep(0.02)
    return fd


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


# -- in the janitor itself -------------------------------------------------------------


def main(run: str) -> int:
    """Listen until the runner says goodbye or dies; then clean up after it."""
    told: list[list[str]] = []
    for line in sys.stdin:
        words = line.split(" ")
        words[-1] = words[-1].rstrip("\n")
        if words[0] == "bye":
            return 0
        told = [] if words[0] == "free" else [*told, words]
    clean_up(run, told)
    return 0


def clean_up(run: str, told: list[list[str]]) -> None:
    """End what is left of a run: politely, then for good; remove temporary folders and cgroups."""
    from ovn import names
    from ovn.runner import ending
    from ovn.runner.cage import Cage

    groups = [_recorded(words) for words in told if words[0] == "group"]
    cages = [Cage(Path(" ".join(words[1:]))) for words in told if words[0] == "cage"]
    for group in groups:
        if ending.is_alive(group):
            ending.end_group(group.pgid, ending.LEFT_BEHIND)
    ending.end_rest(run)
    ending.end_rest(run, mark=names.ENV_COMMAND)
    for cage in cages:
        _empty(cage)
    for words in told:
        if words[0] == "scratch":
            shutil.rmtree(" ".join(words[1:]), ignore_errors=True)


def _recorded(words: list[str]) -> Recorded:
    from ovn.runner.ending import Recorded

    return Recorded(int(words[1]), int(words[2]), words[3], " ".join(words[4:]))


def _empty(cage: Cage) -> None:
    if cage.pids():
        cage.kill()
    cage.remove()


if __name__ == "__main__":
    # Last, so that nothing that lies beside the package is taken for the standard library.
    sys.path[:] = [path for path in sys.path if path != str(Path(__file__).resolve().parent)]
    sys.path.append(str(Path(__file__).resolve().parents[2]))
    sys.exit(main(sys.argv[1]))
