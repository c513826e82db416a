"""Waiting for a person, for a moment, for a signal: across restarts, and answered once.

Procedures like those of ``ovn.session.running``, which also gives what is recorded of a wait
that is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ovn import names
from ovn.clock import parse_rfc3339, rfc3339
from ovn.model import codec
from ovn.model.documents import Question
from ovn.session import questions, running
from ovn.session.effects import Pause

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from ovn.session.calls import Call, Past
    from ovn.session.core import Core
    from ovn.session.effects import Effect

FIRST, LONGEST = 0.05, 2.0
"""Seconds between two looks at what others recorded: at first, and after a while."""

Moment = datetime | timedelta | float


@dataclass(frozen=True, slots=True)
class Asked:
    """What a program asks a person."""

    text: str
    options: Sequence[str] | None = None
    timeout: float | timedelta | None = None
    default: str | None = None


def ask(core: Core, call: Call, past: Past | None, asked: Asked) -> Generator[Effect, Any, str]:
    """Ask a person, once, and wait for the answer.

    At the deadline the default is the answer; without one TimeoutError is raised.
    """
    question = _recorded(core, call, past, asked)
    over = parse_rfc3339(question.deadline) if question.deadline is not None else None
    with core.waiting(f"question '{question.id}': {question.text}"[:500], over, told=True):
        answer = yield from _look(core, lambda: core.history.answer(question.id), over)
        if answer is None and question.default is not None:
            answer = _default(core, question)
    if answer is None:
        error = TimeoutError(f"nobody answered question '{question.id}' until {question.deadline}")
        core.failed(call, error)
        raise error
    core.done(call, answer["answer"])
    return str(answer["answer"])


def _recorded(core: Core, call: Call, past: Past | None, asked: Asked) -> Question:
    """Return the question, recorded now unless an earlier run asked it."""
    known = past.did("question") if past is not None else None
    if known is not None:
        found: Question = codec.decode(Question, known)
        return found
    made = questions.new(
        core.id,
        asked.text,
        core.clock.now(),
        options=asked.options,
        default=asked.default,
        timeout=_span(asked.timeout) if asked.timeout is not None else None,
    )
    core.append("question", codec.encode(made), call)
    return made


def _default(core: Core, question: Question) -> dict[str, Any] | None:
    """Answer with the default; a person who was faster stands."""
    told = questions.answered(question, question.default or "", core.clock.now(), author="deadline")
    core.append("question", codec.encode(told))
    core.absorb()
    first = core.document_of(names.question_file(question.id))
    answer: dict[str, Any] = codec.encode(told if first is None else first)
    return answer


def sleep(core: Core, call: Call, past: Past | None, when: Moment) -> Generator[Effect, Any, None]:
    """Wait until a moment, or that many seconds; the moment is recorded when the wait begins."""
    begun = past.begun[0][2] if past is not None and past.begun else None
    if begun is None:
        begun = {**call.data(), "first": rfc3339(_moment(core, when))}
        core.append("step.started", begun)
    yield from running.until(core, parse_rfc3339(begun["first"]), f"sleeps until {begun['first']}")
    core.done(call, None)


def wait_for(
    core: Core, call: Call, past: Past | None, timeout: float | timedelta | None
) -> Generator[Effect, Any, Any]:
    """Wait for a signal and return what it carries; each one wakes one call, in order.

    Raises TimeoutError when none came in time.
    """
    name = call.name
    over = _deadline(core, call, past, timeout)
    found = core.take_signal(name)
    if found is None:
        with core.waiting(f"signal '{name}'", over, told=True):
            found = yield from _look(core, lambda: core.take_signal(name), over)
    if found is None:
        error = TimeoutError(f"no signal '{name}' came in time")
        core.failed(call, error)
        raise error
    seq, payload = found
    core.finish(call, "done", {"result": payload, "signal": seq})
    return payload


def _deadline(
    core: Core, call: Call, past: Past | None, timeout: float | timedelta | None
) -> datetime | None:
    """Return when the wait ends: as the first run that waited recorded it."""
    if timeout is None:
        return None
    if past is not None and past.begun and "first" in past.begun[0][2]:
        return parse_rfc3339(past.begun[0][2]["first"])
    over = core.clock.now() + _span(timeout)
    core.append("step.started", {**call.data(), "first": rfc3339(over)})
    return over


def _look(
    core: Core, found: Callable[[], Any | None], over: datetime | None
) -> Generator[Effect, Any, Any | None]:
    """Look again and again, ever more rarely, until there is something or the time is over."""
    pause = FIRST
    while True:
        core.absorb()
        answer = found()
        if answer is not None:
            return answer
        left = (over - core.clock.now()).total_seconds() if over is not None else LONGEST
        if left <= 0:
            return None
        yield Pause(max(min(pause, left), 0.001))
        pause = min(pause * 1.5, LONGEST)


def _span(time: float | timedelta) -> timedelta:
    return time if isinstance(time, timedelta) else timedelta(seconds=time)


def _moment(core: Core, when: Moment) -> datetime:
    if not isinstance(when, datetime):
        return core.clock.now() + _span(when)
    return when if when.tzinfo is not None else when.astimezone(UTC)
