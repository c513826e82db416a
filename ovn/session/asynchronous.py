"""The asynchronous face: ``async with DurableSession.start(...) as session``."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ovn import names, trace
from ovn.clock import SYSTEM
from ovn.session import base, retry, running, verbs, waiting
from ovn.session.base import BaseSession
from ovn.session.calls import STEP
from ovn.session.effects import CURRENT, Forever, Invoke, Pause, Work
from ovn.session.hints import hinting
from ovn.session.opening import Opening
from ovn.session.transactions import Transaction

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Coroutine, Generator, Sequence
    from datetime import timedelta
    from types import TracebackType

    from ovn.clock import Clock
    from ovn.session.effects import Effect
    from ovn.session.forking import Fork
    from ovn.session.opening import Durability, OnVersion
    from ovn.session.retry import Backoff, RetryPolicy
    from ovn.session.running import Semantics
    from ovn.session.starting import Starting
    from ovn.session.waiting import Moment


class DurableSession(BaseSession):
    """A program's session whose steps are awaited. Made by ``start``, not by its constructor."""

    @classmethod
    def start(
        cls,
        session_id: str,
        *,
        repo: str | os.PathLike[str] = ".",
        goal: str | None = None,
        feature: str | None = None,
        durability: Durability = "sync",
        version: str | None = None,
        on_version: OnVersion = "warn",
        retry_failed: bool = False,
        clock: Clock = SYSTEM,
    ) -> Starting:
        """Return what ``async with`` and ``with`` begin the session by, or go on with it.

        What is recorded returns its result and is not run again. ``goal`` and ``feature`` are
        for a new session; ``durability`` is ``sync`` (a result is on disk when the program
        gets it) or ``batched`` (within the next 10 s or 1,000 records). ``version`` is the
        program's, and ``on_version`` says what to do where another one recorded the session:
        ``warn``, ``resume``, ``refuse``. ``retry_failed`` makes the last recorded call again if
        it failed. ``clock`` is for tests.

        Entering raises LeaseHeld with who holds it and since when, NotInitialised, Refused for a
        session that is over, VersionMismatch. It never changes files.
        """
        from ovn.session.starting import Starting

        with hinting():
            wish = Opening(
                session_id,
                repo=repo,
                goal=goal,
                feature=feature,
                durability=durability,
                version=version,
                on_version=on_version,
                retry_failed=retry_failed,
                clock=clock,
            )
        return Starting(wish)

    @staticmethod
    def fork(
        source: str,
        *,
        repo: str | os.PathLike[str] = ".",
        at: str | None = None,
        new: str | None = None,
        worktree: str | os.PathLike[str] | None = None,
    ) -> Fork:
        """Make a new session with the history of ``source`` up to a point, and return where it is.

        ``at`` is a checkpoint or a step (``name``, ``name#2``, or its key); by default the
        end. Its files are in a new linked work tree on a new branch: start it there, with
        ``repo=fork.worktree``. The original stays as it is. Raises NotFound, Refused.
        """
        from ovn.git.locate import locate
        from ovn.session.forking import fork
        from ovn.state.store import StateStore

        store = StateStore.open(locate(Path(repo)))
        try:
            folder = Path(worktree) if worktree is not None else None
            return fork(store, source, at=at, new=new, worktree=folder, by="python")
        finally:
            store.close()

    def step(
        self,
        name: str,
        fn: Callable[..., Any],
        /,
        *args: Any,
        key: str | None = None,
        snapshot: bool = False,
        semantics: Semantics = "at_least_once",
        **kwargs: Any,
    ) -> Coroutine[Any, Any, Any]:
        """Run ``fn`` once and record its result; awaited again, in a later run, give that result.

        ``fn`` may be a coroutine function. ``key`` names the step where its order is not fixed;
        ``snapshot`` makes result and changed files one; ``semantics="at_most_once"`` records
        the start first, and a half done one raises StepInterrupted.
        """
        way = running.PLAIN
        if snapshot or semantics != "at_least_once":
            way = running.Way(snapshot, semantics)
        base.check_function(fn)
        call, past = self._core.request(STEP, verbs.line(name, "name of a step"), key)
        if past is not None and past.outcome == "done" and way is running.PLAIN:
            return _given(self._core.value(call, past))
        return self._drive(running.step(self._core, call, past, Work(fn, args, kwargs), way))

    def execute_with_retry(
        self,
        fn: Callable[..., Any],
        /,
        *args: Any,
        max_retries: int = 3,
        backoff: Backoff | RetryPolicy = "exponential",
        timeout: float | None = None,
        non_retryable: tuple[type[BaseException], ...] = (),
        name: str | None = None,
        key: str | None = None,
    ) -> Coroutine[Any, Any, Any]:
        """Run ``fn`` until it succeeds, at most ``1 + max_retries`` times, as one step.

        Attempts are recorded before they run, waits go on after a restart. Raises the last
        error, with a line for each attempt in its notes. ``timeout`` bounds one attempt: a
        coroutine is cancelled, a plain function goes on in its thread and is not listened to.
        """
        rules = retry.policy(backoff, max_retries=max_retries, timeout=timeout, non_retryable=non_retryable)
        base.check_function(fn)
        called = verbs.line(name or base.name_of(fn), "name of a step")
        call, past = self._core.request("retry", called, key)
        return self._drive(running.retried(self._core, call, past, Work(fn, args), rules))

    def transaction(self, label: str) -> AsyncTransaction:
        """Return a transaction to ``async with``: on an error everything is as before it."""
        return AsyncTransaction(self, Transaction(self._core, label))

    def ask(
        self,
        question: str,
        options: Sequence[str] | None = None,
        timeout: float | timedelta | None = None,
        *,
        default: str | None = None,
    ) -> Coroutine[Any, Any, str]:
        """Ask a person and return the answer (``git ovn questions``, ``git ovn answer``).

        After ``timeout`` (seconds) the default is the answer; without one raises TimeoutError.
        """
        asked = waiting.Asked(question, options, timeout, default)
        core = self._core
        call, past = core.request("ask", "ask")
        return self._drive(running.once(core, call, past, lambda: waiting.ask(core, call, past, asked)))

    def sleep_until(self, when: Moment) -> Coroutine[Any, Any, None]:
        """Wait until a moment (or that many seconds from the first time on), across restarts."""
        core = self._core
        call, past = core.request("sleep", "sleep")
        return self._drive(running.once(core, call, past, lambda: waiting.sleep(core, call, past, when)))

    def wait_for(self, signal: str, timeout: float | timedelta | None = None) -> Coroutine[Any, Any, Any]:
        """Wait for ``git ovn signal SESSION NAME [JSON]`` and return what it carries.

        Each signal wakes one call, in order, also one sent before. Raises TimeoutError.
        """
        core = self._core
        call, past = core.request("wait_for", names.check_name(signal, "signal"))
        return self._drive(
            running.once(core, call, past, lambda: waiting.wait_for(core, call, past, timeout))
        )

    # -- carrying out ------------------------------------------------------------------------

    async def _drive(self, procedure: Generator[Effect, Any, Any]) -> Any:
        """Go through a procedure of the core, awaiting what it asks for."""
        try:
            effect = next(procedure)
            while True:
                try:
                    given = await self._carry_out(effect)
                except BaseException as error:  # noqa: BLE001 - the procedure decides what it means
                    effect = procedure.throw(error)
                else:
                    effect = procedure.send(given)
        except StopIteration as end:
            return end.value

    async def _carry_out(self, effect: Effect) -> Any:
        if isinstance(effect, Invoke):
            return await _invoke(effect)
        if isinstance(effect, Pause):
            return await _pause(self._core.clock, effect.seconds)
        return await _forever(effect)


class AsyncTransaction:
    """A transaction that is entered and left by ``async with``."""

    def __init__(self, session: DurableSession, transaction: Transaction) -> None:
        self._session = session
        self._transaction = transaction

    async def __aenter__(self) -> Transaction:
        self._transaction.begin()
        return self._transaction

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._session._drive(self._transaction.end(error))  # noqa: SLF001 - its other half


async def _given(value: Any) -> Any:
    return value


async def _invoke(effect: Invoke) -> Any:
    step = effect.step
    token = CURRENT.set(step)
    told = trace.enter(session=step.session, attempt=step.attempt, step=step.name)
    try:
        work = effect.work
        if effect.timeout is None:
            found = work.function(*work.args, **work.kwargs)
            return await found if inspect.isawaitable(found) else found
        import asyncio  # here and below: this module is loaded by synchronous programs too

        async with asyncio.timeout(effect.timeout):
            if inspect.iscoroutinefunction(work.function):
                return await work.function(*work.args, **work.kwargs)
            found = await asyncio.to_thread(work.function, *work.args, **work.kwargs)
            return await found if inspect.isawaitable(found) else found
    finally:
        trace.leave(told)
        CURRENT.reset(token)


async def _pause(clock: Clock, seconds: float) -> None:
    import asyncio

    if clock is SYSTEM:
        await asyncio.sleep(seconds)
        return
    clock.sleep(seconds)
    await asyncio.sleep(0)


async def _forever(effect: Forever) -> None:
    import asyncio

    loop = asyncio.get_running_loop()
    try:
        await loop.create_future()
    except asyncio.CancelledError as error:
        error.add_note(f"{effect.call} was cancelled in an earlier run too")
        raise
