"""The file under a journal: opened, locked, preallocated, replaced. No rules, only effects.

Standard library only and light, like ``ovn.state.journal``. Every method may raise OSError;
``refusal`` says which error of ours that is.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time

from ovn.errors import DiskFailed, Locked, NoSpace, NotFound, OvnError, ReadOnlyRepository
from ovn.host import begin_writing, sync_data, sync_path
from ovn.state.frames import DATA, HEAD_SIZE, SLOT, Header, newest_header

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

FILE = "records"
SCRATCH = "records.new"
CHUNK = 256 * 1024
"""Bytes of zeros the file grows by: room for about 600 records of a night."""

SHRINK = 16 * CHUNK
"""A file beyond this is cut back to one chunk when its records are forgotten."""

_SPACE = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
_PERMISSION = frozenset((errno.EROFS, errno.EACCES, errno.EPERM))


def refusal(error: OSError, folder: str) -> OvnError:
    """Return what the operating system's error means for this journal."""
    words = f"journal '{folder}': {error.strerror or error}"
    if error.errno in _SPACE:
        return NoSpace(words)
    return (ReadOnlyRepository if error.errno in _PERMISSION else DiskFailed)(words)


class JournalFile:
    """One open journal file. Not for two threads at once; safe over a fork.

    The lock is ``flock`` on the file itself, which dies with its holder. A file that was
    replaced or removed while we waited says so in its header, and the new one is opened.
    No ``stat`` on the way to an append: since Linux 6.13 a file whose times were looked at
    has them written anew at its next change, and ``fdatasync`` takes half as long again.
    """

    def __init__(self, folder: str, timeout: float) -> None:
        self.folder = folder
        self.path = os.path.join(folder, FILE)
        self.opened = 0
        """Counts the times a file was opened: what was known about it is void after one."""
        self._timeout = timeout
        self._fd = -1
        self._writable = False
        self._pid = 0
        self._seen: tuple[bytes, Header | None] = (b"", None)

    # -- lock ------------------------------------------------------------------------------

    def lock(self, *, shared: bool, create: Callable[[], Header] | None) -> Header | None:
        """Hold the lock on the file that is the journal now, making it if ``create`` is given.

        Return its header, None if that is unreadable. Raises NotFound without a file, Locked
        when others held it for all of the timeout.
        """
        mode = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        deadline = 0.0
        while True:
            # A forked child shares our open file, and with it our lock: it needs its own.
            if self._fd < 0 or self._pid != os.getpid() or not (shared or self._writable):
                self._open(shared=shared, create=create)
            try:
                fcntl.flock(self._fd, mode | fcntl.LOCK_NB)
            except BlockingIOError:
                deadline = deadline or time.monotonic() + self._timeout
                self._wait(mode, deadline)
            header = self._header()
            if (header is not None and not header.moved) or self._is_current():
                return header
            self.close()

    def _header(self) -> Header | None:
        """Return the newer header; it changes once in hundreds of appends, and is read again only then."""
        found = os.pread(self._fd, HEAD_SIZE, 0) + os.pread(self._fd, HEAD_SIZE, SLOT)
        if found != self._seen[0]:
            self._seen = (found, newest_header(self.read(0, DATA)))
        return self._seen[1]

    def unlock(self) -> None:
        if self._fd >= 0:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        self.close()

    def _open(self, *, shared: bool, create: Callable[[], Header] | None) -> None:
        self.close()
        while self._fd < 0:
            try:
                self._fd = self._open_once(shared=shared)
            except FileNotFoundError:
                if create is None:
                    raise NotFound(f"no journal in '{self.folder}'") from None
                self._create(create)
            else:
                self._pid = os.getpid()
                self.opened += 1

    def _open_once(self, *, shared: bool) -> int:
        self._writable = True
        try:
            return os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            if not shared or error.errno not in _PERMISSION:
                raise
        self._writable = False
        return os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)

    def _wait(self, mode: int, deadline: float) -> None:
        """Take the lock by asking again and again: a blocking flock cannot be given up."""
        pause = 0.0001
        while True:
            try:
                fcntl.flock(self._fd, mode | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Locked(f"journal '{self.folder}' was locked for {self._timeout:g} s") from None
                time.sleep(pause)
                pause = min(pause * 1.5, 0.005)
            else:
                return

    def _is_current(self) -> bool:
        try:
            now = os.stat(self.path)
        except FileNotFoundError:
            return False
        ours = os.fstat(self._fd)
        return (now.st_dev, now.st_ino) == (ours.st_dev, ours.st_ino)

    # -- the whole file --------------------------------------------------------------------

    def _create(self, header: Callable[[], Header]) -> None:
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        try:
            folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:  # removed between the two lines: the caller tries again
            return
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            if not os.path.exists(self.path):
                os.close(self._install(header(), b""))
                sync_path(os.path.dirname(self.folder))
        finally:
            os.close(folder)

    def replace(self, header: Header, data: bytes) -> None:
        """Put a file with this header and these frames in the journal's place; keeps the lock."""
        self._warn()
        fresh = self._install(header, data)
        self.close()
        self._fd = fresh
        self.opened += 1

    def _warn(self) -> None:
        """Tell those who wait for this file to look whether it is still the journal.

        First the warning, then the change: after a crash between them they look in vain. A
        power cut may lose the warning, but nobody is left then who has the old file open.
        """
        header = newest_header(self.read(0, DATA))
        if header is not None:
            self.put(header.next(moved=1), sync=False)

    def _install(self, header: Header, data: bytes) -> int:
        scratch = os.path.join(self.folder, SCRATCH)
        body = bytearray(_whole(DATA + len(data)))
        code = header.encode()
        body[header.slot() : header.slot() + len(code)] = code
        body[DATA : DATA + len(data)] = data
        fd = os.open(scratch, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)  # nobody may use it before we are done with it
            write_all(fd, body, 0)
            os.fsync(fd)
            os.rename(scratch, self.path)
            sync_path(self.folder)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def set_aside(self, name: str) -> None:
        """Copy the file as it is to ``name`` beside it, durably."""
        fd = os.open(
            os.path.join(self.folder, name), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600
        )
        try:
            write_all(fd, self.read().rstrip(b"\0"), 0)
            os.fsync(fd)
        finally:
            os.close(fd)
        sync_path(self.folder)

    def unlink(self) -> None:
        """Delete the file, and its folder when nothing else is in it."""
        self._warn()
        os.unlink(self.path)
        scratch = os.path.join(self.folder, SCRATCH)
        if os.path.exists(scratch):
            os.unlink(scratch)
        if not os.listdir(self.folder):
            os.rmdir(self.folder)

    # -- bytes -----------------------------------------------------------------------------

    def size(self) -> int:
        return os.lseek(self._fd, 0, os.SEEK_END)

    def read(self, at: int = 0, length: int | None = None) -> bytes:
        """Return ``length`` bytes from ``at`` on; all that are there when it is None."""
        return os.pread(self._fd, self.size() if length is None else length, at)

    def write(self, data: bytes, at: int) -> None:
        """Write within the file, unsynced."""
        write_all(self._fd, data, at)

    def grow(self, needed: int, size: int) -> None:
        """Make the file, now of ``size``, at least ``needed`` bytes: an append then changes no metadata."""
        if needed > size:
            write_all(self._fd, bytes(_whole(needed) - size), size)

    def shrink(self, size: int) -> None:
        os.ftruncate(self._fd, size)

    def zero(self, at: int, end: int) -> None:
        if end > at:
            write_all(self._fd, bytes(end - at), at)

    def put(self, header: Header, *, sync: bool = True) -> None:
        """Write a header to its slot."""
        write_all(self._fd, header.encode(), header.slot())
        if sync:
            self.sync()

    def begin_writing(self, at: int, length: int) -> None:
        begin_writing(self._fd, at, length)

    def sync(self) -> None:
        sync_data(self._fd)


def write_all(fd: int, data: bytes | bytearray, at: int) -> None:
    """Write all of ``data`` at the offset ``at``: a short write goes on until the disk says why."""
    done = os.pwrite(fd, data, at)
    while done < len(data):
        done += os.pwrite(fd, memoryview(data)[done:], at + done)


def _whole(needed: int) -> int:
    """Return the file size that holds ``needed`` bytes and a frame's head of zeros behind them."""
    return DATA + CHUNK * -(-(needed - DATA + SLOT) // CHUNK)
