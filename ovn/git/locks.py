"""Who may write now: one lock for all our writers, and the locks that the dead left behind.

The repository lock is an ``flock``: it dies with its holder, as no lock file does. Under
it, and only under it, a ``REF.lock`` of our own refs that is older than a second is taken
for what a ``kill -9`` left, because every writer of those refs holds the repository lock or
needs milliseconds.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from ovn import host, names
from ovn.clock import jitter
from ovn.errors import Locked
from ovn.frozen import dataclass
from ovn.git import pack
from ovn.git.disk import disk_errors
from ovn.git.owner import Owner
from ovn.host import sync_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ovn.git.locate import Location

LOCK = "lock"
OUR_REFS = (names.STATE_REF, names.OVN_REFS, names.TAG_REFS)
STALE = 1.0
"""Seconds after which a lock of our own refs is a dead process'."""


class Held(threading.local):
    """Which locks this thread holds, how often; a forked child holds none of its parent's."""

    def __init__(self) -> None:
        self.depths: dict[tuple[int, Path], int] = {}

    @contextmanager
    def again(self, path: Path) -> Iterator[bool]:
        """Enter the lock once more; yields whether this thread had it already."""
        key = (os.getpid(), path)
        depth = self.depths.get(key, 0)
        self.depths[key] = depth + 1
        try:
            yield depth > 0
        finally:
            if depth:
                self.depths[key] = depth
            else:
                del self.depths[key]


_held = Held()


@contextmanager
def repository_lock(location: Location, timeout: float = 30) -> Iterator[None]:
    """Hold the lock of all git ovn writers of a repository, its linked work trees included.

    May be entered again by the thread that holds it. Raises Locked after ``timeout`` seconds,
    naming the holder's pid, and ReadOnlyRepository.
    """
    with _lock(location.local / LOCK, timeout):
        yield


@contextmanager
def operation_lock(location: Location, timeout: float = 30) -> Iterator[bool]:
    """Hold the lock under which files of this work tree are changed; as ``repository_lock``.

    Yields whether the last holder did not come to its end. That this one holds it is on disk:
    it must be known after a power cut too. Raises also NoSpace.
    """
    path = _operation_file(location)
    with _lock(path, timeout) as taken:
        if taken is None:
            yield False
            return
        with disk_errors("cannot begin an operation"):
            os.pwrite(taken.fd, Owner.me().line.encode(), 0)
            os.fsync(taken.fd)
            sync_path(path.parent)
        yield taken.left
        with suppress(OSError):  # still named as a holder, it costs the next one a look
            os.ftruncate(taken.fd, 0)


def interrupted(location: Location) -> bool:
    """Tell whether the last holder of this work tree's ``operation_lock`` did not come to its end.

    Its file names the holder until that is done. False also while one is at work.
    """
    try:
        with _operation_file(location).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return file.read(1) != b""
    except (FileNotFoundError, BlockingIOError):
        return False


def _operation_file(location: Location) -> Path:
    return location.local / f"operation-{location.worktree}.lock"


@dataclass(frozen=True, slots=True)
class _Taken:
    """A lock's descriptor, and whether its file still named the holder before."""

    fd: int
    left: bool


@contextmanager
def _lock(path: Path, timeout: float) -> Iterator[_Taken | None]:
    """Hold a lock; yields None when this thread has it already."""
    with _held.again(path) as already:
        if already:
            yield None
            return
        taken = _acquire(path, timeout)
        try:
            yield taken
        finally:
            fcntl.flock(taken.fd, fcntl.LOCK_UN)  # a forked child's copy would go on holding it
            os.close(taken.fd)


def _acquire(path: Path, timeout: float) -> _Taken:
    deadline = time.monotonic() + timeout
    while True:
        taken = _try(path)
        if taken is not None:
            return taken
        if time.monotonic() > deadline:
            raise Locked(
                f"another git ovn process{_holder(path)} holds '{path}' for more than {timeout:g} s",
                path=str(path),
            )
        time.sleep(jitter(0.001, 0.02))


def _try(path: Path) -> _Taken | None:
    """Return the lock taken; None when somebody else holds it or the file was just replaced."""
    with disk_errors("cannot lock the repository"):
        path.parent.mkdir(exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        still_there = os.path.samestat(os.fstat(fd), path.stat())
    except (BlockingIOError, FileNotFoundError):
        still_there = False
    if not still_there:  # held by another, or removed by a purge just now
        os.close(fd)
        return None
    left = os.pread(fd, 1, 0) != b""
    with suppress(OSError):  # who holds it is only told to people; a full disk must not keep us out
        os.ftruncate(fd, 0)
        os.pwrite(fd, Owner.me().line.encode(), 0)
    return _Taken(fd, left)


def _holder(path: Path) -> str:
    with suppress(OSError):
        owner = Owner.read(path.read_text(encoding="utf-8", errors="replace"))
        if owner is not None and owner.alive():
            return f" (pid {owner.pid})"
    return ""


def break_stale_locks(location: Location, *prefixes: str) -> list[Path]:
    """Remove the lock files of our refs that a killed process left; returns which.

    ``prefixes`` are full names of refs, or of folders of refs with a final ``/``; all must be
    ours, none means all of ours. Age is the file's own (counted from first sight, crashes
    faster than the grace starved everyone); a time in the future counts as stale.
    """
    removed = []
    with repository_lock(location):
        for prefix in prefixes or OUR_REFS:
            if prefix != names.STATE_REF and not prefix.startswith((names.OVN_REFS, names.TAG_REFS)):
                raise ValueError(f"not refs of git ovn: {prefix!r}")
            for lock in _locks(location.common_dir, prefix):
                with suppress(FileNotFoundError), disk_errors("cannot remove a stale lock"):
                    if is_stale(lock):
                        lock.unlink()
                        removed.append(lock)
    return removed


def _locks(common_dir: Path, prefix: str) -> list[Path]:
    where = common_dir / prefix
    if prefix.endswith("/"):
        return sorted(where.rglob("*.lock"))
    lock = where.with_name(where.name + ".lock")
    return [lock] if lock.exists() else []


def is_stale(lock: Path) -> bool:
    """Tell whether a lock of our refs is older than any writer of ours needs, or from the future."""
    age = time.time() - lock.stat().st_mtime
    return age > STALE or age < 0


GITS_LOCKS = ("index.lock", "HEAD.lock", "packed-refs.lock", "config.lock", "shallow.lock")

ABANDONED = 600
"""Seconds after which a lock of git's own may be a dead one's; see ``abandoned``."""


def abandoned(location: Location, lock: Path, since: float | None = None) -> bool:
    """Tell whether a lock file of git's own (``index.lock``, ``packed-refs.lock``) is nobody's any more.

    It is older than 10 minutes, or not older than ``since``, when one of us began to run a git that
    locks, and died; no live process has it open, and no git works in this repository (one that
    waits for an editor has it closed). False where that cannot be known.
    """
    try:
        made = lock.stat().st_mtime
    except FileNotFoundError:
        return False
    ours = since is not None and made >= since - 1  # file systems round
    old = time.time() - made > ABANDONED
    return (ours or old) and not host.processes_with_open(lock) and gits_here(location) == []


def left_by_git(location: Location) -> list[Path]:
    """Return the abandoned locks of git's own that would stop the next git here."""
    folders = dict.fromkeys((location.git_dir, location.common_dir))
    there = [folder / name for folder in folders for name in GITS_LOCKS]
    return [path for path in there if abandoned(location, path)]


def gits_here(location: Location) -> list[int] | None:
    """Return the pids of git processes at work in this repository; None when unknown."""
    return host.gits_at_work(location.top or location.git_dir, location.git_dir, location.common_dir)


def tidy(location: Location) -> None:
    """Clear all that dead processes of ours left: locks of refs, and packs half stored."""
    with repository_lock(location):
        break_stale_locks(location)
        pack.drop_dead_keeps(location)
