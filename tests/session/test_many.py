"""Many steps in one session: what each costs does not grow, and the program goes on in their midst."""

from __future__ import annotations

import itertools
import os
import statistics
import time
from typing import TYPE_CHECKING

import pytest

from ovn import DurableSession
from ovn.state.store import StateStore

if TYPE_CHECKING:
    from ovn.git.locate import Location

LONG = os.environ.get("OVN_TEST_SIZE") == "long"
STEPS = 1_000_000 if LONG else 5000
BLOCK = STEPS // 20


@pytest.mark.slow
def test_the_last_of_very_many_steps_costs_what_the_first_did_and_all_are_there(ready: Location) -> None:
    """The costs are printed (``./dev soak`` shows them): a machine shared with others proves nothing."""
    ran, blocks = 0, []

    def work(number: int) -> str:
        nonlocal ran
        ran += 1
        return f"{number:0200}"

    for until in (STEPS // 2, STEPS):
        begun = time.process_time()
        with DurableSession.start("s", repo=ready.tree()) as session:
            for number in range(until):
                if number == until - STEPS // 2:
                    print(
                        f"{number:,} steps replayed with {time.process_time() - begun:.1f} s of the processor"
                    )
                if number % BLOCK == 0:
                    blocks.append((number, time.process_time()))
                assert session.step("work", work, number).endswith(str(number))
            blocks.append((until, time.process_time()))
    assert ran == STEPS
    costs = [
        (second[1] - first[1]) / BLOCK * 1e3
        for first, second in itertools.pairwise(blocks)
        if second[0] > first[0]
    ]
    new = costs[:10] + costs[-10:]
    middle = statistics.median
    print(
        f"{STEPS:,} steps: {middle(new[:10]):.3f} ms of the processor each, at the end {middle(new[10:]):.3f}"
    )
    store = StateStore.open(ready)
    numbers = [seq for seq, record in store.replay("s") if record["type"] == "step"]
    store.close()
    assert len(numbers) == STEPS
    assert numbers == sorted(set(numbers))
