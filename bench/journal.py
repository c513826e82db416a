"""The journal's append against a bare append with ``fdatasync``: ratios, from one run.

    ./dev bench journal [RECORDS]

The kinds take turns in short blocks, so that a disk which grows slow in the middle is slow
for each of them. ``append`` may cost at most twice the bare one; a synced append should be
about one synced write.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench._figures import Figure, judge
from ovn.state import journalfile
from ovn.state.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Callable

PAYLOAD = json.dumps({"type": "step.recorded", "name": "implement parser", "result": "x" * 120}).encode()
BLOCK = 100
TARGET = 2.0


def main(count: int) -> int:
    """Print one line per figure; return 1 when the target is missed."""
    with tempfile.TemporaryDirectory(prefix="ovn-bench-") as folder:
        place = Path(folder)
        seconds = turns(place, count)
        bare = statistics.median(seconds["bare append, fdatasync"])
        print(f"{count} records of {len(PAYLOAD)} bytes, medians")
        for name, times in seconds.items():
            median = statistics.median(times)
            print(f"{name:32} {median * 1e6:8.0f} us   {median / bare:5.2f} x bare")
        print(f"{'synced writes per append':32} {syncs(place, count):8.3f}")
        for writers in (2, 4, 8):
            each = together(place, writers, max(count // writers, 1))
            print(f"{f'{writers} writers, per record':32} {each * 1e6:8.0f} us   {each / bare:5.2f} x bare")
        ratio = statistics.median(seconds["append"]) / bare
    return judge([Figure("journal append / bare append with fdatasync", ratio, TARGET)])


def turns(place: Path, count: int) -> dict[str, list[float]]:
    """Return the seconds of each write, by kind."""
    journal = Journal(place / "sync")
    batched = Journal(place / "batched", durability="batched")
    for each in (journal, batched):
        each.append(PAYLOAD)
    bare = os.open(place / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def append_bare() -> None:
        os.write(bare, PAYLOAD)
        os.fdatasync(bare)

    kinds: dict[str, Callable[[], object]] = {
        "bare append, fdatasync": append_bare,
        "append": lambda: journal.append(PAYLOAD),
        "append, batched": lambda: batched.append(PAYLOAD),
    }
    seconds: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(-(-count // BLOCK)):
        for name, write in kinds.items():
            seconds[name].extend(timed(write) for _ in range(BLOCK))
    journal.close()
    batched.close()
    os.close(bare)
    return seconds


def timed(write: Callable[[], object]) -> float:
    start = time.perf_counter()
    write()
    return time.perf_counter() - start


def syncs(place: Path, count: int) -> float:
    """Return how often the disk is asked to sync, per record."""
    calls = 0
    real = journalfile.sync_data

    def counted(fd: int) -> None:
        nonlocal calls
        calls += 1
        real(fd)

    journalfile.sync_data = counted
    try:
        with Journal(place / "counted") as journal:
            for _ in range(count):
                journal.append(PAYLOAD)
    finally:
        journalfile.sync_data = real
    return calls / count


def together(place: Path, writers: int, count: int) -> float:
    """Return the seconds a record takes when several processes append to one journal."""
    folder = place / f"writers-{writers}"
    Journal(folder).append(PAYLOAD)
    context = multiprocessing.get_context("fork")
    gate = context.Barrier(writers + 1)

    def work() -> None:
        with Journal(folder) as journal:
            gate.wait()
            for _ in range(count):
                journal.append(PAYLOAD)

    processes = [context.Process(target=work) for _ in range(writers)]
    for process in processes:
        process.start()
    gate.wait()
    start = time.perf_counter()
    for process in processes:
        process.join()
    seconds = time.perf_counter() - start
    if len(Journal(folder).read().records) != writers * count + 1:
        raise SystemExit("records were lost")
    return seconds / (writers * count)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000))
