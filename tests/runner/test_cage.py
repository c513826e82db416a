"""An attempt's cgroup: who is in it, and its end. Real ones, where the machine lets us have one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING

import pytest

from ovn import host
from ovn.runner import cage, ending
from ovn.runner.process import AgentProcess, Launch, Limits

if TYPE_CHECKING:
    from pathlib import Path

# sets itself apart in every way but one: session, group, environment, parent
DAEMON = """
import os, subprocess, sys
code = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(60)"
subprocess.Popen([sys.executable, "-c", code], env={}, start_new_session=True)
"""


@pytest.fixture
def caged(tmp_path: Path):
    """Return a sleeping process in a cgroup of its own, and the cgroup."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    made = cage.around(f"test-{os.getpid()}-{process.pid}", process.pid)
    if made is None:
        process.kill()
        process.wait()
        pytest.skip("this machine gives us no cgroup of version 2")
    yield process, made
    process.kill()
    process.wait()
    made.remove()


def test_what_a_process_starts_is_in_its_cgroup(caged) -> None:
    process, made = caged
    assert made.pids() == [process.pid]
    assert cage.of_process(process.pid) == made.path


def test_the_end_of_a_cgroup_is_the_end_of_all_in_it(caged) -> None:
    process, made = caged
    steps = ((signal.SIGTERM, 2.0), (signal.SIGKILL, 5.0))
    assert ending.end_cage(made, steps) == []
    assert process.wait() == -signal.SIGTERM
    assert made.remove()
    assert not made.path.exists()
    assert made.pids() == []
    made.kill()


def test_a_daemon_without_mark_group_or_parent_does_not_outlive_its_agent(tmp_path: Path) -> None:
    script = tmp_path / "agent.py"
    wait = "import time\nwhile not os.path.exists('pid') or not open('pid').read(): time.sleep(0.01)\n"
    script.write_text(textwrap.dedent(DAEMON) + wait)
    launch = Launch(
        (sys.executable, str(script)),
        tmp_path,
        {"PATH": os.environ["PATH"]},
        f"run-cage-{os.getpid()}",
        tmp_path / "log" / "a",
    )
    with AgentProcess(launch) as process:
        if process.cage is None:
            pytest.skip("this machine gives us no cgroup of version 2")
        process.open()
        outcome = process.watch(Limits())
        path = process.cage.path
    pid = int((tmp_path / "pid").read_text())
    end = time.monotonic() + 5
    while host.process_start(pid) is not None and time.monotonic() < end:
        time.sleep(0.01)
    assert host.process_start(pid) is None
    assert (outcome.exit_code, outcome.survivors) == (0, ())
    assert not path.exists()


def test_without_a_hierarchy_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cage, "_mount", lambda: None)
    assert cage.of_process(os.getpid()) is None
    assert cage._below_ours("ovn-x", os.getpid()) is None


def test_where_ours_may_not_be_written_there_is_none(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(cage, "of_process", lambda pid: tmp_path / "gone")
    assert cage._below_ours("ovn-x", os.getpid()) is None


def test_systemd_is_asked_for_a_scope_with_the_process(tmp_path: Path, monkeypatch) -> None:
    """A stand-in for busctl, which no test machine answers, notes what it was asked."""
    said = tmp_path / "said"
    (tmp_path / "busctl").write_text(f'#!/bin/sh\necho "$@" >> {said}\n')
    (tmp_path / "busctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    cage._user_systemd.cache_clear()
    scope = tmp_path / "app.slice" / "ovn-x.scope"
    monkeypatch.setattr(cage, "of_process", lambda pid: scope if pid == 77 else None)
    try:
        made = cage.around("x", 77)
    finally:
        cage._user_systemd.cache_clear()
    assert made is not None
    assert made.path == scope
    words = said.read_text().splitlines()[1].split()
    assert words[:2] == ["--user", "--quiet"]
    assert words[-10:] == "StartTransientUnit ssa(sv)a(sa(sv)) ovn-x.scope fail 1 PIDs au 1 77 0".split()


def test_what_a_killed_run_left_is_found_by_its_name(caged) -> None:
    process, made = caged
    run = made.path.name.removeprefix(cage.PREFIX).rsplit("-", 1)[0]
    assert [one.path for one in cage.left_of(run)] == [made.path]
    assert cage.left_of("another-run") == []
    ending.end_cage(cage.left_of(run)[0])
    assert process.wait() == -signal.SIGTERM
    assert made.remove()
    assert cage.left_of(run) == []
