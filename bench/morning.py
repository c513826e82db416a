"""``git ovn morning`` as a whole process: many sessions over many nights, and one very long night.

    ./dev bench morning [SESSIONS]

Each session has an attempt, a work commit, evidence and a handoff of its own. CPU seconds (user
and system, git's too), the least of some rounds: the wall clock says what else the machine does.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from bench._figures import Figure, judge
from bench.status import environment
from ovn import names
from ovn.clock import SYSTEM, rfc3339
from ovn.git.locate import locate
from ovn.model import codec, records
from ovn.model.documents import Command, Evidence, Feature, Handoff, Run
from ovn.state.store import StateStore

ROUNDS = 5
TARGET = 1.0
NIGHT = 40
"""Sessions of an ordinary night: what ``--max-sessions`` allows by default."""

LONG = 200
"""Sessions of a night in which somebody raised that."""

TOGETHER = 50
DIGEST = "0" * 64


def main(sessions: int) -> int:
    """Print the CPU seconds of the report; return 1 when a target is missed."""
    figures = []
    with tempfile.TemporaryDirectory(prefix="ovn-bench-") as folder:
        for count, night in ((sessions, NIGHT), (LONG, LONG)):
            top = Path(folder) / f"of-{night}"
            build(top, count, night)
            seconds = min(cpu(top) for _ in range(ROUNDS))
            what = f"morning after {count:,} sessions, {night} a night"
            figures.append(Figure(what, seconds, TARGET, "s"))
    return judge(figures)


def cpu(top: Path) -> float:
    """Return the CPU seconds of one report, children included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "ovn", "morning"],
        cwd=top,
        env=environment(),
        check=True,
        stdout=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def build(top: Path, sessions: int, night: int) -> None:
    """Make a repository with so many sessions, each with a commit, in nights of that many."""
    subprocess.run(["git", "init", "-q", "-b", "main", str(top)], env=environment(), check=True)
    commits = import_commits(top, sessions)
    store = StateStore.open(locate(top))
    store.init("bench")
    tree = store.objects.commit(commits[-1]).tree
    for first in range(0, sessions, night):
        told = [f"s-{number:05d}" for number in range(first, min(first + night, sessions))]
        run = begin(store, f"20260101-{first:05d}", commits[first])
        for at, session in enumerate(told):
            shift(store, session, run.id, (commits[first + at], commits[first + at + 1]), tree)
            if at % TOGETHER == TOGETHER - 1:
                store.fold()
        store.fold()
        end(store, run, tuple(told))
    store.close()


def import_commits(top: Path, count: int) -> list[str]:
    """Return the ids of ``count + 1`` commits, each with a file of its own, oldest first."""
    parts = [
        f"commit refs/heads/main\ncommitter bench <b@b> {1_700_000_000 + at} +0000\ndata 6\ncommit\n"
        f"M 100644 inline f{at:05d}.txt\ndata 2\nx\n"
        for at in range(count + 1)
    ]
    words = ["git", "fast-import", "--quiet"]
    subprocess.run(words, cwd=top, env=environment(), input="".join(parts).encode(), check=True)
    subprocess.run(["git", "reset", "-q", "--hard"], cwd=top, env=environment(), check=True)
    words = ["git", "rev-list", "--reverse", "main"]
    return subprocess.check_output(words, cwd=top, env=environment(), text=True).split()


def put(store: StateStore, subject: str, path: str, document: object, **trailers: str) -> None:
    store.transact(subject, subject.partition("(")[0].partition(":")[0], lambda _: {path: document}, trailers)


def begin(store: StateStore, run: str, base: str) -> Run:
    """Record a run that begins, and return it."""
    made = Run(version=1, id=run, state="running", started=now(), worktree="main", branch="refs/heads/main",
               base=base, agent="bench")  # fmt: skip
    put(store, f"run({run}): bench on main", names.run_file(run), made, **{names.TRAILER_RUN: run})
    return made


def end(store: StateStore, run: Run, sessions: tuple[str, ...]) -> None:
    """Record that a run ended."""
    ended = {"state": "ended", "stop": "max-sessions", "ended": now(), "sessions": list(sessions)}
    made = codec.decode(Run, {**codec.encode(run), **ended})
    put(store, f"run({run.id}): ended, enough", names.run_file(run.id), made, **{names.TRAILER_RUN: run.id})


def shift(store: StateStore, session: str, run: str, heads: tuple[str, str], tree: str) -> None:
    """Record a whole shift: a feature, an attempt, its commit, its evidence, its handoff."""
    feature, (before, after) = f"f-{session}", heads
    made = Feature(version=2, id=feature, number=int(session[2:]) + 1, title="something", created=now())
    if session.endswith("0"):  # a tenth of them is a feature of its own; the others go on with it
        put(store, f"feature: add {feature}", names.feature_file(feature), made)
    feature = f"f-{session[:-1]}0"
    store.journal(session).durability = "batched"
    evidence = Evidence(feature=feature, at=now(), green=True, tree=tree, commit=after, partial=None,
                        commands=(Command("true", 0, 0.1, "ok", DIGEST),))  # fmt: skip
    handoff = Handoff(version=1, session=session, at=now(), author="runner", accomplished=("it",), head=after)
    created = {"kind": "run", "worktree": "main", "feature": feature, "run": run, "agent": "bench"}
    for kind, data in (
        ("session.created", created),
        ("session.state", {"state": "active"}),
        ("feature.status", {"feature": feature, "status": "in_progress"}),
        ("attempt.started", {"number": 1, "feature": feature, "head": before}),
        ("commit", {"commit": after, "kind": "own", "feature": feature, "subject": "commit"}),
        ("attempt.ended", {"number": 1, "exit_code": 0, "reason": "", "head": after}),
        ("evidence", codec.encode(evidence)),
        ("feature.status", {"feature": feature, "status": "done"}),
        ("handoff", codec.encode(handoff)),
        ("session.state", {"state": "handed_off"}),
    ):
        store.record(session, records.make(kind, data, at=now(), by="runner"), fold=False)


def now() -> str:
    return rfc3339(SYSTEM.now())


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parent.parent)
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else 1000))
