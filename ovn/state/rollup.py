"""Join our packs in a process of its own: ``python -m ovn.state.rollup FOLDER``.

Off the path of steps: a merge takes seconds at a million objects, and a thousand packs made
a full ``git log -p`` seven times slower.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ovn.git.gc import rollup
from ovn.git.locate import locate
from ovn.git.pack import LIST
from ovn.git.run import environment

if TYPE_CHECKING:
    from ovn.git.locate import Location

MOST = 20
"""Packs of ours that may lie about before they are joined."""

LOCK = "rollup"

_PACKAGES = Path(__file__).resolve().parents[2]


def due(location: Location) -> bool:
    """Return whether there are more packs of ours than ``MOST``, and nobody joins them."""
    try:
        with (location.local / LIST).open("rb") as packs:
            many = sum(1 for _ in packs) > MOST
    except FileNotFoundError:
        return False
    fd = _lock(location) if many else None
    if fd is not None:
        os.close(fd)
    return fd is not None


def start(location: Location) -> subprocess.Popen[bytes]:
    """Start the joining, detached: it outlives this process and belongs to no run.

    Never with the work tree on the module path: a folder ``ovn`` in somebody's repository
    would be run. The package that runs now is the one to run there.
    """
    variables = {name: value for name, value in environment().items() if not name.startswith("OVN_")}
    variables["PYTHONPATH"] = str(_PACKAGES)
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "ovn.state.rollup", str(location.git_dir)],
        cwd=location.git_dir,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _lock(location: Location) -> int | None:
    """Return a descriptor that holds the lock of those who join; None when another does."""
    fd = os.open(location.local / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def main(folder: str) -> int:
    """Join the packs of the repository in ``folder``, unless another process does."""
    location = locate(Path(folder))
    fd = _lock(location)
    if fd is not None:
        rollup(location)
        os.close(fd)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))  # a process of its own
