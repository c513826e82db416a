"""Durable steps against what a disk takes at least, and against peers on their embedded defaults.

    ./dev bench steps [STEPS]... [--peers] [--losses] [--all]

One run, side by side, no-op steps that return 200 bytes, for each number of STEPS (1,000).
``--peers`` installs LangGraph, DBOS and the Restate server under ``.cache`` and measures them
too; ``--losses`` kills programs and cuts their power; ``--all`` does both, at 1,000, 10,000
and 100,000. Resuming is measured from the start of the process to the first new step, after
``kill -9`` in the middle.
"""

from __future__ import annotations

import os
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench import _losses, _others, _ours
from bench._figures import Figure, judge, note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ALL = [1000, 10_000, 100_000]
ROUNDS = 3
QUICK_ROUNDS = 9
"""Turns where one takes half a second: of three, one slow turn of a disk would be the figure."""

QUICK = 1000
RESUMED = {10_000: 0.5, 100_000: 1.5}
"""Steps -> seconds that resuming at half of them may take."""

KILLS, CUTS = 100, 20
TRACED = 1000
PEERS_BY = 500
"""Steps by which the peers are measured: many more would take some of them minutes."""


def main(args: list[str]) -> int:
    """Print the figures; return 1 when a target is missed."""
    everything = "--all" in args
    counts = [int(one) for one in args if one.isdigit()] or (ALL if everything else ALL[:1])
    missed = 0
    with tempfile.TemporaryDirectory(prefix="ovn-bench-", dir=os.environ.get("OVN_BENCH_DIR")) as folder:
        place = Path(folder)
        note(f"load {os.getloadavg()[0]:.1f} at the beginning, {os.cpu_count()} processors")
        parts: list[Callable[[Path], Iterator[Figure]]] = [partial(by_count, count=one) for one in counts]
        parts[1:1] = [peers] if everything or "--peers" in args else []
        parts[1:1] = [losses] if everything or "--losses" in args else []
        for part in parts:
            missed |= judge(part(place))
    return missed


def by_count(place: Path, count: int) -> Iterator[Figure]:
    """Yield the figures of so many steps."""
    room = place / str(count)
    room.mkdir()
    return large(room, count) if count >= LARGE else small(room, count)


# -- cost ----------------------------------------------------------------------------------

LARGE = 50_000
"""Steps from which on one run of them is enough, and only what depends on their number is asked."""


def small(place: Path, count: int) -> Iterator[Figure]:
    """Yield what a step costs against the floors; they take turns, medians count.

    Another begins each turn, on a disk that has nothing left to write: what one leaves behind
    would be paid by the next.
    """
    times: dict[str, list[float]] = {name: [] for name in FLOORS}
    runs: dict[str, list[_ours.Run]] = {"sync": [], "batched": []}
    names = [*times, *runs]
    for turn in range(QUICK_ROUNDS if count <= QUICK else ROUNDS):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            top = None if name in times else _ours.repository(place / f"{name}-{turn}")
            os.sync()
            if top is None:
                times[name].append(FLOORS[name](place, count))
            else:
                runs[name].append(_ours.finish(_ours.start(top, count, name)))
    middle = {name: statistics.median(found) for name, found in times.items()}
    sync = statistics.median(run.seconds for run in runs["sync"])
    batched = statistics.median(run.seconds for run in runs["batched"])
    for name, seconds in {**middle, "git ovn, sync": sync, "git ovn, batched": batched}.items():
        note(f"{count:,} steps: {name}: {seconds / count * 1e6:.0f} us a step")
    of = f"of {count:,}"
    yield Figure(f"a synced step, {of} / append with fdatasync", sync / middle["append, fdatasync"], 2.0)
    yield Figure(f"a synced step, {of} / SQLite, WAL, FULL", sync / middle["SQLite, WAL, FULL"], 1.5)
    processor = min(run.processor for run in runs["sync"]) / count * 1e3
    yield Figure(f"processor time of a step, {of}, schema check included", processor, 0.3, "ms")
    yield Figure(
        f"longest pause, {of}", statistics.median(run.longest for run in runs["sync"]) * 1e3, 250, "ms"
    )
    if count <= TRACED:
        traced = _ours.syncs(place)
        if traced is not None:
            yield Figure("synced writes a step (strace), folds included", traced, 1.1, "")
    yield from stored(place / "sync-0", count)
    yield from resumed(place, count)


def large(place: Path, count: int) -> Iterator[Figure]:
    """Yield what must not grow with the number of steps."""
    top = _ours.repository(place / "sync")
    run = _ours.finish(_ours.start(top, count, "sync"))
    note(f"{count:,} steps: git ovn, sync: {run.seconds / count * 1e6:.0f} us a step")
    # a minute lies between its first steps and its last, in which the machine may grow slower or faster
    fresh = _ours.finish(_ours.start(_ours.repository(place / "fresh"), 11_000, "sync"))
    last, first = statistics.median(run.blocks[-10:]), statistics.median(fresh.blocks[1:11])
    target = 1.25 if count <= 100_000 else 1.5
    yield Figure(
        f"processor time of a step, the last 10,000 of {count:,} / the first 10,000 of another right after",
        last / first,
        target,
    )
    yield Figure(f"longest pause, of {count:,}", run.longest * 1e3, 250, "ms")
    yield from stored(top, count)
    if count in RESUMED:
        yield from resumed(place, count)


def stored(top: Path, count: int) -> Iterator[Figure]:
    """Yield what the steps take on the disk, and how fast the story of them is told."""
    yield Figure(f"on disk, a step of {count:,}, folded", _ours.size_of(top) / count, 600, "B")
    yield Figure(f"on disk, a step of {count:,}, after 'git gc'", _ours.collected(top) / count, 600, "B")
    yield Figure(f"'git log -1 -p' of the state branch, {count:,} steps", _ours.log(top) * 1e3, 50, "ms")


def resumed(place: Path, count: int) -> Iterator[Figure]:
    """Yield how long a program needs that was killed at half."""
    seconds = min(_ours.resume(place / f"killed-{turn}", count) for turn in range(1 if count >= LARGE else 2))
    note(f"{count:,} steps: resumed at half: {seconds:.2f} s")
    if count in RESUMED:
        yield Figure(f"resumed at half of {count:,}, to the first new step", seconds, RESUMED[count], "s")


# -- floors --------------------------------------------------------------------------------


def work() -> str:
    """Return what the step of our program does: the floors do the same work."""
    return os.urandom(100).hex()


def append(place: Path, count: int) -> float:
    """Append a line and sync it, for each step."""
    fd = os.open(place / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    start = time.perf_counter()
    for _ in range(count):
        os.write(fd, work().encode() + b"\n")
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
            database.execute("INSERT INTO steps (result) VALUES (?)", (work(),))
        seconds = time.perf_counter() - start
        database.close()
        return seconds

    return run


FLOORS = {
    "append, fdatasync": append,
    "SQLite, WAL, FULL": sqlite("FULL"),
    "SQLite, WAL, NORMAL": sqlite("NORMAL"),
}


# -- peers and losses ----------------------------------------------------------------------


def peers(place: Path) -> Iterator[Figure]:
    """Yield our seconds over those of each peer that could be installed and ran, and resuming."""
    room = place / "peers"
    room.mkdir()
    for peer in _others.installed():
        own: list[float] = []
        their: list[float] = []
        for turn in range(ROUNDS):
            found = _others.seconds(peer, room / f"{peer.slug}-{turn}", PEERS_BY)
            if isinstance(found, str):
                note(f"{peer.name}: not measured: {found}")
                break
            their.append(found)
            top = _ours.repository(room / f"ours-{peer.slug}-{turn}")
            own.append(_ours.finish(_ours.start(top, PEERS_BY, "sync")).seconds)
        if len(own) < ROUNDS:
            continue
        ours, theirs = statistics.median(own), statistics.median(their)
        note(f"{PEERS_BY:,} steps: {peer.name}: {theirs / PEERS_BY * 1e6:.0f} us a step")
        yield Figure(f"a synced step / {peer.name}", ours / theirs, peer.target)
        yield from resumed_beside(peer, room)


def resumed_beside(peer: _others.Peer, room: Path) -> Iterator[Figure]:
    """Yield how long we need to go on, over how long a peer needs."""
    count = 4 * PEERS_BY
    again = _others.resume(peer, room / f"{peer.slug}-killed", count)
    if isinstance(again, str):
        note(f"{peer.name}: not resumed: {again}")
        return
    own = _ours.resume(room / f"killed-{peer.slug}", count)
    note(
        f"{count:,} steps, resumed at half: {peer.name} {again.seconds:.2f} s, git ovn {own:.2f} s; "
        f"recorded steps that {peer.name} ran again: {again.repeated}"
    )
    yield Figure(f"resumed at half of {count:,} / {peer.name}", own / again.seconds, 1.0)


def losses(place: Path) -> Iterator[Figure]:
    """Yield what kills, power cuts and eight writers do to acknowledged steps: nothing, it is said."""
    chance = random.Random(3)
    ratio, lost = _losses.writers(place, 4000)
    yield Figure("eight writers of one session / one, per step", ratio, 5)
    yield Figure("updates lost by eight writers", lost, 0, "")
    found = _losses.kills(place, KILLS, chance)
    note(f"{KILLS} kills: {found}")
    yield Figure(f"acknowledged steps lost by {KILLS} kills, of {found.acknowledged:,}", found.lost, 0, "")
    yield Figure(f"acknowledged steps that ran again after {KILLS} kills", found.again, 0, "")
    cut = _losses.cuts(place, CUTS, chance)
    if isinstance(cut, str):
        note(f"power cuts: not measured: {cut}")
        return
    note(f"{CUTS} power cuts: {cut}")
    yield Figure(f"acknowledged steps lost by {CUTS} power cuts, of {cut.acknowledged:,}", cut.lost, 0, "")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
