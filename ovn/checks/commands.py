"""Run one of the project's own commands: verify, baseline, set-up, health.

A text goes to ``sh -c``, a list is the words of a program; both at the top of the work tree, in
a process group of their own, without a terminal, with an environment of known names. However
much they print, memory and log stay small and the digest covers all of it. When the command
ends, so does everything it left running in its group.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import selectors
import signal
import subprocess
import time
from typing import TYPE_CHECKING, BinaryIO

from ovn import allowed, names
from ovn.frozen import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Command = str | tuple[str, ...]

SECONDS = 1800.0
"""How long a command may take."""

LOG_BYTES = 8 << 20
TAIL_BYTES = 64 << 10
SUMMARY = 200
"""Characters of the line that sums an output up."""

LINGER = 0.5
"""Seconds to read on after the command itself ended, while something holds its output open."""

GRACE = 3.0
"""Seconds from SIGTERM to SIGKILL."""

PREFIXES = ("LC_", "OVN_")
_SECRET = re.compile("WEBHOOK|TOKEN|SECRET|PASSWORD|KEY")
"""In a name that is let through by its prefix: what an agent wrote, and tests run, must not see it."""

NOT_FOUND, NOT_STARTED = 127, 126
_ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command went. ``exit_code`` is negative for a signal, 127 not found, 126 not started.

    ``digest`` is the SHA-256 of the whole output; ``tail`` its last bytes; ``size`` its length.
    """

    command: Command
    exit_code: int
    seconds: float
    summary: str
    digest: str
    tail: bytes = b""
    size: int = 0
    timed_out: bool = False


def environment(environ: Mapping[str, str], extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what a command may see of ``environ``: an allow-list, ``OVN_*``, and ``extra``.

    Python writes no bytecode: a tree that the tests themselves litter would prove nothing.
    """
    picked = allowed.pick(environ, allowed.TESTS, PREFIXES)
    kept = {name: value for name, value in picked.items() if not _SECRET.search(name)}
    kept.pop(names.ENV_CRASH, None)
    fixed = {"PYTHONDONTWRITEBYTECODE": "1", "GIT_TERMINAL_PROMPT": "0"}
    return {**kept, **fixed, **(extra or {})}


def show(command: Command) -> str:
    """Return a command as a person would type it."""
    if isinstance(command, str):
        return command
    import shlex

    return shlex.join(command)


def run(
    command: Command,
    folder: Path,
    env: Mapping[str, str],
    *,
    seconds: float = SECONDS,
    log: BinaryIO | None = None,
) -> Ran:
    """Run a command in ``folder`` and return how it went; never raises for what it does.

    ``log`` gets at most ``LOG_BYTES`` of the output. KeyboardInterrupt ends the command first.
    """
    output = _Output(log)
    began = time.monotonic()
    try:
        process = subprocess.Popen(
            ["/bin/sh", "-c", command] if isinstance(command, str) else list(command),
            cwd=folder,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except FileNotFoundError:
        return _not_started(command, NOT_FOUND, "not found")
    except (OSError, ValueError) as error:  # ValueError: a NUL in an argument
        words = error.strerror if isinstance(error, OSError) else None
        return _not_started(command, NOT_STARTED, (words or str(error)).lower())
    try:
        in_time = _follow(process, output, began + seconds)
    finally:
        _end(process)
    took = time.monotonic() - began
    summary = output.summary() if in_time else f"ended after {seconds:g} s without an answer"
    return Ran(
        command,
        process.returncode,
        round(took, 3),
        summary,
        output.digest,
        tail=bytes(output.tail),
        size=output.size,
        timed_out=not in_time,
    )


def _not_started(command: Command, code: int, words: str) -> Ran:
    program = command if isinstance(command, str) else command[0]
    return Ran(command, code, 0.0, f"{program[:80]!r}: {words}", hashlib.sha256().hexdigest())


def _follow(process: subprocess.Popen[bytes], output: _Output, deadline: float) -> bool:
    """Read until the output's end, or shortly after the process' own; return whether in time."""
    assert process.stdout is not None  # noqa: S101 - it was asked for
    fd = process.stdout.fileno()
    with selectors.DefaultSelector() as selector:
        selector.register(fd, selectors.EVENT_READ)
        gone: float | None = None
        while (now := time.monotonic()) < deadline:
            if gone is None and process.poll() is not None:
                gone = now
            if gone is not None and now > gone + LINGER:
                return True
            if not selector.select(timeout=min(0.05, deadline - now)):
                continue
            chunk = os.read(fd, 1 << 16)
            if not chunk:
                return _wait(process, deadline)
            output.take(chunk)
    return gone is not None


def _wait(process: subprocess.Popen[bytes], deadline: float) -> bool:
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the whole group: politely while its leader lives, then for good."""
    if process.poll() is None:
        _signal(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
    _signal(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody left; or none of ours
        os.killpg(group, number)


@dataclass(slots=True)
class _Output:
    """All that a command printed: hashed whole, kept at its end, logged up to a limit."""

    log: BinaryIO | None
    size: int = 0
    tail: bytearray = field(default_factory=bytearray)
    _hash: hashlib._Hash = field(default_factory=hashlib.sha256)

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def take(self, chunk: bytes) -> None:
        self._hash.update(chunk)
        if self.log is not None and self.size < LOG_BYTES:
            try:
                self.log.write(chunk[: LOG_BYTES - self.size])
            except OSError:  # a full disk: what counts is in the digest and the tail
                self.log = None
        self.size += len(chunk)
        self.tail += chunk
        del self.tail[:-TAIL_BYTES]

    def summary(self) -> str:
        return summary(bytes(self.tail))


def summary(output: bytes) -> str:
    """Return the line that sums an output up: the last that says something, without decoration."""
    for raw in reversed(_ESCAPES.sub(b"", output).replace(b"\r", b"\n").split(b"\n")):
        line = "".join(char for char in raw.decode("utf-8", "replace") if char.isprintable() or char == "\t")
        line = " ".join(line.split()).strip("=-_*# ")
        if line:
            return line[:SUMMARY]
    return "no output"
