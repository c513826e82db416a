"""Layer 0: the machine under us. The one module that knows an operating system's ways.

Linux is supported and tested. On macOS the table below names the other way to do each
thing; ``git ovn doctor`` says that these are untested there.
"""

from __future__ import annotations

import ctypes
import os
import socket
import sys
from pathlib import Path

MACOS = sys.platform == "darwin"
_F_FULLFSYNC = 51  # <sys/fcntl.h> on macOS: fsync alone does not reach the platter there


def sync_data(fd: int) -> None:
    """Return when the file's data (not its times) are on disk. Raises OSError."""
    if MACOS:
        import fcntl

        fcntl.fcntl(fd, _F_FULLFSYNC)
    else:
        os.fdatasync(fd)


def sync_path(path: str | os.PathLike[str]) -> None:
    """Return when a file or a folder's entries are on disk. Raises OSError."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_filesystem(path: str | os.PathLike[str]) -> None:
    """Return when everything written so far to that filesystem is on disk (syncfs(2)).

    git and libgit2 sync neither loose objects written by others nor folders; one syncfs
    before the ref moves lost nothing in simulated power cuts on ext4 and xfs.
    Raises OSError.
    """
    if MACOS:
        os.sync()
        return
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if _libc().syncfs(fd) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), os.fspath(path))
    finally:
        os.close(fd)


def hostname() -> str:
    """Return this machine's name."""
    return socket.gethostname()


def boot_id() -> str:
    """Return a text that changes at each boot."""
    if MACOS:
        import subprocess

        answer = subprocess.run(["/usr/sbin/sysctl", "-n", "kern.boottime"], capture_output=True, check=True)
        return answer.stdout.decode().split(",")[0].strip("{ ")
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def process_start(pid: int) -> str | None:
    """Return a text that tells this process from a later one of the same pid; None if gone.

    Linux: field 22 of /proc/PID/stat (clock ticks since boot). A zombie counts as gone:
    it can do no more work.
    """
    if MACOS:
        import subprocess

        answer = subprocess.run(["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True)
        return answer.stdout.decode().strip() or None
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat[stat.rindex(b")") + 2 :].split()
    return None if fields[0] in (b"Z", b"X") else fields[19].decode()


def processes_with_environment(mark: str) -> list[int]:
    """Return the pids of live processes whose environment holds ``mark`` (``NAME=value``).

    The way Jenkins' ProcessTreeKiller finds daemonised grandchildren. Processes of other
    users are invisible and left out. Linux only; elsewhere the list is empty.
    """
    needle = b"\0" + mark.encode() + b"\0"
    found = []
    for entry in Path("/proc").iterdir() if Path("/proc/self").exists() else ():
        if not entry.name.isdigit():
            continue
        try:
            environ = (entry / "environ").read_bytes()
        except OSError:  # gone meanwhile, or another user's
            continue
        if needle in b"\0" + environ and process_start(int(entry.name)) is not None:
            found.append(int(entry.name))
    return found


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
