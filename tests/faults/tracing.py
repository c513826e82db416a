"""System calls of a worker made to fail, or to be its last, by strace; from its first act on."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from .harness import Stable, Worker

WRITING = (
    "write pwrite64 fsync fdatasync syncfs rename renameat2 mkdir openat link linkat unlink unlinkat "
    "ftruncate fchmod utimensat symlink symlinkat flock"
).split()
"""The calls by which a disk is changed, and ``openat`` and ``flock``, which begin it."""


@contextmanager
def traced(
    stable: Stable, repo: Path, acts: Sequence[str], *switches: str, **env: str
) -> Iterator[tuple[Worker, Path]]:
    """Start a worker under strace; yields it, at work, and the file that gets the trace."""
    worker = stable.start(repo, acts, traced=True, env=env)
    assert stable.ask({"stopped": worker.pid}) == 0
    log = worker.out.with_suffix(".trace")
    line = ["strace", "-f", "-p", str(worker.pid), "-o", str(log), "--signal=none", *switches]
    tracer = subprocess.Popen(line, stderr=subprocess.PIPE)
    try:
        _await_attached(tracer)
        os.kill(worker.pid, signal.SIGCONT)
        yield worker, log
    finally:
        worker.kill()
        tracer.wait(30)
        tracer.stderr.close()


def _await_attached(tracer: subprocess.Popen[bytes]) -> None:
    ready = select.select([tracer.stderr], [], [], 20)[0]
    words = os.read(tracer.stderr.fileno(), 4096).decode() if ready else "nothing"
    if "attached" not in words:
        tracer.kill()
        pytest.skip(f"strace cannot attach here: {words.strip()}")


def counted(stable: Stable, repo: Path, acts: Sequence[str], calls: Sequence[str]) -> dict[str, int]:
    """Return how often one process of a worker, at most, makes each of these calls during the acts."""
    with traced(stable, repo, acts, f"--trace={','.join(calls)}") as (worker, log):
        assert worker.wait() == 0, worker.said()
    each: Counter[tuple[str, str]] = Counter()
    for line in log.read_text(errors="replace").splitlines():
        pid, _, rest = line.partition(" ")
        name, paren, _ = rest.strip().partition("(")
        if paren and name in calls:
            each[pid, name] += 1
    most: dict[str, int] = {}
    for (_, name), number in each.items():
        most[name] = max(most.get(name, 0), number)
    return most


def sample(most: int, wanted: int) -> list[int]:
    """Return up to ``wanted`` of the numbers from 1 to ``most``: first, last and between, or the middle."""
    if most <= wanted:
        return list(range(1, most + 1))
    if wanted == 1:
        return [(most + 1) // 2]
    return sorted({1 + round(at * (most - 1) / (wanted - 1)) for at in range(wanted)})
