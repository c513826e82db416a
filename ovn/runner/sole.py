"""One runner a work tree: a kernel lock that dies with its holder, and who it is.

``.git/ovn/runner/<work tree>`` says which run and which process; the ``flock`` on it says
whether it lives. Between two shifts no lease is held, but this lock is.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ovn import host, names
from ovn.errors import InvalidDocument, LeaseHeld
from ovn.frozen import dataclass
from ovn.model import canonical

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDER = "runner"


@dataclass(frozen=True, slots=True)
class Runner:
    """A living runner: its run (empty: not known yet), its process, its work tree's key."""

    run: str
    pid: int
    process_start: str
    worktree: str


class Sole:
    """The lock, held. ``name`` writes which run it is for."""

    def __init__(self, fd: int, worktree: str) -> None:
        self._fd = fd
        self._worktree = worktree
        self.name("")

    def name(self, run: str) -> None:
        """Say which run holds it."""
        pid = os.getpid()
        words = {"run": run, "pid": pid, "start": host.process_start(pid) or "", "worktree": self._worktree}
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, canonical.dump(words), 0)


@contextmanager
def held(local: Path, worktree: str) -> Iterator[Sole]:
    """Be the one runner of a work tree. Raises LeaseHeld (11) naming the other."""
    path = _path(local, worktree)
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _refusal(_read(fd), worktree) from None
        yield Sole(fd, worktree)
    finally:
        os.close(fd)


def alive(local: Path) -> list[Runner]:
    """Return the living runners of the repository, by work tree."""
    folder = local / FOLDER
    found = (_look(path) for path in sorted(folder.iterdir())) if folder.is_dir() else ()
    return [runner for runner in found if runner is not None]


def _look(path: Path) -> Runner | None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(fd)
    finally:
        os.close(fd)
    return None


def _read(fd: int) -> Runner | None:
    try:
        value = canonical.load(os.pread(fd, 4096, 0), "runner")
        return Runner(str(value["run"]), int(value["pid"]), str(value["start"]), str(value["worktree"]))
    except (InvalidDocument, KeyError, TypeError, ValueError):  # it is writing its name just now
        return None


def _refusal(runner: Runner | None, worktree: str) -> LeaseHeld:
    who = f"run '{runner.run}' (pid {runner.pid})" if runner and runner.run else "another run"
    return LeaseHeld(
        f"work tree '{worktree}' is held by {who}",
        hint="wait for it, or end it with 'git ovn stop'",
        run=runner.run if runner else None,
        pid=runner.pid if runner else None,
    )


def _path(local: Path, worktree: str) -> Path:
    return local / FOLDER / names.check_name(worktree, "work tree")
