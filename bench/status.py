"""``git ovn status`` and ``git ovn resume`` as whole processes, at one session and at many.

    ./dev bench status [SESSIONS [RECORDS]]

By default 1,000 sessions with 100,000 records before the one at work. Each ``resume`` finds
some steps that are not folded. Judged by the least: whatever else the machine does can only
add; medians stand beside it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench._figures import Figure, judge, turns
from ovn.clock import SYSTEM, rfc3339
from ovn.git.locate import locate
from ovn.model import records
from ovn.state.store import StateStore

TARGETS = {"status": 0.3, "resume": 1.0}
ROUNDS = 7
STEPS = 20
TOGETHER = 50
"""Sessions that are folded at once while the repository is built."""


def main(sessions: int, steps: int) -> int:
    """Print the seconds of each verb at each size; return 1 when a target is missed."""
    with tempfile.TemporaryDirectory(prefix="ovn-bench-") as folder:
        few, many = build(Path(folder) / "few", 0, 0), build(Path(folder) / "many", sessions, steps)
        sizes = {"1 session": few, f"{sessions:,} sessions, {steps:,} records": many}
        ways = {
            f"{verb} at {size}": lambda verb=verb, top=top: ovn(top, verb)
            for size, top in sizes.items()
            for verb in TARGETS
        }
        for top in sizes.values():
            some_steps(top)
        times = turns(ways, ROUNDS)
    for name, found in times.items():
        print(f"{name:58} median {statistics.median(found):.2f} s")
    return judge(Figure(name, min(found), TARGETS[name.split()[0]], "s") for name, found in times.items())


def build(top: Path, sessions: int, steps: int) -> Path:
    """Return a repository where so many sessions ended, with so many steps, and one is at work."""
    for words in (["init", "-q", "-b", "main", str(top)], ["-C", str(top), "commit", "-q", "--allow-empty"]):
        subprocess.run(
            ["git", *words, *(["-m", "first"] if "commit" in words else [])], env=environment(), check=True
        )
    store = StateStore.open(locate(top))
    store.init("bench")
    for number in range(sessions):
        session = f"session-{number:04d}"
        store.journal(session).durability = "batched"
        tell(store, session, "session.created", {"kind": "run", "worktree": "elsewhere"})
        for at in range(steps // sessions):
            tell(store, session, "step", {"name": f"step {at}", "outcome": "done", "result": {"at": at}})
        tell(store, session, "session.state", {"state": "abandoned"})
        if number % TOGETHER == TOGETHER - 1:
            store.fold()
    store.fold()
    store.close()
    ovn(top, "start", "at-work")
    return top


def some_steps(top: Path) -> None:
    """Leave some steps of the session at work in its journal."""
    store = StateStore.open(locate(top))
    for at in range(STEPS):
        tell(store, "at-work", "step", {"name": f"step {at}", "outcome": "done", "result": {"at": at}})
    store.close()


def tell(store: StateStore, session: str, kind: str, data: dict[str, object]) -> None:
    """Record something without folding it."""
    store.record(session, records.make(kind, data, at=rfc3339(SYSTEM.now()), by="runner"), fold=False)


def ovn(top: Path, *words: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "ovn", *words],
        cwd=top,
        env=environment(),
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def environment() -> dict[str, str]:
    """Return an environment with an identity and nobody's configuration."""
    who = {f"GIT_{role}_{what}": "bench" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "OVN_"))}
    return {**plain, **who, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


if __name__ == "__main__":
    wanted = [int(word) for word in sys.argv[1:]]
    sys.exit(main(*(wanted + [1000, 100_000][len(wanted) :])))
