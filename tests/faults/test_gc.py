"""``git gc --prune=now`` in a loop beside checkpoints: none is ever corrupt."""

from __future__ import annotations

import subprocess
import threading
import time
from typing import TYPE_CHECKING

import pytest

from .harness import Acknowledged, check, sized

if TYPE_CHECKING:
    from ..conftest import Repo  # noqa: TID252
    from .conftest import Figures
    from .harness import Stable

SECONDS = 20.0
BUSY = ("gc is already running", "gc.pid.lock': File exists", "overnight/state.lock': File exists")
"""What git says when its turn has not come: the second while another is just taking the lock, the third
where a disk that others keep busy takes more than git's tenth of a second to sync a ref of ours."""


@pytest.mark.slow
def test_no_checkpoint_is_harmed_by_gc_in_a_loop(home: Repo, stable: Stable, figures: Figures) -> None:
    """Two writers of changed trees, and git throwing away whatever nobody refers to."""
    wanted, floor = sized(300, 3000), sized(40, 3000)
    acked, failures, collected = Acknowledged(), [], 0
    over = threading.Event()

    def collect() -> None:
        nonlocal collected
        while not over.is_set():
            line = ["git", "gc", "--prune=now", "--quiet"]
            done = subprocess.run(line, cwd=home.path, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                collected += 1
            elif not any(words in done.stderr for words in BUSY):
                failures.append(done.stderr)

    thread = threading.Thread(target=collect)
    thread.start()
    try:
        acts = ["edit", "checkpoint", "edit", "automatic"]
        writers = [stable.start(home.path, acts, forever=True) for _ in range(2)]
        deadline = time.monotonic() + (SECONDS if floor < wanted else 3600)
        while time.monotonic() < deadline and sum(len(one.said()) for one in writers) < 2 * wanted:
            time.sleep(0.1)
        for one in writers:
            one.kill()
            one.wait()
            acked.add(one)
    finally:
        over.set()
        thread.join()
    assert failures == []
    assert acked.refused == []
    figures(checkpoints=len(acked.checkpoints), collected=collected)
    check(home, acked, in_doubt=4)
    home.git("gc", "--prune=now", "--quiet")
    home.fsck()
    assert collected >= 5
    assert len(acked.checkpoints) >= floor, "too few checkpoints were taken: this test shows nothing"
