"""Durable steps against what a disk takes at least, and against peers on their embedded defaults.

    python -m bench.steps [STEPS] [--peers]

One run, side by side, no-op steps that return 200 bytes. ``--peers`` installs LangGraph and
DBOS into ``.cache/steps-peers`` and measures them too. Resuming is measured from the start of
the process to the first new step, after ``kill -9`` in the middle.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench._figures import Figure, judge
from bench._peers import PEERS, VALUE

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".cache" / "steps-peers"
WANTED = ("langgraph", "langgraph-checkpoint-sqlite", "dbos")

PROGRAM = """
import sys, time
began = time.time()
from ovn import DurableSession
top, count, mode = sys.argv[1], int(sys.argv[2]), sys.argv[3]
new, pauses = 0, []
def work():
    global new
    new += 1
    if new == 1:
        print("first", time.time(), flush=True)
    return "x" * 200
with DurableSession.start("s", repo=top, durability=mode) as session:
    cpu, start = time.process_time(), time.perf_counter()
    for number in range(count):
        before = time.perf_counter()
        session.step("work", work)
        pauses.append(time.perf_counter() - before)
    print("done", time.perf_counter() - start, time.process_time() - cpu, max(pauses))
"""


def main(args: list[str]) -> int:
    """Print the figures; return 1 when a target is missed."""
    count = int(next((one for one in args if one.isdigit()), "1000"))
    with tempfile.TemporaryDirectory(prefix="ovn-bench-", dir=os.environ.get("OVN_BENCH_DIR")) as folder:
        place = Path(folder)
        floors = {
            name: statistics.median(way(place, count) for _ in range(3)) for name, way in FLOORS.items()
        }
        sync, cpu, pause = ours(place / "sync", count, "sync")
        batched, _, _ = ours(place / "batched", count, "batched")
        for name, seconds in {**floors, "git ovn, sync": sync, "git ovn, batched": batched}.items():
            print(f"{name:34} {seconds / count * 1e6:9.0f} us a step")
        figures = [
            Figure("a synced step against append with fdatasync", sync / floors["append, fdatasync"], 2.0),
            Figure("a synced step against SQLite, WAL, FULL", sync / floors["sqlite, WAL, FULL"], 1.5),
            Figure("CPU of a step, schema check included", cpu / count * 1e3, 0.3, "ms"),
            Figure("longest single pause", pause * 1e3, 250, "ms"),
            Figure("bytes on disk a step, folded", size_of(place / "sync") / count, 600, "B"),
            Figure(
                "resume after kill -9 at half, to the first new step",
                resume(place / "killed", count),
                1.5,
                "s",
            ),
            Figure("git log -1 -p of the state branch", log(place / "sync") * 1e3, 50, "ms"),
        ]
        figures += against_peers(place, count, sync) if "--peers" in args else []
    return judge(figures)


# -- floors --------------------------------------------------------------------------------


def append(place: Path, count: int) -> float:
    fd = os.open(place / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    data = VALUE.encode() + b"\n"
    start = time.perf_counter()
    for _ in range(count):
        os.write(fd, data)
        os.fdatasync(fd)
    seconds = time.perf_counter() - start
    os.close(fd)
    return seconds


def sqlite(level: str):  # noqa: ANN201 - a floor
    """Return the floor of one transaction a step."""

    def run(place: Path, count: int) -> float:
        path = place / f"{level}-{time.monotonic_ns()}.sqlite"
        database = sqlite3.connect(path, isolation_level=None)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute(f"PRAGMA synchronous={level}")
        database.execute("CREATE TABLE steps (number INTEGER PRIMARY KEY, result TEXT)")
        start = time.perf_counter()
        for _ in range(count):
            database.execute("INSERT INTO steps (result) VALUES (?)", (VALUE,))
        seconds = time.perf_counter() - start
        database.close()
        return seconds

    return run


FLOORS = {
    "append, fdatasync": append,
    "sqlite, WAL, FULL": sqlite("FULL"),
    "sqlite, WAL, NORMAL": sqlite("NORMAL"),
}


# -- ours ----------------------------------------------------------------------------------


def repository(top: Path) -> None:
    """Make a repository with a commit and a state branch."""
    from ovn.git.locate import locate
    from ovn.state.store import StateStore

    top.mkdir()
    who = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"]
    subprocess.run(["git", "init", "-q", str(top)], check=True)
    subprocess.run(["git", *who, "commit", "-q", "--allow-empty", "-m", "first"], cwd=top, check=True)
    store = StateStore.open(locate(top))
    store.init("bench")
    store.close()


def run(top: Path, count: int, mode: str) -> subprocess.Popen[str]:
    """Start the program in a process of its own."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", PROGRAM, str(top), str(count), mode]
    return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)


def ours(top: Path, count: int, mode: str) -> tuple[float, float, float]:
    """Return the seconds of all steps, their CPU, and the longest one."""
    repository(top)
    out, _ = run(top, count, mode).communicate()
    seconds, cpu, pause = next(line for line in out.splitlines() if line.startswith("done")).split()[1:]
    return float(seconds), float(cpu), float(pause)


def resume(top: Path, count: int) -> float:
    """Return the seconds from the start of a process to its first new step, after a kill at half."""
    from ovn.git.locate import locate
    from ovn.state.store import StateStore

    repository(top)
    process = run(top, count, "sync")
    journal = StateStore.open(locate(top))
    while process.poll() is None:
        known = journal.view().session("s")
        if known is not None and known.steps >= count // 2:
            os.kill(process.pid, signal.SIGKILL)
            break
        time.sleep(0.05)
    process.communicate()
    start = time.time()
    out, _ = run(top, count + 1, "sync").communicate()
    return float(next(line for line in out.splitlines() if line.startswith("first")).split()[1]) - start


def size_of(top: Path) -> int:
    """Return the bytes that the repository's objects take."""
    folder = top / ".git" / "objects"
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def log(top: Path) -> float:
    start = time.perf_counter()
    subprocess.run(
        ["git", "log", "-1", "-p", "overnight/state"], cwd=top, stdout=subprocess.DEVNULL, check=True
    )
    return time.perf_counter() - start


# -- peers ---------------------------------------------------------------------------------

TARGETS = {"langgraph, graph": 0.3, "langgraph, functional": 0.3, "dbos": 0.1}


def against_peers(place: Path, count: int, sync: float) -> list[Figure]:
    """Return our seconds over those of each peer that could be installed and ran."""
    python = environment()
    if python is None:
        return []
    figures = []
    for name in PEERS:
        folder = place / name.replace(", ", "-")
        folder.mkdir()
        command = [str(python), str(ROOT / "bench" / "_peers.py"), name, str(count), str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
        if done.returncode:
            print(f"{name:34} not measured: {(done.stderr.strip() or 'failed').splitlines()[-1]}")
            continue
        seconds = float(done.stdout.split()[-1])
        print(f"{name:34} {seconds / count * 1e6:9.0f} us a step")
        figures.append(Figure(f"a synced step against {name}", sync / seconds, TARGETS[name]))
    return figures


def environment() -> Path | None:
    """Return the interpreter of the peers' own environment, made when it is first needed."""
    python = HOME / "bin" / "python"
    if python.exists():
        return python
    made = subprocess.run([sys.executable, "-m", "venv", str(HOME)], check=False).returncode == 0
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *WANTED]
    if made and subprocess.run(install, check=False).returncode == 0:
        return python
    shutil.rmtree(HOME, ignore_errors=True)
    print("the peers could not be installed, and are not measured")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
