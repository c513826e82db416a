"""Packs are joined by one process at a time, never from the work tree's own modules."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ovn.state import rollup

if TYPE_CHECKING:
    import pytest

    from ovn.git.locate import Location
    from ovn.state.store import StateStore

    from ..conftest import Repo  # noqa: TID252
    from .conftest import Night


def test_it_is_due_when_there_are_many_packs_and_nobody_joins_them(
    location: Location, store: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not rollup.due(location)
    monkeypatch.setattr(rollup, "MOST", 0)
    assert rollup.due(location)
    fd = rollup._lock(location)
    assert fd is not None
    assert not rollup.due(location)
    assert rollup.main(str(location.git_dir)) == 0
    os.close(fd)
    assert rollup.due(location)


def test_it_is_not_due_before_there_is_a_pack(location: Location) -> None:
    assert not rollup.due(location)


def test_it_joins_and_everything_is_there(
    repo: Repo, location: Location, store: StateStore, night: Night
) -> None:
    for _ in range(3):
        store.record("s", night.state("waiting"))
    assert rollup.main(str(location.git_dir)) == 0
    assert len(list((repo.git_dir / "objects/pack").glob("*.pack"))) == 1
    assert len(list(store.records("s"))) == 3
    repo.fsck()


def test_a_package_in_the_work_tree_is_not_run(repo: Repo, store: StateStore, night: Night) -> None:
    """Somebody's repository has a folder 'ovn': it is theirs, and none of our code."""
    marker = repo.path / "ran"
    for name in ("__init__.py", "state/__init__.py", "state/rollup.py"):
        repo.write(f"ovn/{name}", f"open({str(marker)!r}, 'w')\n")
    child = rollup.start(repo.location)
    assert child.wait(60) == 0
    assert not marker.exists()
