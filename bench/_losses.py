"""What is lost, and what is done twice: kills, power cuts, several writers at once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench._ours import repository, start

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

WRITERS = 8

TELLING = """
import os, sys
from ovn import DurableSession
log = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
ran = False
def work(number):
    global ran
    if not ran:
        print("first", flush=True)
    ran = True
    os.write(log, b"ran %d\\n" % number)
    return number
with DurableSession.start("s", repo=sys.argv[1]) as session:
    for number in range(10**9):
        session.step("work", work, number)
        if ran:
            os.write(log, b"told %d\\n" % number)
"""
"""Writes down, outside of the repository, which step ran and which was acknowledged."""

WRITING = """
import sys
from pathlib import Path
from ovn.clock import SYSTEM, rfc3339
from ovn.git.locate import locate
from ovn.model import records
from ovn.state.store import StateStore
store = StateStore.open(locate(Path(sys.argv[1])))
store.require_init()
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[3])):
    data = {"name": f"{sys.argv[2]}-{number}", "outcome": "done", "result": "x" * 200}
    store.record("s", records.make("step", data, at=rfc3339(SYSTEM.now()), by="python"))
store.close()
"""


@dataclass(frozen=True, slots=True)
class Losses:
    """Steps that were acknowledged, those of them that are gone, those that ran again."""

    acknowledged: int = 0
    lost: int = 0
    again: int = 0

    def __add__(self, other: Losses) -> Losses:
        return Losses(
            self.acknowledged + other.acknowledged, self.lost + other.lost, self.again + other.again
        )


def recorded(top: Path) -> set[object]:
    """Return the results of all recorded steps of the program."""
    from ovn.git.locate import locate
    from ovn.state.store import StateStore

    store = StateStore.open(locate(top))
    try:
        found = [record for _, record in store.records("s") if record["type"] == "step"]
    finally:
        store.close()
    return {record["data"]["result"] for record in found} | {record["data"]["name"] for record in found}


def judged(log: Path, known: set[object]) -> Losses:
    """Return what the program's own log says against what is recorded."""
    told: set[int] = set()
    again = 0
    for line in log.read_text().splitlines():
        word, number = line.split()
        if word == "told":
            told.add(int(number))
        else:
            again += int(number) in told
    return Losses(len(told), len(told - known), again)


def kills(place: Path, times: int, chance: random.Random) -> Losses:
    """Kill one program at random instants, so many times, and let it go on each time."""
    top, log = repository(place / "kills"), place / "kills.log"
    for _ in range(times):
        process = start(top, log, program=TELLING)
        process.stdout.readline()  # type: ignore[union-attr]  # its first new step
        time.sleep(chance.uniform(0, 0.2))
        process.kill()
        process.communicate()
    return judged(log, recorded(top))


def cuts(place: Path, times: int, chance: random.Random) -> Losses | str:
    """Cut the power of so many programs, each in a file system of its own; or say why not.

    A stopped program's disk, a file, is copied: what had not reached it is lost, as it would be
    without power.
    """
    if os.geteuid() != 0 or not shutil.which("mkfs.ext4"):
        return "needs root, to mount, and mkfs.ext4"
    template, total = repository(place / "template"), Losses()
    for number in range(times):
        disk, copy, log = (place / f"{number}.{what}" for what in ("disk", "cut", "log"))
        with disk.open("wb") as file:
            file.truncate(64 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", disk], check=True)
        try:
            with mounted(disk, place / f"{number}.mount") as where:
                shutil.copytree(template, where / "repo", symlinks=True)
                subprocess.run(["sync", "-f", where], check=True)
                process = start(where / "repo", log, program=TELLING)
                process.stdout.readline()  # type: ignore[union-attr]
                time.sleep(chance.uniform(0.05, 0.6))
                process.send_signal(signal.SIGSTOP)
                _await_stop(process.pid)
                subprocess.run(["cp", "--sparse=always", disk, copy], check=True)
                process.kill()
                process.communicate()
            with mounted(copy, place / f"{number}.mounted") as where:
                total += judged(log, recorded(where / "repo"))
        except subprocess.CalledProcessError as error:
            return f"cannot mount here: {error}"
        disk.unlink()
        copy.unlink()
    return total


def _await_stop(pid: int) -> None:
    """Return when every thread of a process is stopped: only then it acknowledges nothing more."""
    tasks = Path(f"/proc/{pid}/task")
    while any(b"State:\tT" not in (task / "status").read_bytes() for task in tasks.iterdir()):
        time.sleep(0.001)


@contextmanager
def mounted(disk: Path, where: Path) -> Iterator[Path]:
    """Mount a file system that is a file."""
    where.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", "loop", disk, where], check=True, capture_output=True)
    try:
        yield where
    finally:
        subprocess.run(["umount", "--lazy", where], check=True)  # whoever joins packs may still be there


def writers(place: Path, count: int) -> tuple[float, int]:
    """Return what a step costs with eight writers of one session against one, and how many are lost."""
    seconds, lost = [], 0
    for number in (1, WRITERS):
        top = repository(place / f"writers-{number}")
        share = count // number
        processes = [start(top, name, share, program=WRITING) for name in range(number)]
        for process in processes:
            process.stdout.readline()  # type: ignore[union-attr]
        began = time.perf_counter()
        for process in processes:
            process.stdin.write("go\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
        codes = [process.wait() for process in processes]
        seconds.append((time.perf_counter() - began) / (share * number))
        wanted = {f"{name}-{at}" for name in range(number) for at in range(share)}
        lost += len(wanted - recorded(top)) + sum(code != 0 for code in codes)
    return seconds[1] / seconds[0], lost
