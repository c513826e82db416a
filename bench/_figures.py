"""A figure and its target: printed as a line, and kept for ``docs/benchmarks.md``."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

KEEP = "OVN_BENCH_KEEP"
"""Names the file to which a benchmark adds its figures, one JSON a line (``./dev bench --write``)."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured, in ``unit`` (``x`` is a ratio of one run), and what it may be at most."""

    what: str
    value: float
    target: float
    unit: str = "x"

    @property
    def missed(self) -> bool:
        return self.value > self.target

    def __str__(self) -> str:
        verdict = "  MISSED" if self.missed else ""
        return f"{self.what:58} {self.value:7.2f} {self.unit} (target {self.target:g}){verdict}"


def judge(figures: Iterable[Figure]) -> int:
    """Print the figures, keep them where that is asked for, and return 1 when a target is missed."""
    found = list(figures)
    for figure in found:
        print(figure)
    if file := os.environ.get(KEEP):
        with open(file, "a", encoding="utf-8") as kept:  # noqa: PTH123
            kept.writelines(json.dumps(asdict(figure)) + "\n" for figure in found)
    return int(any(figure.missed for figure in found))


def note(text: str) -> None:
    """Print a line, and keep it for the page, below the figures."""
    print(text, flush=True)
    if file := os.environ.get(KEEP):
        with open(file, "a", encoding="utf-8") as kept:  # noqa: PTH123
            kept.write(json.dumps({"note": text}) + "\n")


def turns(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each way. They take turns, so that a slow machine is slow for all of them.

    The first turn fills the caches and does not count.
    """
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if turn:
                times[name].append(time.perf_counter() - start)
    return times
