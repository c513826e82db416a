"""The page of a night of 10,000 events, and the list of nights: read, drawn, rendered; in one process.

    ./dev bench pages [EVENTS]

``first`` reads everything anew, as a server does once when it starts, before somebody asks; ``again`` finds
what was gathered, as long as nothing changed; ``after a change`` is for somebody who watches a night.
Judged by CPU time: whatever else the machine does only adds to the other one.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bench._figures import Figure, judge
from ovn.cli.main import COLLECT_EVERY
from ovn.clock import SYSTEM, rfc3339
from ovn.config import Config
from ovn.git.locate import locate
from ovn.model import records
from ovn.model.documents import Run
from ovn.runner import runs
from ovn.state.store import StateStore
from ovn.web import views
from ovn.web.reading import Reading
from ovn.web.render import Renderer

if TYPE_CHECKING:
    from collections.abc import Callable

BEGIN = datetime(2026, 1, 2, 22, 0, tzinfo=UTC)
RUN = "20260102-abcd"
SESSIONS = 10
STORY = 10
"""Every so many-th event is a commit of the story; the others are steps, told of by the hundred."""

TARGET = 0.3
ROUNDS = 5


def main(events: int) -> int:
    """Print the CPU seconds of each page; return 1 when a target is missed."""
    gc.set_threshold(COLLECT_EVERY)  # as in 'git ovn serve'
    with tempfile.TemporaryDirectory(prefix="ovn-bench-") as folder:
        store = build(Path(folder) / "night", events)
        renderer = Renderer(UTC)

        def reading() -> Reading:
            return Reading(store.location, Config, SYSTEM)

        def page(found: Reading) -> str:
            return show(renderer, "night.html", views.night(found, RUN, 0, UTC))

        page(reading())  # templates are compiled once in a server's life
        warm = reading()
        page(warm)
        times = {
            f"night of {events:,} events, first": best(lambda: page(reading())),
            f"night of {events:,} events, again": best(lambda: page(warm)),
            f"night of {events:,} events, after a change": best(lambda: page(warm), lambda: step(store)),
            "list of nights, first": best(lambda: show(renderer, "home.html", views.home(reading()))),
        }
        store.close()
    return judge(Figure(name, seconds, TARGET, "s") for name, seconds in times.items())


def show(renderer: Renderer, template: str, values: dict[str, object]) -> str:
    return renderer.page(template, **values, answers=False, mark=str)


def best(way: Callable[[], object], before: Callable[[], object] = lambda: None) -> float:
    """Return the least CPU seconds of some rounds."""
    found = []
    for _ in range(ROUNDS):
        before()
        start = time.process_time()
        way()
        found.append(time.process_time() - start)
    return min(found)


def build(top: Path, events: int) -> StateStore:
    """Return the state of a repository with one night of so many events."""
    subprocess.run(["git", "init", "-q", "-b", "main", str(top)], check=True)
    store = StateStore.open(locate(top))
    store.init("bench")
    runs.begin(store, Run(1, RUN, "running", rfc3339(BEGIN), "main", None, None, "command"))
    for number in range(SESSIONS):
        session = f"s{number:02d}"
        store.journal(session).durability = "batched"
        tell(store, session, number * 3000, "session.created", kind="run", worktree="main", run=RUN)
        for at in range(events // SESSIONS):
            moment = number * 3000 + at * 3000 * SESSIONS / events
            if at % STORY == 0:
                tell(store, session, moment, "signal", name=f"signal-{at}", payload=None)
            else:
                outcome = "failed" if at % 97 == 0 else "done"
                tell(store, session, moment, "step", name=f"step {at}", outcome=outcome, seconds=1.5)
        store.fold()
    return store


def step(store: StateStore) -> None:
    """Record one more step."""
    tell(store, "s09", 40_000, "step", name="one more", outcome="done")


def tell(store: StateStore, session: str, seconds: float, kind: str, /, **data: object) -> None:
    at = rfc3339(BEGIN + timedelta(seconds=seconds))
    store.record(session, records.make(kind, data, at=at, by="runner"), fold=False)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
