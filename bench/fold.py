"""What a fold of 1,000 steps costs, at the first one and after many; time, memory and bytes.

    ./dev bench fold [FOLDS]

The cost must not grow with what was folded before: the last ten folds are compared with the
first ten, by processor time, since a disk shared with others says little.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench._figures import Figure, judge
from ovn.clock import SYSTEM, rfc3339
from ovn.git.locate import locate
from ovn.model import records
from ovn.state.store import StateStore

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS = 1000
SESSION = "session-001"
TARGET_SECONDS = 0.25
TARGET_GROWTH = 1.3


def main(folds: int) -> int:
    """Print one line per figure; return 1 when a target is missed."""
    with tempfile.TemporaryDirectory(prefix="ovn-bench-") as folder:
        subprocess.run(["git", "init", "-q", folder], check=True)
        store = StateStore.open(locate(Path(folder)))
        store.init("bench")
        store.journal(SESSION).durability = "batched"
        fold(store)
        before = memory()
        measured = [fold(store) for _ in range(folds)]
        after = memory()
        view = timed(lambda: StateStore.open(store.location).view().session(SESSION))
        event = statistics.median(timed(lambda: store.record(SESSION, state())) for _ in range(20))
        store.close()
    wall, processor = zip(*measured, strict=True)
    growth = statistics.median(processor[-10:]) / statistics.median(processor[:10])
    undisturbed = statistics.quantiles(wall, n=4)[0]
    print(f"{folds} folds of {STEPS} steps, medians")
    print(f"{'a fold':32} {statistics.median(wall) * 1e3:8.1f} ms")
    print(f"{'processor time of it':32} {statistics.median(processor) * 1e3:8.1f} ms")
    print(f"{'memory, first and last':32} {before:8.0f} MB, {after:.0f} MB")
    print(f"{'a view, newly opened':32} {view * 1e3:8.1f} ms")
    print(f"{'an event, folded at once':32} {event * 1e3:8.1f} ms")
    return judge(
        [
            Figure("a fold of 1,000 steps, the fastest quarter", undisturbed, TARGET_SECONDS, "s"),
            Figure("processor time of the last ten folds / the first ten", growth, TARGET_GROWTH),
        ]
    )


def fold(store: StateStore) -> tuple[float, float]:
    """Record the steps and fold them; return the fold's seconds by the clock and of the processor."""
    for at in range(STEPS):
        data = {"name": f"step {at}", "outcome": "done", "result": {"at": at, "text": "x" * 100}}
        made = records.make("step", data, at=rfc3339(SYSTEM.now()), by="runner")
        store.record(SESSION, made, fold=False)
    start, processor = time.perf_counter(), time.process_time()
    store.fold()
    return time.perf_counter() - start, time.process_time() - processor


def state() -> records.Record:
    return records.make("session.state", {"state": "active"}, at=rfc3339(SYSTEM.now()), by="runner")


def timed(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def memory() -> float:
    """Return the most memory this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 40))
