"""One night in which runner, agent, janitor and all of them are killed at random instants."""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ovn import host

from .conftest import janitor_of

if TYPE_CHECKING:
    from .conftest import Project

VICTIMS = ("runner", "runner", "agent", "both", "machine")
"""``both``: runner and agent at once; ``machine``: the janitor too, so nobody can clean up."""

MOST_STARTS = 30

SCRIPT = """
[ $1 = bad ] || echo begun > $1.txt
git add -A; git commit -qm "begin $1" || :
(setsid sh -c 'sleep 5' < /dev/null > /dev/null 2>&1 &)
sleep 0.$(( $$ % 4 )); echo half; echo "half $$" > $1.txt
sleep 0.$(( $$ % 3 )); [ $1 = bad ] && echo bad > $1.txt || echo good > $1.txt
"""


@dataclass(slots=True)
class Told:
    """What a night showed. ``recovered`` of ``recoveries`` runs after a kill of the runner went on."""

    kills: dict[str, int] = field(default_factory=dict)
    recoveries: int = 0
    recovered: int = 0
    resumes: list[float] = field(default_factory=list)
    resume_cpu: list[float] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    acknowledged: int = 0
    statuses: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


class Memory:
    """Everything that was readable once, and so may never be missing again."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._records: dict[str, int] = {}
        self._checkpoints: set[str] = set()
        self._done: set[str] = set()
        self.lost: list[str] = []

    def look(self) -> int:
        """Compare with what was known, note what is missing; return how many records there are."""
        store = self._project.store
        view = store.view()
        for session in view.sessions(ended=True):
            numbers = [seq for seq, _ in store.records(session)]
            if numbers != list(range(1, len(numbers) + 1)):
                self.lost.append(f"records of {session} have gaps: {numbers}")
            if len(numbers) < self._records.get(session, 0):
                self.lost.append(f"{session} had {self._records[session]} records, has {len(numbers)}")
            self._records[session] = len(numbers)
        refs = set(store.objects.refs("refs/ovn/checkpoint/"))
        self.lost += [f"checkpoint {ref} is gone" for ref in self._checkpoints - refs]
        self._checkpoints |= refs
        done = {one.id for one in view.features().values() if one.status == "done"}
        self.lost += [f"{feature} is not done any more" for feature in self._done - done]
        self._done |= done
        return sum(self._records.values())


def install_hooks(project: Project) -> None:
    """Have git's hooks record the agent's commits: one of a killed attempt that nobody saw is foreign."""
    words = [sys.executable, "-m", "ovn.cli.main", "hooks", "install"]
    subprocess.run(words, cwd=project.repo.path, env=project.environ(), capture_output=True, check=True)


def hold(project: Project, seed: int, kills: int) -> Told:
    """Hold a night, killing ``kills`` times; return what it showed when it is over."""
    chance = random.Random(seed)
    told, memory = Told(), Memory(project)
    began = time.monotonic()
    killed_runner = False
    for start in range(MOST_STARTS):
        if killed_runner and chance.random() < 0.5:
            for seconds, used in resume(project):
                told.resumes.append(seconds)
                told.resume_cpu.append(used)
        process = project.begin()
        if killed_runner:
            told.recoveries += 1
        told_kills = sum(told.kills.values())
        code = None if told_kills < kills else process.wait(timeout=120)
        if code is None:
            code = disturb(project, process, chance, told)
        told.acknowledged = memory.look()
        if killed_runner and (code in (0, 15, -signal.SIGKILL)):
            told.recovered += 1
        killed_runner = code == -signal.SIGKILL
        if not killed_runner:
            break
        assert start < MOST_STARTS - 1, "it never ended"
    told.lost, told.statuses, told.seconds = memory.lost, project.statuses(), time.monotonic() - began
    assert code in (0, 15), f"seed {seed}: the night gave {code}\n{project.log[-4000:]}"
    return told


def disturb(project: Project, process: subprocess.Popen[str], chance: random.Random, told: Told) -> int:
    """Kill somebody after a while; return the runner's exit code if it is over now, else wait for more."""
    while True:
        if chance.random() < 0.75:
            await_agent(project, process)
        try:
            return process.wait(timeout=chance.uniform(0.0, 1.5))
        except subprocess.TimeoutExpired:
            victim = chance.choice(VICTIMS)
        if not kill(project, process, victim):
            continue
        told.kills[victim] = told.kills.get(victim, 0) + 1
        if victim != "agent":
            return process.wait()
        if sum(told.kills.values()) >= 8:
            return process.wait(timeout=120)


def kill(project: Project, process: subprocess.Popen[str], victim: str) -> bool:
    """Kill; False where there was no agent to kill."""
    agent = living_agent(project) if victim != "runner" else None
    if victim == "agent" and agent is None:
        return False
    doomed = [agent] if agent else []
    if victim == "machine":
        with contextlib.suppress(AssertionError):  # killed before it hired one
            doomed.append(janitor_of(process))
    for pid in [*doomed, *([process.pid] if victim != "agent" else [])]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return True


def await_agent(project: Project, process: subprocess.Popen[str], seconds: float = 20) -> None:
    """Return once an agent is at work: on a busy machine most of a short night is its beginning."""
    end = time.monotonic() + seconds
    while process.poll() is None and living_agent(project) is None and time.monotonic() < end:
        time.sleep(0.05)


def living_agent(project: Project) -> int | None:
    """Return the pid of the agent that the journal says is at work, if it still is."""
    view = project.store.view()
    for session in view.sessions().values():
        for one in session.attempts:
            if one.ended is None and one.pid and host.process_start(one.pid) == one.process_start:
                return one.pid
    return None


def resume(project: Project) -> list[tuple[float, float]]:
    """Have a person resume by hand what died; return (its own time, processor seconds) where it could.

    While the janitor still ends what lives (11) the person tries again.
    """
    end = time.monotonic() + 30
    while True:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, "-m", "ovn.cli.main", "resume", "--json"],
            cwd=project.repo.path,
            env=project.environ(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode != 11 or time.monotonic() > end:
            break
    if done.returncode not in (0, 15):  # 15: the verdict is not resume's to carry out, but run's
        raise AssertionError(f"resume gave {done.returncode}: {done.stdout} {done.stderr}")
    found = json.loads(done.stdout)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return [(found["seconds"], used)] if found.get("session") else []
