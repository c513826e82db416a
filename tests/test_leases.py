"""Leases: who may work, who is dead, who is fenced off."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from ovn import active, host, leases, names
from ovn.clock import SYSTEM
from ovn.errors import InvalidName, LeaseHeld, StaleLease
from ovn.leases import Facts, Leases, is_dead
from ovn.model.documents import Holder, Lease
from ovn.state.store import StateStore

HERE = Holder("here", "boot-1", 42, "1000", "n")
LEASE = Lease(1, "worktree", "main", "session-001", 3, "2026-11-22T01:00:00.000Z", HERE)
FACTS = Facts(
    host="here", boot_id="boot-1", process_start="1000", beat=None, moved=0, now=100_000, max_idle=1800
)
DETACHED = replace(HERE, pid=None, process_start=None)
NOW = FACTS.now


@pytest.mark.parametrize(
    ("holder", "facts", "dead"),
    [
        (HERE, {}, False),
        (HERE, {"process_start": None}, True),
        (HERE, {"process_start": "1001"}, True),
        (HERE, {"boot_id": "boot-2"}, True),
        (replace(HERE, process_start=None), {"process_start": None}, True),
        (HERE, {"beat": 1.0}, False),
        (DETACHED, {"beat": NOW - 1799}, False),
        (DETACHED, {"beat": NOW - 1801}, True),
        (DETACHED, {"beat": NOW + 30}, False),
        (DETACHED, {"beat": NOW + 3600}, True),
        (DETACHED, {"moved": NOW - 10}, False),
        (DETACHED, {"moved": NOW - 1801}, True),
        (DETACHED, {"boot_id": "boot-2", "beat": NOW - 10}, False),
        (replace(HERE, host="there"), {"moved": NOW - 1799, "process_start": None}, False),
        (replace(HERE, host="there"), {"moved": NOW - 1801}, True),
        (replace(HERE, host="there"), {"moved": NOW + 7200}, False),
        (replace(HERE, host="there"), {"moved": NOW - 100, "max_idle": 1}, False),
        (replace(DETACHED, host="there"), {"moved": NOW - 1799, "beat": 0.0}, False),
    ],
    ids=[
        "a process that lives",
        "its pid is gone",
        "its pid is another process's",
        "the machine was started again",
        "a process that was gone when it was written down",
        "a process that lives and never beats",
        "a shell with a young beat",
        "a shell with an old beat",
        "a beat a little ahead of us",
        "a beat from the future",
        "a shell that has not beaten yet",
        "a shell that never beat",
        "a shell outlives a reboot",
        "another machine with a young heartbeat",
        "another machine with an old heartbeat",
        "another machine whose clock is ahead",
        "another machine is given three heartbeats at least",
        "a shell on another machine: our beats say nothing of it",
    ],
)
def test_who_is_dead(holder, facts, dead):
    assert is_dead(replace(LEASE, holder=holder), replace(FACTS, **facts)) is dead


class Stopped:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.moment = datetime.now(UTC)

    def now(self):
        return self.moment

    def sleep(self, seconds):
        self.moment += timedelta(seconds=seconds)

    monotonic = SYSTEM.monotonic
    boottime = SYSTEM.boottime


@pytest.fixture
def clock():
    return Stopped()


@pytest.fixture
def store(location, clock):
    return StateStore(location, clock)


@pytest.fixture
def held(store):
    return Leases(store)


@pytest.fixture
def gone():
    """The pid of a process that ended."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_a_free_lease_is_taken_and_given_back(held, repo):
    taken = held.take("worktree", "main", "session-001", pid=os.getpid(), run="20261122-abcd")
    assert (taken.generation, taken.lease.run) == (1, "20261122-abcd")
    assert held.current("worktree", "main") == taken
    assert held.all() == [taken]
    assert repo.git("log", "-1", "--format=%s", "refs/ovn/lease/worktree/main") == (
        "lease(session-001): worktree main, generation 1"
    )
    held.release(taken)
    assert held.current("worktree", "main") is None
    repo.fsck()


def test_the_document_in_the_ref_obeys_its_schema(held, repo):
    held.take("feature", "parser", "session-001", pid=None)
    document = json.loads(repo.git("cat-file", "blob", "refs/ovn/lease/feature/parser:lease.json"))
    assert document["holder"]["host"] == host.hostname()
    assert document["holder"]["pid"] is None
    assert document["version"] == 1


def test_the_second_is_told_who_and_since_when(held):
    first = held.take("worktree", "main", "session-001", pid=os.getpid())
    with pytest.raises(LeaseHeld) as refusal:
        held.take("worktree", "main", "session-002", pid=os.getpid())
    assert str(refusal.value) == (
        f"work tree 'main' is held by session 'session-001' (pid {os.getpid()} on '{host.hostname()}', "
        f"since {first.lease.taken})"
    )
    assert refusal.value.facts["holder"]["pid"] == os.getpid()
    assert refusal.value.facts["since"] == first.lease.taken
    assert refusal.value.exit_code == 11


def test_a_dead_holder_is_taken_over_at_once(held, gone):
    held.take("worktree", "main", "session-001", pid=gone)
    taken = held.take("worktree", "main", "session-002", pid=os.getpid())
    assert (taken.lease.session, taken.generation) == ("session-002", 2)


def test_a_shell_is_dead_when_it_was_silent_for_too_long(held, clock, location):
    held.take("worktree", "main", "session-001", pid=None)
    clock.sleep(60 * 29)
    with pytest.raises(LeaseHeld, match="a shell on"):
        held.take("worktree", "main", "session-002", pid=None)
    clock.sleep(60 * 2)
    assert held.take("worktree", "main", "session-002", pid=None).generation == 2


def test_a_beat_keeps_a_shell_alive(held, clock, location):
    held.take("worktree", "main", "session-001", pid=None)
    clock.sleep(60 * 31)
    beat = clock.now().timestamp() - 60
    os.utime(location.local / "beat" / "session-001", (beat, beat))
    with pytest.raises(LeaseHeld):
        held.take("worktree", "main", "session-002", pid=None)


def test_the_living_are_taken_over_only_when_asked(held):
    first = held.take("worktree", "main", "session-001", pid=os.getpid())
    second = held.take("worktree", "main", "session-002", pid=os.getpid(), take_over=True)
    assert second.generation == 2
    with pytest.raises(StaleLease, match="taken over by session 'session-002'"):
        held.check(first)
    with pytest.raises(StaleLease):
        held.release(first)
    with pytest.raises(StaleLease):
        held.renew(first)
    held.check(second)


def test_a_shell_joins_its_own_session_and_no_other(held):
    held.take("session", "session-001", "session-001", pid=None)
    with pytest.raises(LeaseHeld):
        held.take("session", "session-001", "session-002", pid=None, join=True)
    with pytest.raises(LeaseHeld):
        held.take("session", "session-001", "session-001", pid=None)
    assert held.take("session", "session-001", "session-001", pid=os.getpid(), join=True).generation == 2
    with pytest.raises(LeaseHeld):
        held.take("session", "session-001", "session-001", pid=None, join=True)


def test_renewing_moves_the_ref_and_keeps_the_generation(held, clock, location):
    first = held.take("worktree", "main", "session-001", pid=os.getpid())
    os.utime(location.local / "beat" / "session-001", (5, 5))
    clock.sleep(300)
    again = held.renew(first)
    assert (again.generation, again.lease.taken) == (first.generation, first.lease.taken)
    assert again.moved - first.moved == 300
    assert again.lease.holder.nonce != first.lease.holder.nonce
    assert active.last_beat(location.local, "session-001") > 5
    with pytest.raises(StaleLease):
        held.release(first)
    held.release(again)


def test_another_machine_s_lease_waits_for_its_heartbeat(held, store, clock, monkeypatch):
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(host, "hostname", lambda: "there")
        held.take("session", "session-001", "session-001", pid=1)
    clock.sleep(60 * 20)
    with pytest.raises(LeaseHeld, match="on 'there'"):
        held.take("session", "session-001", "session-001", pid=os.getpid())
    clock.sleep(60 * 20)
    assert held.take("session", "session-001", "session-001", pid=os.getpid()).generation == 2


def test_who_was_taken_over_is_refused_at_the_next_append(held, store):
    first = held.take("session", "session-001", "session-001", pid=None)
    journal = store.journal("session-001")
    journal.append(b"{}", first.generation)
    second = held.take("session", "session-001", "session-001", pid=None, take_over=True)
    with pytest.raises(StaleLease):
        journal.append(b"{}", first.generation)
    journal.append(b"{}", second.generation)
    assert len(journal.read().records) == 2


def test_the_work_tree_s_new_session_fences_off_the_old_one(held, store, gone):
    first = held.take("session", "session-001", "session-001", pid=gone)
    held.take("worktree", "main", "session-001", pid=gone)
    store.journal("session-001").append(b"{}", first.generation)
    held.take("worktree", "main", "session-002", pid=None)
    with pytest.raises(StaleLease):
        store.journal("session-001").append(b"{}", first.generation)
    assert active.fence_of(store.location.local, "session-001") == first.generation + 1
    again = held.take("session", "session-001", "session-001", pid=None)
    store.journal("session-001").append(b"{}", again.generation)


def test_a_generation_is_never_given_twice(held, store):
    first = held.take("session", "session-001", "session-001", pid=None)
    held.release(first)
    assert held.take("session", "session-001", "session-001", pid=None).generation == 2


def test_a_clone_begins_above_the_generation_of_the_session_document(held):
    assert held.take("session", "session-001", "session-001", pid=None, floor=7).generation == 8


@pytest.mark.parametrize("name", ["../x", "a b", "x.lock", ""])
def test_a_hostile_name_takes_nothing(held, name):
    with pytest.raises(InvalidName):
        held.take("feature", name, "session-001", pid=None)
    assert held.all() == []


def test_there_are_three_kinds(held):
    with pytest.raises(ValueError, match="no such kind"):
        held.take("branch", "main", "session-001", pid=None)


def test_a_lock_that_a_killed_process_left_is_in_nobody_s_way(held, location):
    folder = location.common_dir / "refs" / "ovn" / "lease" / "worktree"
    folder.mkdir(parents=True)
    (folder / "main.lock").write_text("")
    os.utime(folder / "main.lock", (5, 5))
    assert held.take("worktree", "main", "session-001", pid=None).generation == 1


def test_a_race_that_was_lost_is_told_as_held(held, monkeypatch):
    """Somebody without our lock (another machine on a shared disk) wins between write and read."""
    other = SimpleNamespace(done=False)
    original = held._swap

    def swap_and_lose(ref, lease, old):
        won = original(ref, lease, old)
        if not other.done:
            other.done = True
            now = held.current(lease.kind, lease.name)
            thief = replace(lease, session="thief", holder=replace(lease.holder, nonce="f" * 32))
            assert original(ref, thief, now)
        return won

    monkeypatch.setattr(held, "_swap", swap_and_lose)
    with pytest.raises(LeaseHeld, match="session 'thief'"):
        held.take("worktree", "main", "session-001", pid=None)


RACE = """
import os, sys
from pathlib import Path
from ovn.errors import LeaseHeld
from ovn.git.locate import locate
from ovn.leases import Leases
from ovn.state.store import StateStore
store = StateStore(locate(Path(sys.argv[1])))
sys.stdin.readline()
try:
    taken = Leases(store).take("worktree", "main", sys.argv[2], pid=os.getpid())
    print("won", taken.generation, flush=True)
    sys.stdin.readline()
except LeaseHeld:
    print("held", flush=True)
"""


def test_of_eight_starts_at_once_one_wins(repo, held):
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, str(repo.path), f"session-{number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(8)
    ]
    for racer in racers:
        racer.stdin.write("\n")
        racer.stdin.flush()
    said = [racer.stdout.readline().split() for racer in racers]
    assert sorted(words[0] for words in said) == ["held"] * 7 + ["won"]
    winner = next(number for number, words in enumerate(said) if words[0] == "won")
    now = held.current("worktree", "main")
    assert (now.lease.session, now.lease.holder.pid) == (f"session-{winner}", racers[winner].pid)
    for racer in racers:
        racer.communicate("\n")
    assert held.take("worktree", "main", "after", pid=None).generation == 2


def test_a_lease_outlives_gc_and_pack_refs(held, repo):
    taken = held.take("session", "session-001", "session-001", pid=None)
    repo.git("pack-refs", "--all", "--prune")
    repo.git("gc", "-q", "--prune=now")
    assert held.current("session", "session-001") == taken
    held.release(held.renew(taken))
    assert repo.git("for-each-ref", names.LEASE_REFS) == ""


def test_a_process_that_died_between_ref_and_fence_is_taken_over(repo, held, store):
    script = RACE.replace("sys.stdin.readline()", "").replace(
        '"worktree", "main"', '"session", "session-001"'
    )
    died = subprocess.run(
        [sys.executable, "-c", script, str(repo.path), "session-001"],
        env={**os.environ, "OVN_CRASH_POINT": "lease.after_take"},
        check=False,
    )
    assert died.returncode == -9
    assert leases.describe(held.current("session", "session-001")).startswith("session 'session-001' (pid ")
    assert held.take("session", "session-001", "session-001", pid=None).generation == 2
    assert store.journal("session-001").generation() == 2
