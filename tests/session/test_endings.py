"""How a program leaves: what is flushed, what is owed, who may come after; and other versions."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
import warnings

import pytest

from ovn import DurableSession, VersionChanged, active
from ovn.errors import InvalidName, LeaseHeld, NoSpace, StaleLease, VersionMismatch
from ovn.leases import Leases


async def nothing(_session):
    """Do nothing."""


def test_it_gives_back_what_it_held_and_owes_its_handoff(runner, repo, ready):
    runner.run(nothing)
    assert repo.git("for-each-ref", "refs/ovn/lease/") == ""
    assert active.read(ready.local, "main") is None
    assert [debt.session for debt in active.debts(ready.local)] == ["s"]
    assert runner.store().pending() == {}
    assert runner.store().view().session("s").state == "active"


def test_coming_back_pays_the_debt(runner, ready):
    runner.run(nothing)
    seen = []

    async def look(_session):
        seen.extend(active.debts(ready.local))

    runner.run(look)
    assert seen == []


def test_an_error_is_told_in_the_state(runner):
    async def fails(_session):
        raise ValueError("no such\nmodel")

    with pytest.raises(ValueError, match="no such"):
        runner.run(fails)
    state = runner.store().view().session("s")
    assert (state.state, state.why) == ("crashed", "ValueError: no such model")


def test_a_session_begins_once(ready):
    start = DurableSession.start("s", repo=ready.tree())
    with start:
        pass
    with pytest.raises(RuntimeError, match="has begun already"), start:
        pass


# -- signals -------------------------------------------------------------------------------

PROGRAM = """
    import asyncio, os, sys, time
    from ovn import DurableSession, StateLayer

    def ready():
        print("ready", flush=True)

    async def asynchronous():
        async with DurableSession.start("s", repo=sys.argv[1]) as session:
            session.layer(StateLayer.TRANSIENT)["key"] = 7
            await session.step("one", ready)
            await session.step("two", asyncio.sleep, 60)

    def synchronous():
        with DurableSession.start("s", repo=sys.argv[1]) as session:
            session.layer(StateLayer.TRANSIENT)["key"] = 7
            session.step("one", ready)
            session.step("two", time.sleep, 60)

    asyncio.run(asynchronous()) if sys.argv[2] == "async" else synchronous()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_flushes_what_is_in_memory_and_gives_back_the_leases(runner, repo, number):
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), str(repo.path), runner.face],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout.readline() == b"ready\n"
    time.sleep(0.2)
    process.send_signal(number)
    assert process.wait(30) != 0
    process.stdout.close()
    view = runner.store().view()
    assert view.layer("s") == {"key": 7}
    assert repo.git("for-each-ref", "refs/ovn/lease/") == ""
    assert [one.get("outcome") for one in runner.records("step")][:1] == ["done"]

    async def program(session):
        await session.step("one", lambda: "not again")
        return await session.step("two", lambda: "this time")

    assert runner.run(program) == "this time"


def test_handlers_of_the_programs_own_stay(ready):
    seen = []
    before = signal.signal(signal.SIGTERM, lambda *_: seen.append("mine"))
    try:
        with DurableSession.start("s", repo=ready.tree()):
            os.kill(os.getpid(), signal.SIGTERM)
        assert seen == ["mine"]
    finally:
        signal.signal(signal.SIGTERM, before)
    with DurableSession.start("s", repo=ready.tree()):
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


# -- lost in the middle --------------------------------------------------------------------


def test_a_lease_lost_in_mid_step_stops_the_program_and_records_nothing(runner, ready, calls):
    def taken_over():
        store = runner.store()
        Leases(store).take("session", "s", "s", pid=os.getppid(), take_over=True)
        return calls.give("done")

    async def program(session):
        await session.step("before", calls.give, "before")
        try:
            await session.step("x", taken_over)
        except StaleLease:
            with pytest.raises(StaleLease):
                session.note("after")
            raise

    with pytest.raises(StaleLease, match="was taken over"):
        runner.run(program)
    assert [one["name"] for one in runner.records("step")] == ["before"]
    held = Leases(runner.store()).current("session", "s")
    assert held is not None  # the other's lease is not given back
    assert held.lease.holder.pid == os.getppid()


def test_a_full_disk_in_mid_append_stops_the_program_and_it_goes_on_later(runner, calls, monkeypatch):
    from ovn.state import journalfile

    real = journalfile.write_all
    full = []

    def write(fd, data, at):
        if full and b"unlucky" in bytes(data):
            raise OSError(28, "No space left on device")
        real(fd, data, at)

    monkeypatch.setattr(journalfile, "write_all", write)

    async def program(session):
        await session.step("lucky", calls.give, 1)
        full[:] = [] if calls.made.count(2) else [True]
        return await session.step("unlucky", calls.give, 2)

    with pytest.raises(NoSpace):
        runner.run(program)
    assert [one["name"] for one in runner.records("step")] == ["lucky"]
    assert runner.run(program) == 2
    assert runner.run(program) == 2
    assert calls.made == [1, 2, 2]  # it had not been acknowledged: at least once


def test_a_full_disk_while_folding_loses_nothing_and_stops_nobody(runner, calls, monkeypatch):
    from ovn.git import pack

    real, full = pack.store, []

    def store(*args, **kwargs):
        if full:
            raise NoSpace("no space left on device")
        return real(*args, **kwargs)

    monkeypatch.setattr(pack, "store", store)

    async def program(session):
        full.append(True)
        found = [await session.step("x", calls.give, n) for n in range(1100)]
        deferred.append(session._core.store.deferred)
        full.clear()
        return len(found)

    deferred: list = []
    assert runner.run(program) == 1100
    assert isinstance(deferred[0], NoSpace)
    assert len(runner.records("step")) == 1100
    assert runner.run(program) == 1100
    assert len(calls.made) == 1100


# -- versions ------------------------------------------------------------------------------


def test_another_version_is_never_silent(runner):
    assert runner.run(nothing, version="1") is None
    with pytest.warns(
        VersionChanged, match="recorded by version '1'.*resumed by version '2'.*session fork s"
    ):
        runner.run(nothing, version="2")
    assert runner.store().view().session("s").code == "2"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        runner.run(nothing, version="2")
        runner.run(nothing, version="3", on_version="resume")
        runner.run(nothing)
    assert runner.store().view().session("s").code == "3"


def test_another_version_may_be_refused(runner):
    runner.run(nothing, version="1")
    with pytest.raises(VersionMismatch) as caught:
        runner.run(nothing, version="2", on_version="refuse")
    assert "DurableSession.fork" in caught.value.hint
    assert runner.store().view().session("s").code == "1"


# -- for others ----------------------------------------------------------------------------


def test_the_beat_and_the_count_of_transient_are_left_for_others(ready, monkeypatch):
    from ovn import StateLayer
    from ovn.session import pulse
    from ovn.state import layers

    monkeypatch.setattr(pulse, "SECONDS", 0.02)
    with DurableSession.start("s", repo=ready.tree()) as session:
        session.layer(StateLayer.TRANSIENT)["key"] = 1
        before = active.last_beat(ready.local, "s")
        for _ in range(200):
            time.sleep(0.02)
            if layers.said(ready.local, "s") == 1 and active.last_beat(ready.local, "s") > before:
                break
        assert layers.said(ready.local, "s") == 1
        assert active.last_beat(ready.local, "s") > before
    assert layers.said(ready.local, "s") is None


def test_a_traceback_ends_with_what_to_do(ready):
    with pytest.raises(StaleLease) as raised, DurableSession.start("s", repo=ready.tree()):
        raise StaleLease("x", hint="do this")
    assert raised.value.__notes__ == ["hint: do this"]
    with pytest.raises(InvalidName) as refused:
        DurableSession.start("no name", repo=ready.tree())
    assert refused.value.__notes__ == [f"hint: {InvalidName.hint}"]
    with (
        DurableSession.start("s", repo=ready.tree()),
        pytest.raises(LeaseHeld) as held,
        DurableSession.start("t", repo=ready.tree()),
    ):
        pass
    assert held.value.__notes__


def test_a_session_that_has_not_begun_says_so(ready):
    with pytest.raises(AttributeError, match="the session has not begun: first"):
        DurableSession.start("s", repo=ready.tree()).step("one", int)
    with pytest.raises(AttributeError, match="nonsense"):
        DurableSession.start("s", repo=ready.tree()).nonsense  # noqa: B018
