"""The janitor: what a killed runner left is ended, what is not its own is not."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ovn import host, names
from ovn.clock import SYSTEM
from ovn.errors import LeaseHeld
from ovn.runner import janitor

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]

RUN = f"run-janitor-{os.getpid()}"
"""Marks are looked for on the whole machine: no other test, and nobody else's, may have the same."""

# A runner: hires a janitor, starts an agent that leaves in every way, and waits to be killed.
RUNNER = """
import os, sys, time
from pathlib import Path
from ovn.clock import SYSTEM
from ovn.runner.janitor import Janitor
from ovn.runner.process import AgentProcess, Launch, Limits
folder, run = Path(sys.argv[1]), sys.argv[2]
with Janitor(folder, "main", run, SYSTEM) as hired:
    (folder / "janitor-pid").write_text(str(hired.pid))
    launch = Launch((sys.executable, str(folder / "agent.py")), folder, dict(PATH=os.environ["PATH"]),
                    run, folder / "log" / "a.log")
    with AgentProcess(launch, tell=hired.tell) as process:
        process.open()
        process.watch(Limits())
"""

AGENT = """
import os, pathlib, subprocess, sys, time
code = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)"
subprocess.Popen([sys.executable, "-c", code, "child"])
subprocess.Popen([sys.executable, "-c", code, "daemon"], start_new_session=True)
pathlib.Path("scratch").write_text(os.environ["TMPDIR"])
time.sleep(60)
"""


def wait_for(path: Path, seconds: float = 15) -> str:
    end = time.monotonic() + seconds
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < end, f"{path} never came"
        time.sleep(0.01)
    return path.read_text()


def gone(pid: int, seconds: float = 15) -> bool:
    end = time.monotonic() + seconds
    while host.process_start(pid) is not None and time.monotonic() < end:
        time.sleep(0.01)
    return host.process_start(pid) is None


@pytest.fixture
def killed(tmp_path: Path):
    """Kill a runner whose agent is at work; return the folder with everybody's pids."""
    (tmp_path / "agent.py").write_text(AGENT)
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    runner = subprocess.Popen([sys.executable, "-c", RUNNER, str(tmp_path), RUN], env=environ)
    for name in ("janitor-pid", "child", "daemon", "scratch"):
        wait_for(tmp_path / name)
    runner.send_signal(signal.SIGKILL)
    runner.wait()
    return tmp_path


def test_nothing_of_a_killed_runner_lives_on_nor_does_the_janitor(killed: Path) -> None:
    """The child, which only lost its parent; a daemon in a session of its own; the folder."""
    bystander = subprocess.Popen(SLEEP, env={names.ENV_RUN: f"{RUN}x"})
    try:
        for name in ("child", "daemon", "janitor-pid"):
            assert gone(int((killed / name).read_text())), name
        assert not Path((killed / "scratch").read_text()).exists()
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_the_next_runner_of_the_tree_waits_for_the_janitor_of_the_last(killed: Path) -> None:
    with janitor.Janitor(killed, "main", RUN, SYSTEM):
        assert host.process_start(int((killed / "janitor-pid").read_text())) is None
        assert host.process_start(int((killed / "daemon").read_text())) is None


def test_one_that_never_ends_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(janitor, "PATIENCE", 0.05)
    (tmp_path / janitor.FOLDER).mkdir()
    with (tmp_path / janitor.FOLDER / "main").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(LeaseHeld, match="still being ended"):
            janitor.Janitor(tmp_path, "main", RUN, SYSTEM)
    with janitor.Janitor(tmp_path, "main", RUN, SYSTEM):
        pass


def test_a_night_that_ends_well_ends_nothing(tmp_path: Path) -> None:
    marked = subprocess.Popen(SLEEP, env={names.ENV_RUN: RUN})
    try:
        with janitor.Janitor(tmp_path, "main", RUN, SYSTEM) as hired:
            pid = hired.pid
        assert host.process_start(pid) is None
        assert marked.poll() is None
    finally:
        marked.kill()
        marked.wait()


def test_what_was_freed_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    told = [["scratch", str(tmp_path / "new")]]
    janitor.clean_up("run-of-nobody", told)
    assert ((tmp_path / "old").exists(), (tmp_path / "new").exists()) == (True, False)


def test_a_command_of_the_project_is_ended_with_its_runner(tmp_path: Path) -> None:
    command = subprocess.Popen(SLEEP, env={names.ENV_COMMAND: RUN}, start_new_session=True)
    while not host.processes_with_environment(f"{names.ENV_COMMAND}={RUN}"):
        time.sleep(0.01)  # the kernel shows its environment a little after it has become the program
    janitor.clean_up(RUN, [])
    assert command.wait() == -signal.SIGTERM


def test_a_janitor_that_was_killed_is_not_missed(tmp_path: Path) -> None:
    with janitor.Janitor(tmp_path, "main", RUN, SYSTEM) as hired:
        os.kill(hired.pid, signal.SIGKILL)
        assert gone(hired.pid)
        hired.tell("free")
