"""Keeping the machine awake: stand-ins of the program that a machine with a seat has."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from ovn import host
from ovn.runner import awake

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def seat(tmp_path: Path):
    """Return ``seat(script)``: the environment of a machine whose systemd-inhibit does that."""

    def make(script: str) -> dict[str, str]:
        program = tmp_path / "systemd-inhibit"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}

    return make


HOLDING = 'echo "$@" > {0}/words; echo $$ > {0}/pid; while [ "$1" != cat ]; do shift; done; exec "$@"'


def test_it_holds_as_long_as_it_is_asked_to_and_says_why(seat, tmp_path: Path) -> None:
    environ = seat(HOLDING.format(tmp_path))
    with awake.kept(environ, "run x") as holds:
        assert holds
        pid = int((tmp_path / "pid").read_text())
        assert host.process_start(pid) is not None
    assert host.process_start(pid) is None
    words = "--what=sleep:idle --mode=block --who=git ovn --why=run x cat\n"
    assert (tmp_path / "words").read_text() == words


def test_it_ends_with_a_runner_that_is_killed(seat, tmp_path: Path) -> None:
    environ = seat(HOLDING.format(tmp_path))
    code = f"import time\nfrom ovn.runner import awake\nwith awake.kept({environ!r}, 'x'): time.sleep(60)"
    paths = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    runner = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, **paths})
    end = time.monotonic() + 15
    while not ((tmp_path / "pid").exists() and (tmp_path / "pid").read_text()) and time.monotonic() < end:
        time.sleep(0.01)
    runner.send_signal(signal.SIGKILL)
    runner.wait()
    pid = int((tmp_path / "pid").read_text())
    while host.process_start(pid) is not None and time.monotonic() < end:
        time.sleep(0.01)
    assert host.process_start(pid) is None


def test_a_refusal_is_known_at_once(seat) -> None:
    with awake.kept(seat("echo no bus >&2; exit 1"), "x") as holds:
        assert not holds


def test_a_machine_without_a_way_is_left_alone(tmp_path: Path) -> None:
    with awake.kept({"PATH": str(tmp_path)}, "x") as holds:
        assert not holds
