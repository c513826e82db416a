"""The peers, installed under ``.cache`` and run there; ``_peers.py`` is what runs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench._figures import note
from bench._ours import ROOT

if TYPE_CHECKING:
    from pathlib import Path

HOME = ROOT / ".cache" / "steps-peers"
NODE = ROOT / ".cache" / "steps-npm"
SERVER = NODE / "node_modules" / ".bin" / "restate-server"
PROGRAM = ROOT / "bench" / "_peers.py"
PYTHON = HOME / "bin" / "python"
WANTED = ("langgraph", "langgraph-checkpoint-sqlite", "dbos", "restate-sdk", "hypercorn")
FROM_NPM = "@restatedev/restate-server"
PATIENCE = 600.0


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer, and what a step of ours may cost of one of theirs."""

    name: str
    target: float

    @property
    def slug(self) -> str:
        return self.name.replace(", ", "-").replace(" ", "-").lower()


PEERS = (
    Peer("LangGraph, graph", 0.3),
    Peer("LangGraph, functional", 1.0),
    Peer("DBOS", 0.1),
    Peer("Restate server", 0.2),
)


@dataclass(frozen=True, slots=True)
class Resumed:
    """Seconds from the start of a process to its first new step; recorded steps that ran again."""

    seconds: float
    repeated: int


def installed() -> tuple[Peer, ...]:
    """Return the peers that are there, installing them when that was never done; say which are not."""
    if not PYTHON.exists():
        made = subprocess.run([sys.executable, "-m", "venv", str(HOME)], check=False).returncode == 0
        install = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *WANTED]
        if not made or subprocess.run(install, check=False).returncode:
            shutil.rmtree(HOME, ignore_errors=True)
            note("the peers could not be installed, and are not measured")
            return ()
    if SERVER.exists() or _from_npm():
        return PEERS
    return tuple(peer for peer in PEERS if peer.name != "Restate server")


def _from_npm() -> bool:
    """Install the Restate server; say why not."""
    if shutil.which("npm") is None:
        note("Restate server: not measured: there is no npm")
        return False
    NODE.mkdir(parents=True, exist_ok=True)
    command = ["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(NODE), FROM_NPM]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not SERVER.exists():
        why = (done.stderr.strip() or "nothing").splitlines()[-1]
        note(f"Restate server: not measured: npm says: {why}")
        return False
    return True


def seconds(peer: Peer, folder: Path, count: int) -> float | str:
    """Return the seconds that so many steps take, start-up left out; or why they were not measured."""
    process = _start(peer, folder, count)
    try:
        out, complaints = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return f"it took more than {PATIENCE:g} s"
    finally:
        _end(process)
    took = next((line for line in out.splitlines() if line.startswith("took")), None)
    return float(took.split()[1]) if took else (complaints.strip() or "it failed").splitlines()[-1]


def resume(peer: Peer, folder: Path, count: int) -> Resumed | str:
    """Kill a peer at half of its steps, start it again, and return when it came to a new step."""
    process = _start(peer, folder, count)
    began = time.monotonic()
    while process.poll() is None and _ran(folder) < count // 2 and time.monotonic() - began < PATIENCE:
        time.sleep(0.01)
    _end(process)
    before = _ran(folder)
    if before < count // 2:
        return "it did not come to its half"
    start = time.time()
    process = _start(peer, folder, count)
    try:
        out, complaints = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return f"it did not end within {PATIENCE:g} s"
    finally:
        _end(process)
    first = next((line for line in out.splitlines() if line.startswith("first")), None)
    if first is None or "took" not in out:
        return (complaints.strip() or "it failed").splitlines()[-1]
    # one step may have run and not been recorded when the kill came
    return Resumed(float(first.split()[1]) - start, max(_ran(folder) - count - 1, 0))


def _start(peer: Peer, folder: Path, count: int) -> subprocess.Popen[str]:
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        [str(PYTHON), str(PROGRAM), peer.name, str(count), str(folder)],
        env={**os.environ, "OVN_RESTATE_SERVER": str(SERVER)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        start_new_session=True,
    )


def _end(process: subprocess.Popen[str]) -> None:
    """End a peer and the server that it started, at once: they are one group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _ran(folder: Path) -> int:
    """Return how many steps ran so far."""
    try:
        return (folder / "marks").stat().st_size
    except FileNotFoundError:
        return 0
