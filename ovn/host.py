"""The machine under us. The one module that knows an operating system's ways.

Linux is supported and tested. On macOS the table below names the other way to do each
thing; ``git ovn doctor`` says that these are untested there.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False  # typing's own costs a hook 10 ms
if TYPE_CHECKING:
    import ctypes

MACOS = sys.platform == "darwin"
_ADVISE = getattr(os, "posix_fadvise", None)  # macOS has none
_F_FULLFSYNC = 51  # <sys/fcntl.h> on macOS: fsync alone does not reach the platter there


def sync_data(fd: int) -> None:
    """Return when the file's data (not its times) are on disk. Raises OSError."""
    if MACOS:
        import fcntl

        fcntl.fcntl(fd, _F_FULLFSYNC)
    else:
        os.fdatasync(fd)


def begin_writing(fd: int, at: int, length: int) -> None:
    """Let the disk begin to take what was written there, and return at once; ``sync_data`` waits for it.

    A hint, and none where the system has no word for it. Linux writes out the dirty pages of a
    range that it is told not to keep, and forgets only whole pages, so less than one is named
    (mm/fadvise.c). What takes 30 us meanwhile costs nothing, and spares a wait of as long.
    """
    if _ADVISE is not None:
        _ADVISE(fd, at, min(length, 4095), os.POSIX_FADV_DONTNEED)


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
    import ctypes

    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if _libc().syncfs(fd) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), os.fspath(path))
    finally:
        os.close(fd)


def prepare_to_sync() -> None:
    """Load what ``sync_filesystem`` needs (3 ms), for who has to wait for something else."""
    if not MACOS:
        _libc()


def hostname() -> str:
    """Return this machine's name."""
    return os.uname().nodename


def boot_id() -> str:
    """Return a text that changes at each boot."""
    if MACOS:
        import subprocess

        answer = subprocess.run(["/usr/sbin/sysctl", "-n", "kern.boottime"], capture_output=True, check=True)
        return answer.stdout.decode().split(",")[0].strip("{ ")
    return _read("/proc/sys/kernel/random/boot_id").decode().strip()


def process_start(pid: int) -> str | None:
    """Return a text that tells this process from a later one of the same pid; None if gone.

    Linux: field 22 of /proc/PID/stat (clock ticks since boot). A zombie counts as gone:
    it can do no more work.
    """
    if MACOS:
        import subprocess

        ps = ["/bin/ps", "-o", "lstart=", "-p", str(pid)]
        answer = subprocess.run(ps, capture_output=True, check=False)
        return answer.stdout.decode().strip() or None
    try:
        stat = _read(f"/proc/{pid}/stat")
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
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()] if not MACOS else []  # noqa: PTH208
    found, starting = _looked_at(pids, needle)
    for _ in range(_LOOKS if starting else 0):
        time.sleep(_BETWEEN_LOOKS)
        more, starting = _looked_at(starting, needle)
        found += more
    return sorted(found)


_LOOKS, _BETWEEN_LOOKS = 5, 0.002
"""More looks at a process that starts a program, and the seconds between them."""


def _looked_at(pids: list[int], needle: bytes) -> tuple[list[int], list[int]]:
    """Return who holds it, and who shows no environment: so does a process while it starts a program."""
    found, blank = [], []
    for pid in pids:
        try:
            environ = _read(f"/proc/{pid}/environ")
        except OSError:  # gone meanwhile, or another user's
            continue
        if needle in b"\0" + environ and process_start(pid) is not None:
            found.append(pid)
        elif not environ and _has_program(pid):
            blank.append(pid)
    return found, blank


def _has_program(pid: int) -> bool:
    """Tell a process from a zombie and from a thread of the kernel's."""
    try:
        os.readlink(f"/proc/{pid}/exe")  # noqa: PTH115
    except OSError:
        return False
    return True


def processes_in_group(pgid: int) -> list[int]:
    """Return the pids of the live processes (no zombies) of a process group."""
    if MACOS:
        import subprocess

        ps = ["/bin/ps", "-o", "pid=,stat=", "-g", str(pgid)]
        answer = subprocess.run(ps, capture_output=True, check=False).stdout.decode().split()
        return [int(pid) for pid, state in zip(answer[::2], answer[1::2], strict=True) if state[0] != "Z"]
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208
        if not name.isdigit():
            continue
        try:
            stat = _read(f"/proc/{name}/stat")
        except OSError:  # gone meanwhile
            continue
        fields = stat[stat.rindex(b")") + 2 :].split()
        if int(fields[2]) == pgid and fields[0] not in (b"Z", b"X"):
            found.append(int(name))
    return found


def processes_with_open(path: str | os.PathLike[str]) -> list[int]:
    """Return the pids of live processes that have the file open, as far as this user may see. Linux."""
    try:
        wanted = os.stat(path)  # noqa: PTH116 - pathlib alone costs a hook 5 ms
    except FileNotFoundError:
        return []
    return [pid for pid in _pids() if any(_is_file(link, wanted) for link in _open_files(pid))]


def gits_at_work(*folders: str | os.PathLike[str]) -> list[int] | None:
    """Return the pids of git processes whose current folder lies in one of these; None when unknown."""
    if MACOS:
        return None
    roots = [os.path.realpath(folder) for folder in folders]
    found = []
    for pid in _pids():
        try:
            name, where = _read(f"/proc/{pid}/comm"), os.readlink(f"/proc/{pid}/cwd")  # noqa: PTH115
        except OSError:  # gone meanwhile, or another user's
            continue
        if name.startswith(b"git") and any(where == root or where.startswith(root + "/") for root in roots):
            found.append(pid)
    return found


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()] if not MACOS else []  # noqa: PTH208


def _open_files(pid: int) -> list[str]:
    try:
        return [f"/proc/{pid}/fd/{fd}" for fd in os.listdir(f"/proc/{pid}/fd")]  # noqa: PTH208
    except OSError:  # gone meanwhile, or another user's
        return []


def _is_file(link: str, wanted: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(link), wanted)  # noqa: PTH116
    except OSError:
        return False


def command_line(pid: int) -> str:
    """Return the words that a process was started with, for people; empty when unknown."""
    try:
        return _read(f"/proc/{pid}/cmdline").rstrip(b"\0").replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


def _read(path: str) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123 - pathlib alone costs a hook 5 ms
        return file.read()


def _libc() -> ctypes.CDLL:
    import ctypes

    return ctypes.CDLL(None, use_errno=True)
