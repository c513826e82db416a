"""Fixtures: programs run through both faces of a session, a clock that nobody waits for, and death.

A program is written once, as a coroutine function that takes a session. The asynchronous face
runs it in a loop; for the synchronous one ``Awaited`` gives its methods back as coroutines that
never suspend, so that the same text tests both.
"""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ovn.session import ending, opening
from ovn.session.asynchronous import DurableSession
from ovn.session.opening import Opening
from ovn.session.synchronous import SyncSession
from ovn.state.store import StateStore

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from ovn.git.locate import Location
    from ovn.session.core import Core

FACES = ("async", "sync")
WAITING = ("step", "execute_with_retry", "ask", "sleep_until", "wait_for")


class Clock:
    """A clock that stands still but for what is slept; every sleep is noted."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 22, 23, 0, tzinfo=UTC)
        self.slept: list[float] = []
        self.on_sleep: Callable[[], object] = lambda: None

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    def boottime(self) -> float:
        return self.moment.timestamp()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.moment += timedelta(seconds=seconds)
        self.on_sleep()


class Killed(BaseException):
    """The process died here, as far as the session can tell."""


class Awaited:
    """A synchronous session whose waiting methods are coroutines that never suspend."""

    def __init__(self, session: SyncSession) -> None:
        self._session = session

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._session, name)
        if name == "transaction":
            return lambda label: AwaitedTransaction(found(label))
        if name not in WAITING:
            return found

        async def wait(*args: Any, **kwargs: Any) -> Any:
            return found(*args, **kwargs)

        return wait


class AwaitedTransaction:
    def __init__(self, transaction: Any) -> None:
        self._transaction = transaction

    async def __aenter__(self) -> Any:
        return self._transaction.__enter__()

    async def __aexit__(self, *error: object) -> None:
        self._transaction.__exit__(*error)


def at_once(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Return what a coroutine gives that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it suspended")


class Runner:
    """Runs programs in sessions of one repository, through one face, and kills them where told."""

    def __init__(self, location: Location, face: str, clock: Clock) -> None:
        self.location = location
        self.face = face
        self.clock = clock
        self.core: Core | None = None

    def open_core(self, session: str = "s", **how: Any) -> Core:
        """Begin a session without a face, signals and pulse: for runs that are killed."""
        wish = Opening(session, repo=self.location.tree(), clock=self.clock, **how)
        self.core = opening.begin(wish)
        return self.core

    def run(self, program: Callable[[Any], Coroutine[Any, Any, Any]], session: str = "s", **how: Any) -> Any:
        """Run a program to its end, and return what it returned."""
        start = DurableSession.start(session, repo=self.location.tree(), clock=self.clock, **how)
        if self.face == "async":

            async def main() -> Any:
                async with start as durable:
                    return await program(durable)

            return asyncio.run(main())
        with start as durable:
            return at_once(program(Awaited(durable)))

    def run_killed(
        self,
        program: Callable[[Any], Coroutine[Any, Any, Any]],
        after: int,
        *,
        acknowledged: bool = True,
        session: str = "s",
    ) -> bool:
        """Run a program and kill it with its ``after``-th record; return whether it got that far.

        ``acknowledged``: the record is on disk, and nobody was told; else it is not even written.
        """
        core = self.open_core(session)
        real, left = core.store.record, after

        def record(*args: Any, **kwargs: Any) -> int:
            nonlocal left
            if left <= 0:
                raise Killed
            left -= 1
            if left == 0 and not acknowledged:
                raise Killed
            seq = real(*args, **kwargs)
            if left == 0:
                raise Killed
            return seq

        core.store.record = record  # type: ignore[method-assign]
        try:
            self._go(core, program)
        except Killed:
            self.die(core)
            return True
        core.store.record = real  # type: ignore[method-assign]
        ending.leave(core, None)
        return False

    def _go(self, core: Core, program: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
        if self.face == "async":

            async def main() -> Any:
                core.root = asyncio.current_task()
                return await program(DurableSession(core))

            return asyncio.run(main())
        core.root = threading.get_ident()
        return at_once(program(Awaited(SyncSession(core))))

    def die(self, core: Core | None = None) -> None:
        """Leave everything as a killed process would; only its leases look dead."""
        core = core or self.core
        assert core is not None
        store = StateStore.open(self.location)
        ending.release(_leases(store), core.id, self.location.worktree, core.feature)
        core.store.close()

    def store(self) -> StateStore:
        """Return the state as another process sees it."""
        return StateStore.open(self.location, self.clock)

    def records(self, kind: str | None = None, session: str = "s") -> list[dict[str, Any]]:
        """Return the data of a session's records, of one type or of all."""
        found = self.store().records(session)
        return [record["data"] for _, record in found if kind in (None, record["type"])]


def _leases(store: StateStore) -> Any:
    from ovn.leases import Leases

    return Leases(store)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ready(location: Location) -> Location:
    """Return a repository with a state branch."""
    store = StateStore.open(location)
    store.init("trading-bot")
    store.close()
    return location


@pytest.fixture(params=FACES)
def runner(ready: Location, clock: Clock, request: pytest.FixtureRequest) -> Runner:
    """Return what runs programs, once through each face."""
    return Runner(ready, request.param, clock)


@pytest.fixture
def top(ready: Location) -> Path:
    """Return the folder of the work tree."""
    return ready.tree()


class Calls:
    """Functions that note how often they ran."""

    def __init__(self) -> None:
        self.made: list[Any] = []

    def give(self, value: Any) -> Any:
        self.made.append(value)
        return value

    async def give_later(self, value: Any) -> Any:
        await asyncio.sleep(0)
        self.made.append(value)
        return value

    def fail(self, text: str = "boom") -> None:
        self.made.append(text)
        raise ValueError(text)


@pytest.fixture
def calls() -> Calls:
    return Calls()
