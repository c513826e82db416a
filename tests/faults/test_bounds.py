"""Memory stays bounded however long a process goes on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .harness import Acknowledged, check, sized

if TYPE_CHECKING:
    from ..conftest import Repo  # noqa: TID252
    from .conftest import Figures
    from .harness import Stable

MEGABYTES = 200


@pytest.mark.slow
def test_one_process_takes_less_than_200_megabytes_for_all_its_work(
    home: Repo, stable: Stable, figures: Figures
) -> None:
    """Checkpoints, steps and notes in one process; it stops before its end, to be looked at."""
    rounds = sized(60, 2000)
    acts = ["edit", "checkpoint", "step", "step", "note", "fold"] * rounds
    worker = stable.start(home.path, [*acts, "pause"])
    assert stable.ask({"stopped": worker.pid}) == 0, worker.complaints()
    told = Path(f"/proc/{worker.pid}/status").read_text()
    peak = int(re.search(r"VmHWM:\s+(\d+) kB", told)[1]) / 1000
    worker.go_on()
    assert worker.wait() == 0, worker.complaints()
    acked = Acknowledged().add(worker)
    figures(checkpoints=len(acked.checkpoints), records=len(acked.names), peak_mb=peak)
    assert (len(acked.checkpoints), len(acked.names)) == (rounds, 3 * rounds)
    assert peak < MEGABYTES
    check(home, acked)
