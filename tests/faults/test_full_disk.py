"""A disk that is really full, 0 to 100 KB free, or may not be written: a file system in memory."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from ..conftest import Repo  # noqa: TID252
from .harness import LONG, Acknowledged, check, mounted, needs_root

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Figures
    from .harness import Stable

pytestmark = [pytest.mark.slow, pytest.mark.root, needs_root()]

SIZES = range(0, 101, 1 if LONG else 8)
ACTS = ("verb checkpoint full", "step", "transact", "verb rollback base", "note")

LOOKING = ("status", "list", "log", "show base", "session list", "operations", "diff base base", "fsck")
WRITING = ("verb checkpoint x", "verb rollback base", "verb start --no-verify one", "transact", "note")


def test_at_every_size_of_free_space_a_verb_works_or_says_so(
    template: Path, stable: Stable, tmp_path: Path, figures: Figures
) -> None:
    """And once there is room again everything works, with all that was acknowledged."""
    done = refused = 0
    with mounted(tmp_path / "full", "-t", "tmpfs", "-o", "size=24m", "ovn-tests") as where:
        shutil.copytree(template, where / "repo", symlinks=True)
        repo = Repo(where / "repo")
        acked = Acknowledged()
        first = stable.start(repo.path, ["checkpoint base"])
        assert first.wait() == 0, first.said()
        acked.add(first)
        for free in SIZES:
            repo.write("work", os.urandom(3000))
            ballast = fill(where, free)
            workers = []
            for act in ACTS:
                worker = stable.start(repo.path, [act])
                code = worker.wait()
                words = (worker.complaints() + str(worker.said())).lower()
                assert code == 0 or (code == 128 and "no space left" in words), (free, act, code, words)
                done, refused = done + (code == 0), refused + (code != 0)
                workers.append(worker)
            ballast.unlink()
            after = stable.start(repo.path, ["verb checkpoint after", "step", "transact"])
            assert after.wait() == 0, (free, after.said(), after.complaints())
            for worker in (*workers, after):
                acked.add(worker)
        check(repo, acked, in_doubt=refused)
    figures(done=done, refused=refused)
    assert min(done, refused) >= 5, "the disk was never full, or always: this test shows nothing"


def fill(where: Path, kilobytes: int) -> Path:
    """Leave that much space; return the file that takes the rest."""
    ballast = where / "ballast"
    room = os.statvfs(where)
    with ballast.open("wb") as file:
        size = max(0, room.f_bavail * room.f_bsize - kilobytes * 1024)
        os.posix_fallocate(file.fileno(), 0, size)
    return ballast


def test_a_read_only_repository_can_be_looked_at_and_says_why_nothing_is_written(
    template: Path, stable: Stable, tmp_path: Path
) -> None:
    with mounted(tmp_path / "still", "-t", "tmpfs", "-o", "size=400m", "ovn-tests") as where:
        shutil.copytree(template, where / "repo", symlinks=True)
        repo = Repo(where / "repo")
        acked = Acknowledged()
        first = stable.start(repo.path, ["checkpoint base", "step"])
        assert first.wait() == 0, first.said()
        acked.add(first)
        subprocess.run(["mount", "-o", "remount,ro", where], check=True)
        for verb in LOOKING:
            looked = stable.start(repo.path, [f"verb {verb}"])
            assert looked.wait() == 0, (verb, looked.said(), looked.complaints())
        for act in (
            "verb checkpoint x",
            "verb rollback base",
            "verb start --no-verify one",
            "transact",
            "note",
        ):
            refused = stable.start(repo.path, [act])
            assert refused.wait() == 128, (act, refused.said(), refused.complaints())
            words = (refused.complaints() + str(refused.said())).lower()
            assert "read-only" in words, (act, words)
            assert "make the repository writable" in words, (act, words)
        subprocess.run(["mount", "-o", "remount,rw", where], check=True)
        after = stable.start(repo.path, ["verb checkpoint after", "step"])
        assert after.wait() == 0, (after.said(), after.complaints())
        check(repo, acked.add(after))
