"""One agent process: started recorded, watched, ended with all it started.

``begin`` makes a process that waits (``launch.py``); once the journal knows it, ``open`` lets
it become the agent; ``watch`` returns when it ended or had to be ended. Output goes through a
thread into a log of bounded size, so that neither memory nor disk nor a full pipe can stop
the night.
"""

from __future__ import annotations

import errno
import os
import select
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from ovn import host, names
from ovn.clock import SYSTEM
from ovn.errors import Unhealthy
from ovn.frozen import dataclass, field
from ovn.runner import cage, ending, launch
from ovn.runner.log import CappedLog

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Mapping

    from ovn.clock import Clock

Reason = Literal["exited", "silence", "wall", "start", "unready", "stopped"]
"""``unready``: it put something out in time, but no hook of it ran; who watches it says so."""
Wish = Literal["stop", "now"] | None

TICK = 0.1
"""Seconds between two looks at the limits; the process's own end is noticed at once."""

_CHUNK = 64 << 10


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds; None is without limit. A sign of life is a byte of output or a newer beat.

    ``start``: until the first sign, ``silence``: between two of them, ``wall``: altogether.
    """

    start: float | None = None
    silence: float | None = None
    wall: float | None = None


@dataclass(frozen=True, slots=True)
class Launch:
    """What to start: ``run`` is the mark in its environment, ``beat`` the file its hooks touch."""

    argv: tuple[str, ...]
    folder: Path
    environ: Mapping[str, str]
    run: str
    log: Path
    beat: Path | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended. ``exit_code`` is None when a signal ended it; ``reason`` says who ended it.

    ``recent`` is the end of its output, ``dropped`` the bytes the log left out, ``survivors``
    the pids that could not be ended.
    """

    exit_code: int | None
    signal: int | None
    reason: Reason
    seconds: float
    log: Path
    recent: bytes = b""
    written: int = 0
    dropped: int = 0
    log_error: str | None = None
    survivors: tuple[int, ...] = ()


@dataclass(slots=True)
class Signs:
    """When it last gave a sign of life; ``first`` is None until it did."""

    began: float
    first: float | None = None
    last: float = field(default=0.0)


def overrun(limits: Limits, signs: Signs, now: float) -> Reason | None:
    """Return the limit that is used up, None when none is. Pure."""
    if limits.wall is not None and now - signs.began >= limits.wall:
        return "wall"
    if signs.first is None and limits.start is not None:
        return "start" if now - signs.began >= limits.start else None
    if limits.silence is not None and now - (signs.last or signs.began) >= limits.silence:
        return "silence"
    return None


class Beats:
    """When hooks last touched the beat file, on our own clock.

    Each look compares the file's time with what it was, never with the time of day: a clock that
    jumps, or a machine that slept, ends no agent.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known = self._touched()
        self._at: float | None = None

    def seen(self, now: float) -> float | None:
        """Return the moment at which the last beat was noticed; None before the first new one."""
        touched = self._touched()
        if touched != self._known:
            self._known, self._at = touched, now
        return self._at

    def _touched(self) -> int | None:
        try:
            return self._path.stat().st_mtime_ns if self._path else None
        except FileNotFoundError:
            return None


class AgentProcess:
    """A started process; a context manager that never leaves it behind."""

    def __init__(
        self,
        launch_: Launch,
        clock: Clock = SYSTEM,
        *,
        tell: Callable[..., None] = lambda *_: None,
        hear: Callable[[bytes], None] = lambda _: None,
    ) -> None:
        """Start the process that waits.

        ``tell`` gets what the janitor must know, ``hear`` the output as it comes, in a thread.
        """
        self._launch = launch_
        self._clock = clock
        self._tell = tell
        self._hear = hear
        self._scratch = Path(tempfile.mkdtemp(prefix=f"ovn-{launch_.run}-"))
        tell("scratch", str(self._scratch))
        launch_.log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._log = CappedLog(launch_.log)
        self._bytes_at: float | None = None
        self._beats = Beats(launch_.beat)
        gate, self._gate = os.pipe()
        self._said, said = os.pipe()
        try:
            self._process = self._start(gate, said)
        except OSError:
            self._close(self._gate, self._said)
            self._clean()
            raise
        finally:
            self._close(gate, said)
        self.pid = self._process.pid
        self.process_start = host.process_start(self.pid) or "gone"
        self.cage = cage.around(f"{launch_.run}-{self.pid}", self.pid)
        self._tell_janitor()
        self._began = clock.monotonic()
        self._reader = threading.Thread(target=self._read, name="agent-output", daemon=True)
        self._reader.start()

    def _start(self, gate: int, said: int) -> subprocess.Popen[bytes]:
        waiter = [sys.executable, "-I", "-S", str(launch.__file__), str(gate), str(said)]
        temporary = {name: str(self._scratch) for name in ("TMPDIR", "TMP", "TEMP")}
        return subprocess.Popen(
            [*waiter, *self._launch.argv],
            cwd=self._launch.folder,
            env={**self._launch.environ, **temporary, names.ENV_RUN: self._launch.run},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(gate, said),
            bufsize=0,
        )

    def _tell_janitor(self) -> None:
        found = self.recorded
        self._tell("group", str(found.pid), str(found.pgid), found.process_start, found.boot_id)
        if self.cage is not None:
            self._tell("cage", str(self.cage.path))

    @property
    def recorded(self) -> ending.Recorded:
        """What the journal must know before ``open``."""
        return ending.Recorded(self.pid, self.pid, self.process_start, host.boot_id())

    @property
    def written(self) -> int:
        """Bytes of output so far."""
        return self._log.total

    def open(self) -> None:
        """Let it become the agent. Raises Unhealthy when the program cannot be started."""
        os.write(self._gate, b"g")
        answer = os.read(self._said, 16)
        if not answer:
            return
        code = int(answer)
        hint = "see 'agent.argv' in .overnight/config.yaml"
        if code == errno.ENOENT:
            raise Unhealthy(f"the agent's program '{self._launch.argv[0]}' was not found", hint=hint)
        words = os.strerror(code).lower()
        raise Unhealthy(f"the agent's program '{self._launch.argv[0]}' cannot be started: {words}", hint=hint)

    def watch(
        self,
        limits: Limits,
        *,
        wish: Callable[[], Wish] = lambda: None,
        tick: Callable[[], None] = lambda: None,
    ) -> Outcome:
        """Return how it ended. ``wish`` tells that it shall end; ``tick`` works beside it."""
        reason: Reason = "exited"
        while not self._ended():
            over = "stopped" if wish() else overrun(limits, self._signs(), self._clock.monotonic())
            if over:
                reason = over
                break
            tick()
            self._wait()
        seconds = self._clock.monotonic() - self._began
        survivors = self._end(ending.GENTLE, lambda: wish() == "now")
        return self._outcome(reason, seconds, survivors)

    def _end(self, steps: tuple[tuple[signal.Signals, float], ...], urgent: Callable[[], bool]) -> list[int]:
        """End the process, its group, what carries the run's mark or sits in the cgroup; return who is left.

        The leader is reaped last: until then its number, and so the group's, is not used again.
        """
        if not self._ended():
            ending.end_group(self.pid, steps, urgent=urgent, clock=self._clock)
        ending.end_group(self.pid, ending.LEFT_BEHIND, urgent=urgent, clock=self._clock)
        left = ending.end_rest(self._launch.run, clock=self._clock)
        if self.cage is not None:
            left += [pid for pid in ending.end_cage(self.cage, clock=self._clock) if pid not in left]
        return left

    def _outcome(self, reason: Reason, seconds: float, survivors: list[int]) -> Outcome:
        code = self._process.wait()
        self._reader.join(timeout=5)  # a survivor may hold the pipe open for ever
        dropped = self._log.close()
        return Outcome(
            exit_code=code if code >= 0 else None,
            signal=-code if code < 0 else None,
            reason=reason,
            seconds=seconds,
            log=self._launch.log,
            recent=self._log.recent,
            written=self._log.total,
            dropped=dropped,
            log_error=self._log.broken,
            survivors=tuple(survivors),
        )

    def _ended(self) -> bool:
        """Tell whether it ended, without reaping it."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _wait(self) -> None:
        if host.MACOS:
            self._clock.sleep(TICK / 2)
            return
        handle = os.pidfd_open(self.pid)
        try:
            select.select([handle], [], [], TICK)
        finally:
            os.close(handle)

    def _signs(self) -> Signs:
        found = [
            moment
            for moment in (self._bytes_at, self._beats.seen(self._clock.monotonic()))
            if moment is not None
        ]
        if not found:
            return Signs(self._began)
        return Signs(self._began, min(found), max(found))

    def _read(self) -> None:
        """Take its output until nobody can write any more (runs in a thread of its own)."""
        pipe = self._process.stdout
        if pipe is None:  # never: it was started with one
            return
        while chunk := pipe.read(_CHUNK):
            self._bytes_at = self._clock.monotonic()
            self._log.write(chunk)
            self._hear(chunk)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing running, whatever happened between."""
        self._close(self._gate, self._said)
        if self._process.returncode is None:
            self._end(ending.AT_ONCE, lambda: True)
            self._process.wait()
            self._reader.join(timeout=1)
            self._log.close()
        self._clean()
        self._tell("free")

    def _clean(self) -> None:
        shutil.rmtree(self._scratch, ignore_errors=True)

    @staticmethod
    def _close(*fds: int) -> None:
        for fd in fds:
            os.close(fd)


def sweep_scratch(run: str) -> None:
    """Delete the temporary folders that attempts of a killed run left behind."""
    for folder in Path(tempfile.gettempdir()).glob(f"ovn-{run}-*"):
        if folder.lstat().st_uid == os.getuid() and folder.is_dir() and not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)
