"""What stands between fork and the agent: waits until it is recorded, then becomes it.

Run as ``python -I -S launch.py GATE SAID ARGV...`` in the agent's own process group. GATE is a
pipe: one byte means "the journal knows this process, go"; its end means that the runner died,
and nothing is started. SAID carries the error number of an exec that failed. Pid, start time,
group and the wish to die with the runner all outlive the exec. Standard library only.
"""

from __future__ import annotations

import os
import sys

PR_SET_PDEATHSIG = 1
SIGKILL = 9
NOT_STARTED = 125


def main(arguments: list[str]) -> int:
    """Become ``arguments[2:]``; returns only when it could not."""
    gate, said, command = int(arguments[0]), int(arguments[1]), arguments[2:]
    die_with_parent()
    if not os.read(gate, 1):
        return NOT_STARTED
    os.close(gate)
    os.set_inheritable(said, False)
    try:
        os.execvp(command[0], command)  # noqa: S606 - no shell is the point
    except OSError as error:
        os.write(said, str(error.errno).encode())
    return NOT_STARTED


def die_with_parent() -> None:
    """Ask Linux to kill this process when the runner dies (prctl(2)); elsewhere do nothing."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, SIGKILL)


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))
