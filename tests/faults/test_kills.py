"""Killed at random instants: nothing acknowledged is lost, and the next operation works."""

from __future__ import annotations

import os
import random
import signal
import time
from typing import TYPE_CHECKING

import pytest

from .harness import NEXT_OPERATION, Acknowledged, Agent, await_end_of, check, kill_marked, sized

if TYPE_CHECKING:
    from ..conftest import Repo  # noqa: TID252
    from .conftest import Figures
    from .harness import Stable, Worker

ACTS = ("checkpoint", "checkpoint", "automatic", "note", "step", "step", "transact", "fold")
WORKERS = 3


@pytest.mark.parametrize("kills", [8, pytest.param(sized(200, 1200), marks=pytest.mark.slow)])
def test_writers_killed_at_random_instants_lose_nothing(
    home: Repo, stable: Stable, kills: int, figures: Figures
) -> None:
    """Three writers and an agent that commits. Every other time their gits die with them."""
    chance = random.Random(kills)
    acked, agent = Acknowledged(), Agent(home)
    with agent.at_work():
        for number in range(kills):
            mark = f"OVN_FAULTS={home.path.parent.name}-{number}"
            env = dict([mark.split("=")])
            workers: list[Worker] = []
            for _ in range(WORKERS):
                group = workers[0].pid if workers else 0
                workers.append(stable.start(home.path, ACTS, forever=True, group=group, env=env))
            time.sleep(chance.uniform(0.02, 0.4))
            os.killpg(workers[0].pid, signal.SIGKILL)
            if number % 2:
                kill_marked(mark)
            for worker in workers:
                assert worker.wait() == -signal.SIGKILL, worker.complaints()
                acked.add(worker)
    await_end_of(mark)
    assert agent.failures == []
    assert agent.commits >= kills / 4
    started = time.monotonic()
    after = stable.start(home.path, ["checkpoint after"])
    assert after.wait() == 0, after.said()
    assert time.monotonic() - started < NEXT_OPERATION
    check(home, acked.add(after), in_doubt=kills * WORKERS)
    assert acked.bugs() == []
    figures(kills=kills, acknowledged=acked.total, commits=agent.commits, refused=len(acked.refused))
    assert acked.total >= kills, "almost nothing was acknowledged: this test shows nothing"
