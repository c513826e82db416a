"""The leases of a shift are taken together or not at all, and given back together."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ovn import names
from ovn.errors import LeaseHeld
from ovn.leases import Leases
from ovn.shift import claims
from ovn.shift.claims import Wish
from ovn.state.store import StateStore


@pytest.fixture
def known(repo) -> Leases:
    store = StateStore.open(repo.location)
    store.init("demo")
    return Leases(store)


def held(known: Leases) -> list[tuple[str, str, str]]:
    return [(one.lease.kind, one.lease.name, one.lease.session) for one in known.all()]


def test_a_claim_takes_work_tree_session_and_feature(known):
    taken = claims.claim(known, Wish("a", "main", "parser", pid=os.getpid()))
    assert (taken.lease.kind, taken.lease.name) == ("session", "a")
    assert held(known) == [("feature", "parser", "a"), ("session", "a", "a"), ("worktree", "main", "a")]


def test_a_claim_that_cannot_have_all_leaves_nothing(known):
    claims.claim(known, Wish("a", "main", "parser", pid=os.getpid()))
    before = held(known)
    with pytest.raises(LeaseHeld, match="feature 'parser'"):
        claims.claim(known, Wish("b", "linked", "parser", pid=os.getpid()))
    assert held(known) == before


def test_what_is_left_to_the_shell_has_no_process_and_the_next_generation(known):
    wish = Wish("a", "main", pid=os.getpid())
    first = claims.claim(known, wish)
    then = claims.leave_to_shell(known, wish)
    assert then.generation == first.generation + 1
    assert {one.lease.holder.pid for one in known.all()} == {None}


def test_letting_go_leaves_what_is_another_s(known):
    claims.claim(known, Wish("a", "main", "parser", pid=os.getpid()))
    claims.claim(known, Wish("b", "linked", "printer", pid=os.getpid()))
    claims.let_go(known, "a")
    assert {session for _, _, session in held(known)} == {"b"}
    claims.let_go(known, "a")


PROGRAM = """
import sys
from pathlib import Path
from ovn.config import Config
from ovn.errors import LeaseHeld
from ovn.git.locate import locate
from ovn.shift.starting import Opening, start
from ovn.state.store import StateStore
try:
    start(StateStore.open(locate(Path(sys.argv[1]))), Config(), Opening(sys.argv[2]))
except LeaseHeld:
    sys.exit(11)
"""


def test_of_starts_at_the_same_time_one_wins(repo, known):
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    line = [sys.executable, "-c", PROGRAM, str(repo.path)]
    racing = [subprocess.Popen([*line, f"s-{number}"], env=environ) for number in range(4)]
    ended = sorted(one.wait(timeout=120) for one in racing)
    assert ended == [0, 11, 11, 11]
    store = StateStore.open(repo.location)
    (won,) = store.view().sessions().values()
    assert held(known) == [("session", won.id, won.id), ("worktree", "main", won.id)]
    assert repo.git("for-each-ref", names.LEASE_REFS, "--format=x").split() == ["x", "x"]
