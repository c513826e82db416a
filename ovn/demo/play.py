"""The demo, act by act: real processes of ``git ovn`` on a real repository, nothing pretended."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from ovn import host
from ovn.clock import SYSTEM
from ovn.demo import scratch, story
from ovn.demo.agent import HALF_WAY, HOLD
from ovn.errors import OvnError
from ovn.frozen import dataclass, field
from ovn.runner import sole

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CONFIG = {
    "project": story.PACKAGE,
    "commands": {"baseline": story.BASELINE},
    "budget": {"max_attempts_per_feature": 2},
    "recovery": {"backoff_base_seconds": 0},
}

PATIENCE = 60.0
"""Seconds until something that should have happened counts as failed."""

NEEDS_PERSON = 15


class DemoFailed(OvnError):
    """An act of the demo did not go as it must; its output says why."""

    kind = "demo"
    hint = "please report it; --keep DIR keeps the repository"


@dataclass(slots=True)
class Stage:
    """Where the demo plays: its folder, the repository in it, the environment, who listens."""

    folder: Path
    environ: dict[str, str]
    tell: Callable[[str], None]
    heading: Callable[[str], None]
    began: float = field(default_factory=SYSTEM.monotonic)

    @property
    def repository(self) -> Path:
        """The scratch repository."""
        return self.folder / story.PACKAGE

    def run(self, *words: str, ok: tuple[int, ...] = (0,), show: bool = True) -> str:
        """Run a program in the repository and return its output; raises DemoFailed."""
        if show:
            self.heading(shlex.join(words))
        done = subprocess.run(
            words,
            cwd=self.repository,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if show:
            self.tell(done.stdout)
        if done.returncode not in ok:
            raise DemoFailed(f"'{' '.join(words)}' gave {done.returncode}: {done.stdout.strip()[-2000:]}")
        return done.stdout

    def ovn(self, *words: str, ok: tuple[int, ...] = (0,), show: bool = True) -> str:
        """Run a verb of git ovn the way a person does."""
        return self.run(*"git ovn".split(), *words, ok=ok, show=show)


@dataclass(frozen=True, slots=True)
class Played:
    """What the demo came to: where it lies, how long it took, the tag of the work given up."""

    repository: Path
    seconds: float
    given_up: str


EXPECTED = {"duration": "done", "byte-size": "done", "duration-range": "done", "natural-order": "blocked"}


def play(
    folder: Path, environ: dict[str, str], tell: Callable[[str], None], heading: Callable[[str], None]
) -> Played:
    """Play all acts in ``folder``; return what it came to. Raises DemoFailed."""
    stage = Stage(folder, scratch.environment(folder, environ), tell, heading)
    set_up(stage)
    add_features(stage)
    kill_half_way(stage)
    stage.ovn("run", ok=(NEEDS_PERSON,))
    show_the_end(stage)
    statuses = _statuses(stage)
    if statuses != EXPECTED:
        raise DemoFailed(f"the night came to {statuses}")
    given_up = next(tag for tag in stage.run(*"git tag".split(), show=False).split() if "/failed-" in tag)
    return Played(stage.repository, SYSTEM.monotonic() - stage.began, given_up)


def set_up(stage: Stage) -> None:
    """Act one: a repository with code, tests and git ovn."""
    stage.repository.mkdir(parents=True)
    scratch.fill(stage.repository)
    stage.run(*"git init -q .".split(), show=False)
    stage.run(*"git add -A".split(), show=False)
    stage.run(*"git commit -q -m".split(), f"{story.PACKAGE} as it is, and what it shall do", show=False)
    stage.ovn("init", "--project", story.PACKAGE)
    argv = [sys.executable, "-m", "ovn.demo.agent", str(stage.folder), "{feature}", "{prompt_file}"]
    config = {**CONFIG, "agent": {"name": "command", "argv": argv}}
    text = json.dumps(config, indent=2) + "\n"  # JSON is YAML
    (stage.repository / ".overnight" / "config.yaml").write_text(text, encoding="utf-8")
    stage.run(*"git add -A".split(), show=False)
    stage.run(*"git commit -q -m".split(), "Let git ovn work here", show=False)


def add_features(stage: Stage) -> None:
    """Act two: what is to be built, each with the command that proves it."""
    for planned in story.FEATURES:
        words = ["feature", "add", planned.title, "--id", planned.id, "--priority", planned.priority]
        words += [part for one in planned.depends_on for part in ("--depends-on", one)]
        stage.ovn(*words, "--verify", planned.verify)
    stage.ovn("trust", show=False)


def kill_half_way(stage: Stage) -> None:
    """Act three: the night begins; while the second feature is half written, all of it is killed."""
    (stage.folder / HOLD).touch()
    words = [*"git ovn run".split()]
    stage.heading(shlex.join(words))
    log = stage.folder / "first-run.log"
    with log.open("wb") as out:
        runner = subprocess.Popen(
            words,
            cwd=stage.repository,
            env=stage.environ,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        agent = _wait_for(stage, runner, log)
    finally:
        pids = _kill_runner(stage)  # 'git ovn' is git, which waits for the runner
        runner.kill()
        runner.wait()
    _kill(agent)
    (stage.folder / HOLD).unlink()
    stage.tell(log.read_text(encoding="utf-8", errors="replace"))
    victims = " ".join(map(str, [*pids, agent]))
    stage.heading(f"kill -9 {victims}    # runner and agent, half way through byte-size")
    stage.run(*"git status --short".split())
    stage.ovn("resume", "--explain")


def _wait_for(stage: Stage, runner: subprocess.Popen[bytes], log: Path) -> int:
    """Return the agent's pid once it says that half is done."""
    mark = stage.folder / HALF_WAY
    end = SYSTEM.monotonic() + PATIENCE
    while not (mark.exists() and mark.read_text(encoding="utf-8").endswith("\n")):
        if runner.poll() is not None or SYSTEM.monotonic() > end:
            said = log.read_text(encoding="utf-8", errors="replace")
            raise DemoFailed(f"the night never came half way: {said[-2000:]}")
        SYSTEM.sleep(0.02)
    return int(mark.read_text(encoding="utf-8"))


def _kill_runner(stage: Stage) -> list[int]:
    """Kill whoever holds the night in this repository; return the pids."""
    pids = [one.pid for one in sole.alive(stage.repository / ".git" / "ovn")]
    for pid in pids:
        _kill(pid)
    return pids


def _kill(pid: int) -> None:
    """Kill a process and return when it is gone. The agent by itself dies with its runner."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:  # it was quicker
        return
    end = SYSTEM.monotonic() + PATIENCE
    while host.process_start(pid) is not None and SYSTEM.monotonic() < end:
        SYSTEM.sleep(0.01)


def show_the_end(stage: Stage) -> None:
    """Act four: what a person finds in the morning."""
    stage.ovn("morning")
    stage.run(*"git log --oneline overnight/state".split())
    stage.run(*"git log --oneline main..".split())
    stage.run(*"git tag".split())


def _statuses(stage: Stage) -> dict[str, str]:
    found = json.loads(stage.ovn("feature", "list", "--json", show=False))
    return {one["id"]: one["status"] for one in found["registry"]["features"]}
