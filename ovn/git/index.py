"""Private indexes, and the user's own under its lock.

Snapshots never write the user's index: they read it, and let git work on a private one in a
folder of this process under ``.git/ovn/index/``. What a killed process left there is swept
by the next one, together with the ``index.lock`` it may have held: that lock is a second link
to a file in its folder, so there is no moment in which nobody can tell whose it is.
"""

from __future__ import annotations

import os
import struct
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ovn import host
from ovn.clock import jitter
from ovn.errors import CorruptObject, Locked
from ovn.git.disk import disk_errors, remove_tree
from ovn.git.encoding import Entry
from ovn.git.locks import abandoned, gits_here
from ovn.git.sha1 import sha1

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ovn.git.locate import Location

FOLDER = "index"
PATIENCE = 10.0
"""Seconds that another git's ``index.lock`` is waited for."""

Row = tuple[bytes, int, Entry]
"""Path, stage, entry."""

_HEAD = struct.Struct(">4sII")
_FIXED = struct.Struct(">24xI12x20sH")
"""What precedes a path: mode, object id, flags; times and the like are zeros, or not looked at."""


@contextmanager
def private_folder(location: Location) -> Iterator[Path]:
    """Give a folder of this process alone, removed at the end; sweep what the dead left."""
    with disk_errors("cannot make a private index"):
        sweep(location)
        folder = location.local / FOLDER / f"{os.getpid()}.{_start(os.getpid())}.{os.urandom(4).hex()}"
        folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        with suppress(OSError):  # a lock that cannot be removed keeps the folder, which says whose it is
            _release(folder)
            remove_tree(folder)  # the next sweep takes what would not go


def sweep(location: Location) -> list[str]:
    """Remove private folders of dead processes and the index locks they held; returns the names."""
    removed = []
    with suppress(FileNotFoundError):
        for folder in os.scandir(location.local / FOLDER):
            pid, _, rest = folder.name.partition(".")
            if pid.isdigit() and rest.rpartition(".")[0] != _start(int(pid)):
                _release(Path(folder.path))
                remove_tree(Path(folder.path))
                removed.append(folder.name)
    return removed


def _start(pid: int) -> str:
    """Return what tells a process from a later one of the same pid, in a file's name; empty if gone."""
    return (host.process_start(pid) or "").replace(" ", "-")


def _release(folder: Path) -> None:
    """Remove the ``index.lock`` whose other link lies in this folder, where its holder did not."""
    for mark in folder.glob("lock-*"):
        with suppress(FileNotFoundError):
            lock = mark.readlink()
            if lock.samefile(folder / "lock"):
                lock.unlink()


def copy(location: Location, to: Path) -> bool:
    """Copy the user's index, its time of change too; return False when there is none.

    With a newer time git would take a file that was changed within the same tick, to the same
    size, for unchanged. Contents and time come from one descriptor: git replaces the file.
    """
    try:
        source = os.open(location.git_dir / "index", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        with disk_errors("cannot copy the index"), to.open("wb") as target:
            found = os.fstat(source)
            while chunk := os.read(source, 1 << 20):
                target.write(chunk)
        os.utime(to, ns=(found.st_atime_ns, found.st_mtime_ns))
    finally:
        os.close(source)
    return True


def encode(rows: Iterable[Row]) -> bytes:
    """Return an index file (version 2) of these rows, with no file's times in it. Pure.

    As in git's gitformat-index: git takes each such entry for changed, so that
    ``update-index`` reads the file itself.
    """
    ordered = sorted(rows, key=lambda row: row[:2])
    parts = [_HEAD.pack(b"DIRC", 2, len(ordered))]
    for path, stage, entry in ordered:
        length = min(len(path), 0xFFF)
        fixed = _FIXED.pack(entry.mode, bytes.fromhex(entry.oid), stage << 12 | length)
        parts.append(fixed + path + b"\0" * (8 - (len(fixed) + len(path)) % 8))
    body = b"".join(parts)
    return body + sha1(body).digest()


def decode(data: bytes) -> list[Row]:
    """Return the rows of an index file that ``encode`` began and git went on with. Pure.

    git leaves the version as it is. Raises CorruptObject for a file that is not whole.
    """
    body, told = data[:-20], data[-20:]
    whole = not any(told) or sha1(body).digest() == told  # index.skipHash
    if not whole or body[:8] != b"DIRC\0\0\0\2":
        raise CorruptObject("the private index that git wrote is damaged")
    rows = []
    at = _HEAD.size
    for _ in range(_HEAD.unpack_from(body)[2]):
        mode, oid, flags = _FIXED.unpack_from(body, at)
        begin = at + _FIXED.size
        end = body.index(b"\0", begin)
        rows.append((body[begin:end], flags >> 12 & 3, Entry.of(mode, oid.hex())))
        at = end + 8 - (end - at) % 8
    return rows


class IndexLock:
    """The user's ``index.lock``, held. ``install`` makes a file the new index; else nothing happens."""

    def __init__(self, location: Location, mine: Path) -> None:
        self._index = location.git_dir / "index"
        self._lock = location.git_dir / "index.lock"
        self._mine = mine

    def install(self, new: Path) -> None:
        """Make the contents and time of ``new`` the user's index, synced, in one step."""
        with disk_errors("cannot write the index"):
            found = new.stat()
            with self._mine.open("wb") as target:
                target.write(new.read_bytes())
                target.flush()
                os.fsync(target.fileno())
            with suppress(FileNotFoundError):
                self._mine.chmod(self._index.stat().st_mode & 0o7777)
            os.utime(self._mine, ns=(found.st_atime_ns, found.st_mtime_ns))
            self._lock.rename(self._index)
            host.sync_path(self._index.parent)

    def release(self) -> None:
        """Let go, if ``install`` has not done so."""
        with suppress(FileNotFoundError):
            if self._lock.samefile(self._mine):
                self._lock.unlink()


@contextmanager
def index_lock(location: Location, folder: Path) -> Iterator[IndexLock]:
    """Hold the user's index as any git would; ``folder`` is the private one of this process.

    Waits with back-off for another git. Raises Locked, naming age and pid, when that does not
    end; a lock is broken only when it is older than 10 minutes, no live process has it open and
    no git works in this repository (one that waits for an editor has it closed).
    """
    mine, lock = folder / "lock", location.git_dir / "index.lock"
    with disk_errors("cannot lock the index"):
        mine.touch(exist_ok=False)
        (folder / f"lock-{location.worktree}").symlink_to(lock)
        deadline, pause = time.monotonic() + PATIENCE, 0.005
        while not _link(mine, lock):
            if time.monotonic() > deadline:
                _judge(location, lock)
            time.sleep(jitter(pause / 2, pause))
            pause = min(2 * pause, 0.25)
    held = IndexLock(location, mine)
    try:
        yield held
    finally:
        held.release()


def _link(mine: Path, lock: Path) -> bool:
    try:
        os.link(mine, lock)
    except FileExistsError:
        return False
    return True


def break_lock(location: Location, since: float) -> None:
    """Remove an ``index.lock`` that a git of ours, killed with whoever began it at ``since``, left."""
    lock = location.git_dir / "index.lock"
    if abandoned(location, lock, since):
        lock.unlink(missing_ok=True)


def _judge(location: Location, lock: Path) -> None:
    """Break an abandoned lock, or raise Locked with what is known of its holder."""
    if abandoned(location, lock):
        lock.unlink(missing_ok=True)
        return
    try:
        age = time.time() - lock.stat().st_mtime
    except FileNotFoundError:
        return
    holders = host.processes_with_open(lock)
    who = f"pid {holders[0]}" if holders else "a process that does not have it open"
    raise Locked(
        f"'{lock}' is held by {who} for {age:.0f} s; waited {PATIENCE:g} s",
        hint=None if holders or gits_here(location) else f"if no git is running here, remove '{lock}'",
        path=str(lock),
        age=round(age, 1),
        pid=holders[0] if holders else None,
    )
