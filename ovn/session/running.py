"""Steps and retries as procedures: what is recorded when, and what a replay does instead.

A procedure is a generator of ``ovn.session.effects``; it returns the result or raises. The
order of records is the guarantee: a result is recorded before the program gets it, an attempt
before it runs, and of a step that may run only once its start.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from ovn.clock import parse_rfc3339, rfc3339
from ovn.errors import InvalidDocument, StepInterrupted
from ovn.session import raised, retry, snapshots
from ovn.session.effects import Forever, Invoke, Pause, Work

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from ovn.session.calls import Call, Past
    from ovn.session.core import Core
    from ovn.session.effects import Effect
    from ovn.session.retry import RetryPolicy

Semantics = Literal["at_least_once", "at_most_once"]

LONG = 60.0
"""Seconds of a wait from which on the session says that it waits."""

SLICE = 3600.0
"""Seconds that are waited at a time, so that a clock that was set is noticed."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a step is to be run."""

    snapshot: bool = False
    semantics: Semantics = "at_least_once"

    def __post_init__(self) -> None:
        """Refuse a word that means nothing; raises ValueError."""
        if self.semantics not in ("at_least_once", "at_most_once"):
            raise ValueError(f"no such semantics: {self.semantics!r}")


PLAIN = Way()


def once(
    core: Core, call: Call, past: Past | None, procedure: Callable[[], Generator[Effect, Any, Any]]
) -> Generator[Effect, Any, Any]:
    """Give what is recorded of a call, or go through its procedure; being cancelled is recorded too."""
    if past is not None and past.outcome is not None:
        return (yield from replayed(core, call, past))
    core.must_go_on()
    with core.running(call):
        try:
            return (yield from procedure())
        except retry.cancellations() as error:
            _record_end(core, call, error)
            raise


def replayed(core: Core, call: Call, past: Past) -> Generator[Effect, Any, Any]:
    """Give what is recorded of a finished call: its result, its failure, or its being cancelled."""
    if past.outcome == "cancelled":
        yield Forever(call)
    return core.value(call, past)


# -- one step ------------------------------------------------------------------------------


def step(
    core: Core, call: Call, past: Past | None, work: Work, way: Way = PLAIN
) -> Generator[Effect, Any, Any]:
    """Run a step once and record what it gives, or give what is recorded."""
    if past is not None and past.outcome is not None:
        if way.snapshot:
            snapshots.bring_back(core, past)
        return (yield from replayed(core, call, past))
    core.must_go_on()
    with core.running(call):
        _begin(core, call, past, way)
        started = core.clock.monotonic()
        try:
            value = yield Invoke(work, call, core.step(call))
            extra: dict[str, Any] = {"seconds": _seconds(core, started)}
            if way.snapshot:
                extra["checkpoint"] = snapshots.take(core, call, "after").id
            core.done(call, value, **extra)
        except BaseException as error:
            _record_end(core, call, error, seconds=_seconds(core, started))
            raise
        return value


def at_once(core: Core, call: Call, work: Work, invoke: Callable[[Invoke], Any]) -> Any:
    """Do what ``step`` does, for a plain step of which nothing is recorded and a driver that does not wait.

    Such are nearly all, and a procedure that asks for its one effect takes a tenth of a step.
    """
    core.must_go_on()
    with core.running(call):
        started = core.clock.monotonic()
        try:
            value = invoke(Invoke(work, call, core.step(call)))
            core.done(call, value, seconds=_seconds(core, started))
        except BaseException as error:
            _record_end(core, call, error, seconds=_seconds(core, started))
            raise
        return value


def _begin(core: Core, call: Call, past: Past | None, way: Way) -> None:
    """Record the start where that matters: of what may run only once, and of what changes files."""
    once = way.semantics == "at_most_once"
    begun = past.begun[-1][2] if past is not None and past.begun else None
    if begun is not None and begun.get("once"):
        raise StepInterrupted(f"{call} had begun when its process died, and may run only once")
    if way.snapshot and begun is not None and "checkpoint" in begun:
        snapshots.put_back(core, call, begun["checkpoint"])
        if not once:
            return
    if not once and not way.snapshot:
        return
    data: dict[str, Any] = call.data()
    if way.snapshot:
        data["checkpoint"] = snapshots.take(core, call, "before").id
    if once:
        data["once"] = True
    core.append("step.started", data)


def _seconds(core: Core, started: float) -> float:
    return round(core.clock.monotonic() - started, 6)


def _record_end(core: Core, call: Call, error: BaseException, **data: Any) -> None:
    """Record a failure, or that the step was cancelled; what could not be recorded stays unrecorded."""
    if core.is_broken(error):
        return
    if isinstance(error, retry.cancellations()):
        if not isinstance(error, GeneratorExit):  # the program let go of it, the loop may be gone
            core.cancelled(call, **data)
        return
    core.failed(call, error, **data)


# -- with retries --------------------------------------------------------------------------


def retried(
    core: Core, call: Call, past: Past | None, work: Work, rules: RetryPolicy
) -> Generator[Effect, Any, Any]:
    """Run a step until it succeeds or its policy gives up; attempts and waits survive a restart."""
    return once(core, call, past, lambda: _attempts(core, call, work, rules, _Tried(core, call, past)))


class _Tried:
    """The attempts so far: how many, since when, what came of each, when the next is due."""

    def __init__(self, core: Core, call: Call, past: Past | None) -> None:
        self.count = 0
        self.first: datetime = core.clock.now()
        self.ends: list[str] = []
        self.due: datetime | None = None
        self.seed = f"{core.id}/{call.path}"
        for _, kind, data in past.begun if past is not None else ():
            if kind == "step.started":
                self._began(data)
            else:
                self.ends[-1:] = [_end(data["attempt"], data["error"])]
                latest = core.clock.now() + timedelta(seconds=data["wait"])
                self.due = min(parse_rfc3339(data["until"]), latest)

    def _began(self, data: dict[str, Any]) -> None:
        self.count = data["attempt"]
        if "first" in data:
            self.first = min(self.first, parse_rfc3339(data["first"]))
        self.ends.append(f"attempt {self.count}: interrupted, its process died")
        self.due = None


def _attempts(
    core: Core, call: Call, work: Work, rules: RetryPolicy, tried: _Tried
) -> Generator[Effect, Any, Any]:
    while True:
        if tried.due is not None:
            yield from until(core, tried.due, f"attempt {tried.count + 1} of {call.name}")
            tried.due = None
        _check_left(core, call, rules, tried)
        tried.count += 1
        first = rfc3339(tried.first)
        core.append("step.started", {**call.data(), "attempt": tried.count, "first": first})
        started = core.clock.monotonic()
        try:
            value = yield Invoke(work, call, core.step(call, tried.count), rules.timeout)
        except Exception as error:
            if core.is_broken(error):
                raise
            tried.due = _after(core, call, rules, tried, error)
            if tried.due is None:
                raise
        else:
            _succeeded(core, call, value, tried, _seconds(core, started))
            return value


def _succeeded(core: Core, call: Call, value: Any, tried: _Tried, seconds: float) -> None:
    """Record a result; one that cannot be recorded is a failure that no attempt would mend."""
    try:
        core.done(call, value, seconds=seconds, attempts=tried.count)
    except InvalidDocument as error:
        core.failed(call, error, attempts=tried.count)
        raise


def _check_left(core: Core, call: Call, rules: RetryPolicy, tried: _Tried) -> None:
    """Give up where a crash took the last attempt: what kills its process would do so for ever."""
    if tried.count <= rules.max_retries:
        return
    error = StepInterrupted(
        f"{call} was interrupted in attempt {tried.count}, and has no more",
        hint="retry_failed=True at the start begins it anew",
    )
    error.add_note("\n".join(tried.ends))
    core.failed(call, error, attempts=tried.count)
    raise error


def _after(core: Core, call: Call, rules: RetryPolicy, tried: _Tried, error: Exception) -> datetime | None:
    """Record a failed attempt and return when the next one is due; None when it was the last."""
    now = core.clock.now()
    when = retry.next_attempt(rules, error, attempt=tried.count, first=tried.first, now=now, seed=tried.seed)
    encoded = raised.encode(error)
    tried.ends.append(_end(tried.count, encoded))
    if when is None:
        for line in tried.ends:
            error.add_note(line)
        core.failed(call, error, attempts=tried.count)
        return None
    wait = (when - now).total_seconds()
    told = {"attempt": tried.count, "until": rfc3339(when), "wait": round(wait, 3), "error": encoded}
    core.append("step.retry", {**call.data(), **told})
    return when


def _end(attempt: int, error: dict[str, Any]) -> str:
    return f"attempt {attempt}: {raised.line(error)}"


# -- waiting -------------------------------------------------------------------------------


def until(core: Core, when: datetime, why: str) -> Generator[Effect, Any, None]:
    """Wait until a moment; a long wait shows in the session's state."""
    left = (when - core.clock.now()).total_seconds()
    if left <= 0:
        return
    with core.waiting(why, when if left >= LONG else None, told=left >= LONG):
        while (left := (when - core.clock.now()).total_seconds()) > 0:
            yield Pause(min(left, SLICE))
