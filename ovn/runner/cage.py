"""A cgroup around an agent: the kernel itself knows what belongs to it, however it daemonises.

A process group is left by ``setsid``, an environment can be scrubbed; a cgroup (version 2) is
left by neither. Where none can be had, the mark in the environment has to do.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ovn import host
from ovn.clock import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable

    from ovn.clock import Clock

PREFIX = "ovn-"
SECONDS = 3.0
"""How long systemd may take to make a scope; and an emptied group to become removable."""

_TICK = 0.02


class Cage:
    """A cgroup of one attempt; ``path`` is its folder below the cgroup2 mount."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def pids(self) -> list[int]:
        """Return who lives in it, below it too; nobody once it is gone."""
        found: list[int] = []
        for file in [self.path / "cgroup.procs", *self.path.glob("**/*/cgroup.procs")]:
            try:
                found += [int(word) for word in file.read_text(encoding="ascii").split()]
            except OSError:  # removed meanwhile, by systemd or with its last process
                continue
        return [pid for pid in found if host.process_start(pid) is not None]

    def kill(self) -> None:
        """Kill all of it at once; a child that is just being forked too (cgroup.kill, Linux 5.14)."""
        try:
            (self.path / "cgroup.kill").write_text("1", encoding="ascii")
        except OSError:  # gone, or a kernel without it: the caller looks who is left
            return

    def remove(self, clock: Clock = SYSTEM) -> bool:
        """Remove it once nobody lives in it; return whether it is gone."""
        end = clock.monotonic() + SECONDS
        while self.path.is_dir():
            try:
                for folder in sorted(self.path.glob("**/*/"), reverse=True):
                    folder.rmdir()
                self.path.rmdir()
            except OSError:  # a zombie that nobody has reaped yet keeps it busy
                if clock.monotonic() >= end:
                    return False
                clock.sleep(_TICK)
        return True


def around(name: str, pid: int) -> Cage | None:
    """Put a process that waits into a cgroup of its own; None where there is no way to.

    ``name`` is unique on this machine. All that the process starts afterwards is in it.
    """
    for way in WAYS:
        cage = way(PREFIX + name, pid)
        if cage is not None:
            return cage
    return None


def left_of(run: str) -> list[Cage]:
    """Return the cgroups below our own that attempts of a killed run left: janitor and runner died."""
    ours = of_process(os.getpid())
    return [Cage(path) for path in sorted(ours.glob(f"{PREFIX}{run}-*"))] if ours is not None else []


def _below_ours(name: str, pid: int) -> Cage | None:
    """Make one below our own: works for root, and where systemd delegated ours to us."""
    ours = of_process(os.getpid())
    if ours is None:
        return None
    path = ours / name
    try:
        path.mkdir()
    except OSError:  # not ours to write, or read-only as in most containers
        return None
    try:
        (path / "cgroup.procs").write_text(str(pid), encoding="ascii")
    except OSError:
        path.rmdir()
        return None
    return Cage(path)


def _scope_of_user(name: str, pid: int) -> Cage | None:
    """Ask the user's systemd for a scope with that process: what ``systemd-run --user --scope`` does.

    By D-Bus, since the process is there already and waits to be recorded.
    """
    if not _user_systemd():
        return None
    call = ["StartTransientUnit", "ssa(sv)a(sa(sv))", f"{name}.scope", "fail", "1", "PIDs", "au", "1"]
    if not _busctl(*call, str(pid), "0"):
        return None
    end = SYSTEM.monotonic() + SECONDS
    while SYSTEM.monotonic() < end:
        found = of_process(pid)
        if found is not None and found.name == f"{name}.scope":
            return Cage(found)
        SYSTEM.sleep(_TICK)
    return None


WAYS: tuple[Callable[[str, int], Cage | None], ...] = (_below_ours, _scope_of_user)


def of_process(pid: int) -> Path | None:
    """Return the cgroup2 folder of a process; None where there is no such hierarchy."""
    mount = _mount()
    if mount is None:
        return None
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    below = next((line[3:] for line in lines if line.startswith("0::")), None)
    if below is None or "/.." in below:  # outside of the part that this namespace shows
        return None
    path = mount / below.lstrip("/")
    return path if path.is_dir() else None


@cache
def _mount() -> Path | None:
    """Return where cgroup version 2 is mounted (proc(5), mountinfo); None without it."""
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # no Linux
        return None
    for line in lines:
        before, _, after = line.partition(" - ")
        if after.startswith("cgroup2 "):
            return Path(before.split()[4].replace("\\040", " "))
    return None


@cache
def _user_systemd() -> bool:
    """Tell whether the user's own systemd answers; asked once."""
    return shutil.which("busctl") is not None and _busctl("ListUnitsByNames", "as", "0")


def _busctl(*words: str) -> bool:
    manager = ("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
    try:
        done = subprocess.run(
            ["busctl", "--user", "--quiet", f"--timeout={SECONDS:g}", "call", *manager, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=2 * SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
