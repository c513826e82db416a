"""``git ovn gc`` forgets what nobody will miss, and says what."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ovn import checkpoints, operations
from ovn.checkpoints import Request
from ovn.operations import Order
from ovn.state.store import StateStore

if TYPE_CHECKING:
    from conftest import Repo


@pytest.fixture
def store(repo: Repo) -> StateStore:
    """A repository that keeps two automatic checkpoints."""
    store = StateStore.open(repo.location)
    store.init("a project")
    repo.write(".overnight/config.yaml", "checkpoints: {keep: 2}\n")
    for number in range(6):
        repo.write("README", f"{number}\n")
        checkpoints.take(store, Request("s1", "named" if number == 1 else None, kind="automatic"))
    return store


def gc(repo: Repo, *more: str) -> dict[str, object]:
    command = [sys.executable, "-m", "ovn", "gc", "--json", *more]
    done = subprocess.run(command, cwd=repo.path, capture_output=True, check=True)
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def test_a_dry_run_forgets_nothing(repo: Repo, store: StateStore) -> None:
    """And names what would go."""
    before = repo.git("for-each-ref")
    assert gc(repo, "--dry-run")["forgotten"] == ["s1/0004", "s1/0003", "s1/0001"]
    assert repo.git("for-each-ref") == before


def test_named_newest_and_needed_ones_stay(repo: Repo, store: StateStore) -> None:
    """What undo goes back to is needed; git is content afterwards and the session goes on counting."""
    target = checkpoints.found(store)[0]
    done = operations.restore(store, Order("restore", "s1"), target).operation
    assert done is not None
    checkpoints.take(store, Request("s1", kind="automatic"))
    checkpoints.take(store, Request("s1", kind="automatic"))
    gc(repo)
    left = [one.id for one in checkpoints.found(StateStore.open(repo.location))]
    assert left == ["s1/0002", "s1/0007", "s1/0008", "s1/0009"]
    repo.git("gc", "-q", "--prune=now")
    repo.fsck()
    again = StateStore.open(repo.location)
    operations.undo(again, Order("undo", "s1"), None)
    assert repo.read("README") == b"5\n"
    gc(repo)
    assert gc(repo)["forgotten"] == []
