"""Power cuts: what a disk holds right after an acknowledgement, mounted again.

The repository lies on a file system in a file. When a worker has acknowledged something it
stops, and the file is copied: what had not reached it is lost, as it would be without power.
"""

from __future__ import annotations

import random
import shutil
import subprocess
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from ..conftest import Repo  # noqa: TID252
from .harness import Acknowledged, check, mounted, needs_root, sized

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Figures
    from .harness import Stable, Worker

pytestmark = [pytest.mark.slow, pytest.mark.root, needs_root()]

FILE_SYSTEMS = {"ext4": (64, ["mkfs.ext4", "-q", "-F"]), "xfs": (320, ["mkfs.xfs", "-q", "-f"])}
"""Name -> size in MB, and the command that makes one."""

ACTS = ("checkpoint", "note", "step", "transact", "fold", "edit")
ENDS = ("checkpoint", "step", "transact", "note", "restore base", "rollback base")
"""What a round ends with; its acknowledgement is the last thing before the cut."""


@pytest.mark.parametrize("kind", FILE_SYSTEMS)
def test_what_was_acknowledged_survives_a_power_cut(
    template: Path, stable: Stable, tmp_path: Path, kind: str, figures: Figures
) -> None:
    megabytes, make = FILE_SYSTEMS[kind]
    if not shutil.which(make[0]):
        pytest.skip(f"needs {make[0]}")
    chance = random.Random(kind)
    survived = damaged = 0
    for number in range(sized(6, 20)):
        disk, copy = tmp_path / f"{number}.disk", tmp_path / f"{number}.cut"
        with disk.open("wb") as file:
            file.truncate(megabytes << 20)
        subprocess.run([*make, disk], check=True)
        acts = ["checkpoint base", "edit", *chance.choices(ACTS, k=6), "edit", ENDS[number % len(ENDS)]]
        with mounted(tmp_path / "mount", "-o", "loop", disk) as where:
            shutil.copytree(template, where / "repo", symlinks=True)
            subprocess.run(["sync", "-f", where], check=True)
            acked, before = play(stable, where / "repo", acts)
            subprocess.run(["cp", "--sparse=always", disk, copy], check=True)
        disk.unlink()
        with mounted(tmp_path / "mount", "-o", "loop", copy) as where:
            after = Repo(where / "repo")
            damaged += sum(path.stat().st_size == 0 for path in (after.path / ".git/objects").glob("??/*"))
            check(after, acked, power_cut=True)
            if acts[-1].startswith(("restore", "rollback")):
                assert files_of(after.path) == before
        copy.unlink()
        survived += acked.total
    figures(survived=survived, damaged=damaged)
    assert damaged, "the cuts took nothing away, not even what nobody synced: this test shows nothing"
    assert survived >= 4 * sized(6, 20), "almost nothing was acknowledged: this test shows nothing"


def play(stable: Stable, repo: Path, acts: list[str]) -> tuple[Acknowledged, dict[str, bytes]]:
    """Let a worker do the acts, with an agent's 'git add' before each; return what it said, stopped."""
    with ExitStack() as over:
        worker: Worker = stable.start(repo, acts, stops=True)
        over.callback(worker.wait)
        over.callback(worker.kill)
        for number in range(len(acts)):
            assert stable.ask({"stopped": worker.pid}) == 0, (worker.said(), worker.complaints())
            if number + 1 < len(acts):
                subprocess.run(["git", "add", "-A"], cwd=repo, check=True)
                worker.go_on()
        assert all(line.startswith(":ok") for line in worker.said()), worker.said()
        return Acknowledged().add(worker), files_of(repo)


def files_of(repo: Path) -> dict[str, bytes]:
    """Return the files of the work tree."""
    return {
        path.relative_to(repo).as_posix(): path.read_bytes()
        for path in repo.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(repo).parts
    }
