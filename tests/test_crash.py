"""Crash points: off unless armed, and then exactly what was asked for."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ovn import crash, names

PACKAGE = Path(crash.__file__).resolve().parent
SCRIPT = """
from ovn.crash import crash_point
for turn in range(1, 4):
    print(turn, flush=True)
    crash_point("other.point")
    crash_point("fold.before_ref")
"""


def reach(armed: str) -> subprocess.CompletedProcess[str]:
    """Run a program that comes by ``fold.before_ref`` three times."""
    environ = {**os.environ, names.ENV_CRASH: armed}
    return subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, env=environ, check=False
    )


@pytest.mark.parametrize(
    ("armed", "code", "turns"),
    [
        ("", 0, 3),
        ("fold.after_ref", 0, 3),
        ("fold.before", 0, 3),
        ("fold.before_ref", -9, 1),
        ("fold.before_ref@2", -9, 2),
        ("fold.before_ref@4", 0, 3),
        ("fold.before_ref:raise", 1, 1),
        ("fold.before_ref:raise@3", 1, 3),
        ("fold.before_ref:enospc", 1, 1),
    ],
)
def test_an_armed_point_ends_the_process_at_its_turn(armed, code, turns):
    done = reach(armed)
    assert (done.returncode, done.stdout.split()) == (code, ["1", "2", "3"][:turns])


def test_it_raises_what_was_asked_for():
    assert "RuntimeError: crash point fold.before_ref" in reach("fold.before_ref:raise").stderr
    assert "OSError: [Errno 28] No space left on device" in reach("fold.before_ref:enospc").stderr


def test_points_are_described_in_the_house_style():
    for name, what in crash.POINTS.items():
        assert re.fullmatch(r"[a-z]+\.[a-z_]+", name)
        assert what[0].islower()
        assert not what.endswith(".")


def test_only_points_of_the_table_are_in_the_code():
    """A misspelt point would be armed by no test."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        found |= set(re.findall(r'crash_point\(\s*"([^"]+)"', path.read_text()))
    assert found <= set(crash.POINTS)
