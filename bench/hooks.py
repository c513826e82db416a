"""What the hooks cost a commit: ratios and milliseconds more, from one run.

    ./dev bench hooks [ROUNDS]

The repositories take turns, so that a machine which grows slow is slow for each. Hooks where
nobody works may cost 5 ms each, a commit in a session 100 ms more than one without hooks, and
the same whether 10 or 1,000 sessions went before. Judged by the least of each: whatever else
the machine does can only add; the medians stand beside it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench._figures import Figure, judge
from ovn import active, names
from ovn.active import Active
from ovn.clock import SYSTEM, rfc3339
from ovn.git.locate import locate
from ovn.githooks import install
from ovn.model import records
from ovn.state.store import StateStore

PER_HOOK = 5.0
IN_A_SESSION = 100.0
RUNS = 6
"""Hooks that one plain commit runs: pre-commit, prepare-commit-msg, commit-msg, post-commit, and
reference-transaction twice (prepared, committed)."""

FILES = 200
SESSION = "session-now"


@dataclass(frozen=True, slots=True)
class Way:
    """One repository, and what a process that commits there carries."""

    top: Path
    env: dict[str, str]


def main(rounds: int) -> int:
    """Print one line per figure; return 1 when a target is missed."""
    with tempfile.TemporaryDirectory(prefix="ovn-bench-") as folder:
        place = Path(folder)
        ways = {
            "no hooks": Way(build(place / "plain"), {}),
            "hooks, nobody works": Way(with_hooks(place / "idle"), {}),
            "in a session, none before": in_session(place / "first", 0),
            "in a session, 10 before": in_session(place / "tenth", 10),
            "in a session, 1,000 before": in_session(place / "thousandth", 1000),
        }
        times = turns(ways, rounds)
    return report(times, rounds)


def report(times: dict[str, list[float]], rounds: int) -> int:
    """Print the figures; return 1 when a target is missed."""
    least = {name: min(found) * 1e3 for name, found in times.items()}
    bare = least["no hooks"]
    print(f"{rounds} commits each: least, median; least against no hooks")
    for name, found in times.items():
        more = f"   {least[name] / bare:5.2f} x" if name != "no hooks" else ""
        print(f"{name:28} {least[name]:7.1f} {statistics.median(found) * 1e3:7.1f} ms{more}")
    growth = least["in a session, 1,000 before"] / least["in a session, 10 before"]
    print(f"1,000 sessions before / 10 before = {growth:.2f}")
    idle = (least["hooks, nobody works"] - bare) / RUNS
    busy = [
        Figure(f"a commit {name}, more than without hooks", least[name] - bare, IN_A_SESSION, "ms")
        for name in times
        if name.startswith("in a session")
    ]
    return judge([Figure("a hook where nobody works", idle, PER_HOOK, "ms"), *busy])


def turns(ways: dict[str, Way], rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each ``git commit``, by turns."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            (way.top / "f0").write_text(f"{number}\n", encoding="ascii")
            git(way.top, "add", "f0")
            start = time.perf_counter()
            git(way.top, "commit", "-q", "-m", f"commit {number}", env=way.env)
            if number:  # the first one fills caches
                times[name].append(time.perf_counter() - start)
    return times


def build(top: Path) -> Path:
    """Return a repository of some files."""
    top.mkdir()
    for number in range(FILES):
        (top / f"f{number}").write_text(f"file {number}\n", encoding="ascii")
    git(top, "init", "-q", "-b", "main")
    git(top, "add", "-A")
    git(top, "commit", "-q", "-m", "first")
    return top


def with_hooks(top: Path) -> Path:
    """Return a repository with every hook installed."""
    build(top)
    install.install(locate(top))
    return top


def in_session(top: Path, before: int) -> Way:
    """Return a repository in which a session works, after so many that ended."""
    location = locate(with_hooks(top))
    store = StateStore.open(location)
    store.init("bench")
    for number in range(before):
        session = f"session-{number:04d}"
        tell(store, session, "session.created", {"kind": "run", "worktree": "main"})
        tell(store, session, "session.state", {"state": "abandoned"})
    store.fold()
    store.journal(SESSION).set_generation(1)
    active.write(
        location.local, location.worktree, Active(SESSION, kind="run", generation=1, feature="parser")
    )
    store.close()
    return Way(top, {names.ENV_SESSION: SESSION})


def tell(store: StateStore, session: str, kind: str, data: dict[str, object]) -> None:
    """Record something without folding it."""
    store.record(session, records.make(kind, data, at=rfc3339(SYSTEM.now()), by="runner"), fold=False)


def git(top: Path, *args: str, env: dict[str, str] | None = None) -> None:
    """Run git with an identity and nobody's configuration."""
    who = {f"GIT_{role}_{what}": "bench" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "OVN_"))}
    mine = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", *args], cwd=top, env={**plain, **who, **mine, **(env or {})}, check=True)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 30))
