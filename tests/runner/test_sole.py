"""One runner a work tree."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ovn.errors import LeaseHeld
from ovn.runner import sole

if TYPE_CHECKING:
    from pathlib import Path

HOLDER = """
import sys
from pathlib import Path
from ovn.runner import sole
with sole.held(Path("."), "main") as held:
    held.name("r-1")
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path):
    """Return a process that holds the work tree ``main`` for the run ``r-1``."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


def test_the_second_is_refused_and_told_who_holds_it(tmp_path: Path, holder) -> None:
    refusal = f"work tree 'main' is held by run 'r-1' .pid {holder.pid}."
    with pytest.raises(LeaseHeld, match=refusal) as error, sole.held(tmp_path, "main"):
        pass
    assert (error.value.exit_code, error.value.facts["pid"]) == (11, holder.pid)
    with sole.held(tmp_path, "other") as held:
        held.name("r-2")
        found = [(one.worktree, one.run) for one in sole.alive(tmp_path)]
        assert found == [
            ("main", "r-1"),
            ("other", "r-2"),
        ]


def test_kill_9_of_the_holder_frees_it(tmp_path: Path, holder) -> None:
    holder.kill()
    holder.wait()
    assert sole.alive(tmp_path) == []
    with sole.held(tmp_path, "main"):
        assert [one.pid for one in sole.alive(tmp_path)] == [os.getpid()]


def test_one_that_has_not_said_its_name_yet_holds_it_all_the_same(tmp_path: Path, holder) -> None:
    (tmp_path / "runner" / "main").write_bytes(b"")
    assert sole.alive(tmp_path) == []
    with pytest.raises(LeaseHeld, match="held by another run"), sole.held(tmp_path, "main"):
        pass


def test_where_nothing_ever_ran_nobody_is_alive(tmp_path: Path) -> None:
    assert sole.alive(tmp_path) == []
