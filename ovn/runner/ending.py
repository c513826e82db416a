"""Ending processes that are ours, and only those.

Ours is what the journal recorded (pid, process group, start time, boot) and what carries
``OVN_RUN_ID=<run>`` in its environment: a daemonised grandchild leaves its group and its
session, never its environment (the way of Jenkins' ProcessTreeKiller). A pid alone proves
nothing: numbers are used again.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from ovn import host, names
from ovn.clock import SYSTEM
from ovn.errors import NeedsPerson
from ovn.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ovn.clock import Clock
    from ovn.runner.cage import Cage

INT, TERM, KILL = signal.SIGINT, signal.SIGTERM, signal.SIGKILL

GENTLE = ((INT, 10.0), (TERM, 5.0), (KILL, 5.0))
"""(signal, seconds until the next): how a running agent is asked to end."""

LEFT_BEHIND = ((TERM, 2.0), (KILL, 5.0))
"""How what an agent left running is ended."""

AT_ONCE = ((KILL, 5.0),)

_TICK = 0.02


@dataclass(frozen=True, slots=True)
class Recorded:
    """An agent process as ``attempt.launched`` recorded it."""

    pid: int
    pgid: int
    process_start: str
    boot_id: str


def end_group(
    pgid: int,
    steps: Sequence[tuple[signal.Signals, float]] = GENTLE,
    *,
    urgent: Callable[[], bool] = lambda: False,
    clock: Clock = SYSTEM,
) -> bool:
    """Signal a process group step by step until nobody lives in it; return whether it is empty.

    The caller knows that the group is ours: its leader is an unreaped child, or is alive with
    the recorded start time. ``urgent`` is asked while waiting: true goes to the last step.
    """
    return _end(
        lambda: host.processes_in_group(pgid), lambda sign: _signal_group(pgid, sign), steps, urgent, clock
    )


def end_marked(
    run: str,
    recorded: Sequence[Recorded] = (),
    *,
    steps: Sequence[tuple[signal.Signals, float]] = LEFT_BEHIND,
    clock: Clock = SYSTEM,
) -> int:
    """End what is still alive of an earlier run; return how many processes were found alive.

    Raises NeedsPerson naming what could not be ended, and what lives in a recorded group
    without the mark: it may be ours, with its environment scrubbed, and is not touched.
    """
    found = len(marked(run))
    for process in recorded:
        if is_alive(process):
            found += len(set(host.processes_in_group(process.pgid)) - set(marked(run)))
            end_group(process.pgid, steps, clock=clock)
    left = end_rest(run, steps, clock=clock) + _strangers(recorded)
    if left:
        raise NeedsPerson(
            f"processes of run '{run}' are still alive: {', '.join(map(_name, left))}",
            hint="end them yourself, then run it again",
            pids=left,
        )
    return found


def end_rest(
    run: str,
    steps: Sequence[tuple[signal.Signals, float]] = LEFT_BEHIND,
    *,
    mark: str = names.ENV_RUN,
    clock: Clock = SYSTEM,
) -> list[int]:
    """End what carries the run's mark; return the pids that could not be ended."""

    def alive() -> list[int]:
        return marked(run, mark)

    _end(alive, lambda sign: _signal_each(alive, sign), steps, lambda: False, clock)
    return alive()


def end_cage(
    cage: Cage, steps: Sequence[tuple[signal.Signals, float]] = LEFT_BEHIND, *, clock: Clock = SYSTEM
) -> list[int]:
    """End what lives in an attempt's cgroup and remove it; return the pids that could not be ended."""

    def send(sign: signal.Signals) -> None:
        if sign == KILL:
            cage.kill()
        _signal_each(cage.pids, sign)

    _end(cage.pids, send, steps, lambda: False, clock)
    left = cage.pids()
    if not left:
        cage.remove(clock)
    return left


def marked(run: str, mark: str = names.ENV_RUN) -> list[int]:
    """Return the pids of the live processes that a run started, without this one."""
    return [pid for pid in host.processes_with_environment(f"{mark}={run}") if pid != os.getpid()]


def is_alive(process: Recorded) -> bool:
    """Tell whether this very process, not another one of the same number, still lives."""
    return process.boot_id == host.boot_id() and host.process_start(process.pid) == process.process_start


def _strangers(recorded: Sequence[Recorded]) -> list[int]:
    """Return who lives in a recorded group whose leader is gone; the kernel keeps its number."""
    boot = host.boot_id()
    return [
        pid
        for process in recorded
        if process.boot_id == boot and host.process_start(process.pid) in (None, process.process_start)
        for pid in host.processes_in_group(process.pgid)
    ]


def _end(
    alive: Callable[[], list[int]],
    send: Callable[[signal.Signals], None],
    steps: Sequence[tuple[signal.Signals, float]],
    urgent: Callable[[], bool],
    clock: Clock,
) -> bool:
    for sign, grace in steps:
        if not alive():
            return True
        if urgent() and sign is not steps[-1][0]:
            continue
        send(sign)
        end = clock.monotonic() + grace
        while alive() and clock.monotonic() < end and not (urgent() and sign is not steps[-1][0]):
            clock.sleep(_TICK)
    return not alive()


def _signal_group(pgid: int, sign: signal.Signals) -> None:
    try:
        os.killpg(pgid, sign)
    except (ProcessLookupError, PermissionError):
        return  # the last of them went meanwhile, or none is ours to end: the caller looks again


def _signal_each(alive: Callable[[], list[int]], sign: signal.Signals) -> None:
    """Signal each through a handle, so that a number used again is never hit."""
    for pid in alive():
        try:
            _signal_process(alive, pid, sign)
        except (ProcessLookupError, PermissionError):
            continue  # gone, or not ours to end: the caller looks again and names it


def _signal_process(alive: Callable[[], list[int]], pid: int, sign: signal.Signals) -> None:
    if host.MACOS:
        os.kill(pid, sign)
        return
    handle = os.pidfd_open(pid)
    try:
        if pid in alive():  # still the same one, now that the handle holds it
            signal.pidfd_send_signal(handle, sign)
    finally:
        os.close(handle)


def _name(pid: int) -> str:
    return f"{pid} ({host.command_line(pid) or 'gone'})"
