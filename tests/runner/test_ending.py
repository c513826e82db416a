"""Ending what is ours, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ovn import host
from ovn.errors import NeedsPerson
from ovn.runner import ending

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN = f"run-ending-{os.getpid()}-x"
"""Marks are looked for on the whole machine: no other test, and nobody else's, may have the same."""

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(15, 1); signal.signal(2, 1); print(flush=True); time.sleep(60)",
]


@pytest.fixture
def start() -> Iterator:
    """Return a function that starts a process in a group of its own; all end with the test."""
    started = []

    def begin(command: list[str], run: str | None = None, **how) -> subprocess.Popen[bytes]:
        environ = {"PATH": os.environ["PATH"]} | ({"OVN_RUN_ID": run} if run else {})
        process = subprocess.Popen(command, env=environ, start_new_session=True, **how)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def recorded(process: subprocess.Popen[bytes], **changes) -> ending.Recorded:
    facts = {"pid": process.pid, "pgid": process.pid, "boot_id": host.boot_id()}
    return ending.Recorded(**{**facts, "process_start": host.process_start(process.pid), **changes})


def test_only_the_mark_of_this_very_run_counts(start) -> None:
    ours, other, prefix, none = (
        start(SLEEP, RUN),
        start(SLEEP, f"{RUN[:-1]}y"),
        start(SLEEP, f"{RUN}x"),
        start(SLEEP),
    )
    assert ending.end_marked(RUN) == 1
    assert ours.wait() == -signal.SIGTERM
    assert [process.poll() for process in (other, prefix, none)] == [None, None, None]


def test_a_stubborn_one_is_killed(start) -> None:
    process = start(STUBBORN, RUN, stdout=subprocess.PIPE)
    process.stdout.readline()
    steps = ((signal.SIGTERM, 0.2), (signal.SIGKILL, 5.0))
    assert ending.end_marked(RUN, steps=steps) == 1
    assert process.wait() == -signal.SIGKILL


def test_urgency_goes_to_the_last_step(start) -> None:
    process = start(STUBBORN, stdout=subprocess.PIPE)
    process.stdout.readline()
    assert ending.end_group(process.pid, urgent=lambda: True)
    assert process.wait() == -signal.SIGKILL


def test_a_recorded_group_is_ended_though_its_environment_was_scrubbed(start) -> None:
    process = start(SLEEP)
    assert ending.end_marked(RUN, [recorded(process)]) == 1
    assert process.wait() == -signal.SIGTERM


@pytest.mark.parametrize("changes", [{"process_start": "1"}, {"boot_id": "another"}])
def test_a_number_used_again_is_never_touched(start, changes) -> None:
    process = start(SLEEP)
    assert ending.end_marked(RUN, [recorded(process, **changes)]) == 0
    assert process.poll() is None


def test_an_unmarked_one_in_a_group_without_its_leader_is_named_not_killed(start) -> None:
    sleep = "[sys.executable, '-c', 'import time; time.sleep(60)']"
    code = f"import subprocess, sys; print(subprocess.Popen({sleep}).pid)"
    leader = start([sys.executable, "-c", code], stdout=subprocess.PIPE)
    facts = recorded(leader)
    child = int(leader.stdout.readline())
    leader.wait()
    with pytest.raises(NeedsPerson, match=f"{child} .*sleep") as error:
        ending.end_marked(RUN, [facts])
    assert error.value.facts["pids"] == [child]
    assert host.process_start(child) is not None
    os.kill(child, signal.SIGKILL)


def test_nobody_to_end_is_no_error() -> None:
    assert ending.end_marked(RUN, [ending.Recorded(2**22 + 1, 2**22 + 1, "1", host.boot_id())]) == 0


def test_this_process_is_never_its_own_victim(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "processes_with_environment", lambda mark: [os.getpid()])
    assert ending.marked(RUN) == []
