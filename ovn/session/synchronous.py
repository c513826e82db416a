"""The synchronous face: ``with DurableSession.start(...) as session``. The same without ``await``."""

from __future__ import annotations

import contextvars
import inspect
import threading
from types import GeneratorType
from typing import TYPE_CHECKING, Any

from ovn import names, trace
from ovn.session import base, retry, running, verbs, waiting
from ovn.session.base import BaseSession
from ovn.session.calls import STEP
from ovn.session.effects import CURRENT, Forever, Invoke, Pause, Work
from ovn.session.transactions import Transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from datetime import timedelta
    from types import TracebackType

    from ovn.session.effects import Effect
    from ovn.session.retry import Backoff, RetryPolicy
    from ovn.session.running import Semantics
    from ovn.session.waiting import Moment


class SyncSession(BaseSession):
    """A program's session whose steps block. ``fn`` may still be a coroutine function."""

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
    ) -> Any:
        """Run ``fn`` once and record its result; see ``DurableSession.step``."""
        way = running.PLAIN
        if snapshot or semantics != "at_least_once":
            way = running.Way(snapshot, semantics)
        base.check_function(fn)
        call, past = self._core.request(STEP, verbs.line(name, "name of a step"), key)
        if way is running.PLAIN:
            if past is None:
                return running.at_once(self._core, call, Work(fn, args, kwargs), _invoke)
            if past.outcome == "done":
                return self._core.value(call, past)
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
    ) -> Any:
        """Run ``fn`` until it succeeds; see ``DurableSession.execute_with_retry``."""
        rules = retry.policy(backoff, max_retries=max_retries, timeout=timeout, non_retryable=non_retryable)
        base.check_function(fn)
        called = verbs.line(name or base.name_of(fn), "name of a step")
        call, past = self._core.request("retry", called, key)
        return self._drive(running.retried(self._core, call, past, Work(fn, args), rules))

    def transaction(self, label: str) -> SyncTransaction:
        """Return a transaction to use by ``with``: on an error everything is as before it."""
        return SyncTransaction(self, Transaction(self._core, label))

    def ask(
        self,
        question: str,
        options: Sequence[str] | None = None,
        timeout: float | timedelta | None = None,
        *,
        default: str | None = None,
    ) -> str:
        """Ask a person and return the answer; see ``DurableSession.ask``."""
        asked = waiting.Asked(question, options, timeout, default)
        core = self._core
        call, past = core.request("ask", "ask")
        answer = self._drive(running.once(core, call, past, lambda: waiting.ask(core, call, past, asked)))
        return str(answer)

    def sleep_until(self, when: Moment) -> None:
        """Wait until a moment; see ``DurableSession.sleep_until``."""
        core = self._core
        call, past = core.request("sleep", "sleep")
        self._drive(running.once(core, call, past, lambda: waiting.sleep(core, call, past, when)))

    def wait_for(self, signal: str, timeout: float | timedelta | None = None) -> Any:
        """Wait for a signal and return what it carries; see ``DurableSession.wait_for``."""
        core = self._core
        call, past = core.request("wait_for", names.check_name(signal, "signal"))
        return self._drive(
            running.once(core, call, past, lambda: waiting.wait_for(core, call, past, timeout))
        )

    # -- carrying out ------------------------------------------------------------------------

    def _drive(self, procedure: Generator[Effect, Any, Any]) -> Any:
        """Go through a procedure of the core, doing what it asks for."""
        try:
            effect = next(procedure)
            while True:
                try:
                    given = self._carry_out(effect)
                except BaseException as error:  # noqa: BLE001 - the procedure decides what it means
                    effect = procedure.throw(error)
                else:
                    effect = procedure.send(given)
        except StopIteration as end:
            return end.value

    def _carry_out(self, effect: Effect) -> Any:
        if isinstance(effect, Invoke):
            return _invoke(effect)
        if isinstance(effect, Pause):
            return self._core.clock.sleep(effect.seconds)
        return _cancel(effect)


class SyncTransaction:
    """A transaction that is entered and left by ``with``."""

    def __init__(self, session: SyncSession, transaction: Transaction) -> None:
        self._session = session
        self._transaction = transaction

    def __enter__(self) -> Transaction:
        self._transaction.begin()
        return self._transaction

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._session._drive(self._transaction.end(error))  # noqa: SLF001 - its other half


def _invoke(effect: Invoke) -> Any:
    step = effect.step
    token = CURRENT.set(step)
    told = trace.enter(session=step.session, attempt=step.attempt, step=step.name)
    try:
        if effect.timeout is None:
            return _called(effect)
        return _bounded(effect, effect.timeout)
    finally:
        trace.leave(told)
        CURRENT.reset(token)


def _called(effect: Invoke) -> Any:
    work = effect.work
    found = work.function(*work.args, **work.kwargs)
    if not hasattr(found, "__await__") and not isinstance(found, GeneratorType):
        return found  # nearly all: to ask ``inspect`` takes as long as to run them
    return _waited_for(found) if inspect.isawaitable(found) else found


def _waited_for(found: Any, seconds: float | None = None) -> Any:
    """Return what an awaitable gives; it is cancelled after so many seconds."""
    import asyncio  # here and below: a program without coroutines does not pay for it

    async def wait() -> Any:
        return await asyncio.wait_for(found, seconds)

    return asyncio.run(wait())


def _bounded(effect: Invoke, seconds: float) -> Any:
    """Run it for so long: a coroutine is cancelled, a plain function goes on, unheard, in its thread."""
    work = effect.work
    if inspect.iscoroutinefunction(work.function):
        return _waited_for(work.function(*work.args, **work.kwargs), seconds)
    ends: list[tuple[bool, Any]] = []

    def run() -> None:
        try:
            ends.append((True, _called(effect)))
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
            ends.append((False, error))

    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(run,), name=f"ovn {effect.call.name}", daemon=True)
    thread.start()
    thread.join(seconds)
    if not ends:
        raise TimeoutError(f"{effect.call} took longer than {seconds:g} s")
    good, found = ends[0]
    if good:
        return found
    raise found


def _cancel(effect: Forever) -> None:
    error = KeyboardInterrupt()
    error.add_note(f"{effect.call} was cancelled in an earlier run, and is again")
    raise error
