"""What the fault tests share: workers that can be killed, and the question whether anything was lost."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ovn import checkpoints, host
from ovn.state.store import StateStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ..conftest import Repo  # noqa: TID252

TOLD_BY = {"note": "text", "step": "name"}
"""Record type -> the field that holds the name under which a worker acknowledged it."""

HERE = Path(__file__).resolve().parent
COUNTER = "counted"

LONG = os.environ.get("OVN_TEST_SIZE") == "long"
"""Whether this is ``./dev soak``."""

NEXT_OPERATION = 5.0
"""Seconds within which the next operation works, whatever happened before."""


def sized(ci: int, soak: int) -> int:
    """Return how many: in CI, or in ``./dev soak``."""
    return soak if LONG else ci


# -- what this machine can do ----------------------------------------------------------


def needs_root() -> pytest.MarkDecorator:
    """Skip where no file system may be mounted."""
    return pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="needs root, to mount")


def needs_strace() -> pytest.MarkDecorator:
    """Skip where system calls cannot be made to fail."""
    return pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")


@contextmanager
def mounted(where: Path, *args: str | Path) -> Iterator[Path]:
    """Mount a file system at ``where``; skip the test where the machine does not let us."""
    where.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", *args, where], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"cannot mount here: {done.stderr.strip()}")
    try:
        yield where
    finally:
        subprocess.run(["umount", "--lazy", where], check=True)


# -- workers ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that does acts (``acts.py``) and acknowledges each in a file."""

    stable: Stable
    pid: int
    out: Path
    err: Path

    def wait(self, timeout: float = 120) -> int:
        """Return the exit code (minus the signal); fails the test when it does not end in time."""
        fd = os.pidfd_open(self.pid)
        try:
            ended = select.poll()
            ended.register(fd, select.POLLIN)
            if not ended.poll(timeout * 1000):
                self.kill()
                pytest.fail(f"the worker did not end within {timeout} s: {self.said()[-3:]}")
        finally:
            os.close(fd)
        return self.stable.ask({"wait": self.pid})

    def kill(self) -> None:
        """End it and its group at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def go_on(self) -> None:
        """Let a worker go on that stopped."""
        os.kill(self.pid, signal.SIGCONT)

    def said(self) -> list[str]:
        """Return the whole lines that it said so far."""
        text = self.out.read_text(errors="replace") if self.out.exists() else ""
        return text[: text.rfind("\n") + 1].splitlines()

    def complaints(self) -> str:
        """Return what it said on standard error."""
        return self.err.read_text(errors="replace") if self.err.exists() else ""


class Stable:
    """Forks workers (``stable.py``)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "stable.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        self._number = 0

    def start(
        self,
        repo: Path,
        acts: Sequence[str],
        *,
        who: str = "w",
        forever: bool = False,
        stops: bool = False,
        traced: bool = False,
        group: int = 0,
        env: Mapping[str, str] | None = None,
    ) -> Worker:
        """Start a worker: the acts in order, or ``forever`` some of them by chance.

        ``stops``: it stops (SIGSTOP) after each act; ``traced``: before the first, so that a
        tracer can be attached. ``group`` is the process group to join, 0 for one of its own.
        """
        self._number += 1
        name = f"{who}-{self._number}"
        out, err = self.folder / f"{name}.out", self.folder / f"{name}.err"
        job = {"repo": str(repo), "acts": list(acts), "who": name, "forever": forever, "stops": stops}
        job |= {"traced": traced, "group": group, "env": dict(env or {}), "out": str(out), "err": str(err)}
        return Worker(self, self.ask(job), out, err)

    def ask(self, job: Mapping[str, object]) -> int:
        """Send one line, return the number that answers it."""
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """End it; workers still alive are nobody's."""
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(30)


def shape(repo: Repo) -> dict[str, object]:
    """Return what a restore or rollback changes: files with their modes, index, HEAD and branches."""
    files: dict[str, object] = {}
    for path in sorted(repo.path.rglob("*")):
        name = path.relative_to(repo.path).as_posix()
        if not name.startswith(".git/") and not path.is_dir():
            content = path.readlink() if path.is_symlink() else path.read_bytes()
            files[name] = (path.lstat().st_mode, content)
    heads = repo.git("for-each-ref", "refs/heads/main", "refs/heads/work")
    return {"files": files, "index": repo.git("ls-files", "-s"), "HEAD": repo.head, "heads": heads}


def put_back(repo: Repo, wanted: dict[str, object]) -> None:
    """Make files, index and branch as they were in ``wanted``, a ``shape``.

    Most acts that fail change nothing: to see that takes a seventh of the time of doing it again.
    What would stop git is looked for all the same, for where there is nothing to do git is not asked.
    """
    if shape(repo) == wanted:
        assert not list(repo.git_dir.glob("*.lock")), "a lock that stops git was left"
        return
    repo.git("reset", "-q", "--hard", str(wanted["HEAD"]))
    repo.git("clean", "-qfd")
    for name, (_, content) in wanted["files"].items():
        if not (repo.path / name).exists() or repo.read(name) != content:
            repo.write(name, content)
    assert shape(repo) == wanted


def await_end_of(mark: str, timeout: float = 30) -> None:
    """Wait until no process carries the mark (``NAME=value``) in its environment."""
    deadline = time.monotonic() + timeout
    while host.processes_with_environment(mark):
        assert time.monotonic() < deadline, f"processes of {mark} live on"
        time.sleep(0.02)


def kill_marked(mark: str) -> None:
    """Kill every process that carries the mark: gits have sessions of their own."""
    for pid in host.processes_with_environment(mark):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


# -- an agent beside them --------------------------------------------------------------


@dataclass
class Agent:
    """Adds and commits in a thread until it is told to stop; every one of its commands must work."""

    repo: Repo
    commits: int = 0
    failures: list[str] = field(default_factory=list)

    @contextmanager
    def at_work(self) -> Iterator[Agent]:
        """Work while the context lasts."""
        over = threading.Event()
        thread = threading.Thread(target=self._work, args=(over.is_set,))
        thread.start()
        try:
            yield self
        finally:
            over.set()
            thread.join()

    def _work(self, over: Callable[[], bool]) -> None:
        while not over():
            (self.repo.path / "agent").write_text(f"{self.commits}\n" * 200)
            for line in (["add", "-A"], ["commit", "-q", "-m", f"work {self.commits}"]):
                done = subprocess.run(
                    ["git", *line], cwd=self.repo.path, capture_output=True, text=True, check=False
                )
                if done.returncode:
                    self.failures.append(f"git {line[0]}: {done.stderr}")
            self.commits += 1


# -- was anything lost? ----------------------------------------------------------------


@dataclass
class Acknowledged:
    """What workers said was done (and what they refused), gathered over many of them."""

    checkpoints: dict[str, tuple[str, str]] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    counts: int = 0
    others: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)

    def add(self, worker: Worker) -> Acknowledged:
        """Take in the lines of a worker that ended."""
        for line in worker.said():
            verdict, act, *details = line.split(" ")
            if verdict == ":no":
                self.refused.append(line)
            elif verdict != ":ok":
                continue  # a verb's own words
            elif act in ("checkpoint", "automatic"):
                self.checkpoints[details[0]] = (details[1], details[2])
            elif act in ("note", "step"):
                self.names.append(details[0])
            elif act == "transact":
                self.counts += 1
            else:
                self.others[act] += 1
        return self

    @property
    def total(self) -> int:
        """How many acknowledgements there were."""
        return len(self.checkpoints) + len(self.names) + self.counts + self.others.total()

    def bugs(self) -> list[str]:
        """Return the refusals that are not in our own words."""
        return [line for line in self.refused if "bug" in line or "Traceback" in line]


def check(repo: Repo, acked: Acknowledged, *, in_doubt: int = 0, power_cut: bool = False) -> StateStore:
    """Fail the test if anything acknowledged is not there, or anything is there by half or twice.

    ``in_doubt``: acts that may have been done without having been acknowledged. After a
    ``power_cut`` objects that no ref names may be damaged: git's own, which it never synced.
    """
    store = StateStore.open(repo.location)
    store.fold()
    assert store.pending() == {}
    found = {one.id: (one.commit, one.tag or "-") for one in checkpoints.found(store)}
    lost = {id_ for id_, held in acked.checkpoints.items() if found.get(id_) != held}
    assert not lost, f"acknowledged checkpoints are lost: {sorted(lost)[:5]}"
    _check_tags(repo, acked)
    _check_records(store, acked, in_doubt)
    assert store.view().damaged == []
    if power_cut:
        fsck_refs(repo)
    else:
        repo.fsck()
    assert not list((repo.git_dir / "objects/pack").glob("*.keep"))
    return store


def fsck_refs(repo: Repo) -> None:
    """Fail the test unless everything that a ref names can be read."""
    listing = repo.git("rev-list", "--objects", "--all", "--no-object-names")
    answer = repo.run("cat-file", "--batch", stdin=listing.encode())
    assert answer.stderr == b""
    assert b" missing\n" not in answer.stdout


def _check_tags(repo: Repo, acked: Acknowledged) -> None:
    lines = repo.git("for-each-ref", "--format=%(refname) %(*objectname)", "refs/tags/ovn/").splitlines()
    tags = dict(line.split(" ") for line in lines)
    for id_, (commit, tag) in acked.checkpoints.items():
        assert tag == "-" or tags.get(f"refs/tags/{tag}") == commit, f"the tag of {id_} is lost"


def _check_records(store: StateStore, acked: Acknowledged, in_doubt: int) -> None:
    told: list[str] = []
    recorded: set[str] = set()
    for session in store.view().sessions():
        for _, record in store.records(session):
            told += [
                record["data"][key]
                for key in ("text", "name")
                if record["type"] in ("note", "step") and key in record["data"]
            ]
            if record["type"] == "checkpoint":
                recorded.add(record["data"]["id"])
    assert max(Counter(told).values(), default=1) == 1, "a record is there twice"
    assert set(acked.names) <= set(told), "an acknowledged record is lost"
    assert set(acked.checkpoints) <= recorded, "an acknowledged checkpoint has no record"
    feature = store.view().feature(COUNTER)
    counted = feature.attempts if feature else 0
    assert acked.counts <= counted <= acked.counts + in_doubt
