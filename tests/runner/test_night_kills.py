"""A night killed at random instants, again and again, until it is through."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Project

LONG = os.environ.get("OVN_TEST_SIZE") == "long"
KILLS = 60 if LONG else 8


@pytest.mark.slow
def test_random_kills_cost_time_and_nothing_else(project: Project) -> None:
    """Runner and its group at once; every record that was readable stays, every feature is done."""
    project.configure(recovery={"max_restarts": 1000})
    for name in ("a", "b", "c"):
        project.feature(name)
    project.agent(
        'echo begun > $1.txt; git add .; git commit -qm "begin $1" || :\n'
        "sleep 0.2; echo half; echo half > $1.txt; sleep 0.2; echo good > $1.txt"
    )
    chance = random.Random(20260102)
    known: dict[str, int] = {}
    kills = 0
    while True:
        process = project.begin()
        try:
            code = process.wait(timeout=chance.uniform(0.3, 1.6) if kills < KILLS else 120)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
            for session in project.store.view().sessions(ended=True):
                numbers = [seq for seq, _ in project.store.records(session)]
                assert numbers == list(range(1, len(numbers) + 1))
                assert len(numbers) >= known.get(session, 0)
                known[session] = len(numbers)
            continue
        if code == 0:
            break
        pytest.fail(f"the night gave {code} after {kills} kills:\n{project.log[-3000:]}")
    assert kills >= min(KILLS, 3)
    assert project.statuses() == {"a": "done", "b": "done", "c": "done"}
    assert project.repo.git("status", "--porcelain") == ""
    project.check()
