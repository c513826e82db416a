"""Going on without the terminal: a daemon that first tells whether it began.

Fork, a session of its own, fork again: no terminal can hang it up and none can become its.
The caller's process waits for one message through a pipe: the first lines of the run, or why
there is none.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ovn.frozen import dataclass
from ovn.model import canonical

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Message:
    """What the daemon says about its beginning; ``exit_code`` is not 0 when it did not begin."""

    exit_code: int
    lines: tuple[str, ...]


class Daemon:
    """The daemon's end of the pipe. What is said after the first message is not heard."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def say(self, message: Message) -> None:
        """Tell the waiting process how the run began."""
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        data = canonical.dump_line({"exit_code": message.exit_code, "lines": list(message.lines)})
        try:
            while data:
                data = data[os.write(fd, data) :]
        except BrokenPipeError:  # it was killed meanwhile; the run goes on
            return
        finally:
            os.close(fd)


def detach(log: Path) -> Daemon | Message:
    """Split: the daemon gets its end of the pipe, the caller what the daemon said.

    The daemon's output goes to ``log``, its input is /dev/null. Call it before any thread runs
    and before anything holds a lock.
    """
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        os.waitpid(child, 0)
        return _hear(reading)
    os.close(reading)
    os.setsid()
    if os.fork():
        os._exit(0)
    _redirect(log)
    return Daemon(writing)


def _hear(fd: int) -> Message:
    data = b""
    while chunk := os.read(fd, 65536):
        data += chunk
    os.close(fd)
    if not data:
        return Message(128, ("the detached run died before it began",))
    value = canonical.load(data, "the detached run")
    return Message(int(value["exit_code"]), tuple(value["lines"]))


def _redirect(log: Path) -> None:
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(out, 1)
    os.dup2(out, 2)
    for fd in (out, nothing):
        if fd > 2:
            os.close(fd)
