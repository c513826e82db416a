"""Programs of durable steps, each a process of its own, in repositories of their own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SYNCS = "fsync,fdatasync,syncfs,sync_file_range,msync"

PROGRAM = """
import os, sys, time
from ovn import DurableSession
top, count, mode = sys.argv[1], int(sys.argv[2]), sys.argv[3]
new, longest, blocks = 0, 0.0, []
def work():
    global new
    new += 1
    if new == 1:
        print("first", time.time(), flush=True)
    return os.urandom(100).hex()
with DurableSession.start("s", repo=top, durability=mode) as session:
    cpu, start = time.process_time(), time.perf_counter()
    for number in range(count):
        if number % 1000 == 0:
            blocks.append(time.process_time())
        before = time.perf_counter()
        session.step("work", work)
        longest = max(longest, time.perf_counter() - before)
    blocks.append(time.process_time())
    print("took", time.perf_counter() - start, time.process_time() - cpu, longest, flush=True)
    print("blocks", *(after - before for before, after in zip(blocks, blocks[1:])))
"""


@dataclass(frozen=True, slots=True)
class Run:
    """What a run took: seconds by the clock, of the processor, the longest step, and by 1,000 steps."""

    seconds: float
    processor: float
    longest: float
    blocks: list[float]


def repository(top: Path) -> Path:
    """Make a repository with a commit and a state branch, and return it."""
    from ovn.git.locate import locate
    from ovn.state.store import StateStore

    top.mkdir()
    who = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"]
    subprocess.run(["git", "init", "-q", str(top)], check=True)
    subprocess.run(["git", *who, "commit", "-q", "--allow-empty", "-m", "first"], cwd=top, check=True)
    store = StateStore.open(locate(top))
    store.init("bench")
    store.close()
    return top


def start(*args: object, program: str = PROGRAM, under: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """Start a program in a process of its own."""
    command = [*under, sys.executable, "-c", program, *map(str, args)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> Run:
    """Wait for a program and return what it took."""
    out, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"the program ended with {process.returncode}")
    said = {line.split()[0]: [float(word) for word in line.split()[1:]] for line in out.splitlines()}
    return Run(*said["took"], said["blocks"])


def resume(top: Path, count: int) -> float:
    """Return the seconds from the start of a process to its first new step, after a kill at half."""
    process = start(repository(top), count, "sync")
    while process.poll() is None and _steps(top) < count // 2:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    began = time.time()
    again = start(top, count, "sync")
    line = again.stdout.readline()  # type: ignore[union-attr]
    again.kill()
    again.communicate()
    return float(line.split()[1]) - began


def _steps(top: Path) -> int:
    """Return how many records of the program are on the state branch or wait for it."""
    from ovn.git.locate import locate
    from ovn.state.store import StateStore

    store = StateStore.open(locate(top))
    try:
        session = store.view(pending=False).session("s")
        return (session.folded if session is not None else 0) + store.pending().get("s", 0)
    finally:
        store.close()


def syncs(place: Path) -> float | None:
    """Return the synced writes of a step as strace counts them, folds included; None without strace."""
    if shutil.which("strace") is None:
        return None
    counts = []
    for number in (200, 2200):
        said = place / f"strace-{number}"
        under = ("strace", "-f", "-qq", "-o", str(said), "-e", f"trace={SYNCS}")
        finish(start(repository(place / f"traced-{number}"), number, "sync", under=under))
        counts.append(len(re.findall(r"\) += 0$", said.read_text(), re.MULTILINE)))
    return (counts[1] - counts[0]) / 2000


def size_of(top: Path) -> int:
    """Return the bytes that the repository's objects take on the disk."""
    folder = top / ".git" / "objects"
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def collected(top: Path) -> int:
    """Return the same after ``git gc``, of a copy; packs may be joined still when a program has ended."""
    until = time.monotonic() + 120
    while (top / ".git" / "gc.pid").exists() and time.monotonic() < until:
        time.sleep(0.05)
    with tempfile.TemporaryDirectory(dir=top.parent) as folder:
        copy = shutil.copytree(top, Path(folder) / "copy", symlinks=True)
        subprocess.run(["git", "gc", "-q"], cwd=copy, check=True)
        return size_of(copy)


def log(top: Path) -> float:
    """Return the seconds of ``git log -1 -p`` of the state branch, the least of five."""
    times = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run(
            ["git", "log", "-1", "-p", "overnight/state"], cwd=top, stdout=subprocess.DEVNULL, check=True
        )
        times.append(time.perf_counter() - began)
    return min(times)
