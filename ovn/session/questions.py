"""Questions to a person: one document each, answered once, by a person or by its deadline."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ovn import names
from ovn.clock import parse_rfc3339, rfc3339
from ovn.errors import Ambiguous, NotFound, Refused
from ovn.model import codec, records
from ovn.model.documents import Question
from ovn.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta

    from ovn.state.store import StateStore
    from ovn.state.view import View


def new(  # the fields of the document, one by one
    session: str,
    text: str,
    now: datetime,
    *,
    options: Sequence[str] | None = None,
    default: str | None = None,
    timeout: timedelta | None = None,
) -> Question:
    """Return a question that nobody has answered yet. Raises Refused for a default that is no option."""
    choices = tuple(redact(str(one)) for one in options or ())
    if default is not None and choices and default not in choices:
        raise Refused(f"the default {default!r} is none of the options", hint=_listed(choices))
    return Question(
        version=1,
        id=names.new_id(now),
        session=session,
        at=rfc3339(now),
        text=redact(text)[:20_000],
        options=choices,
        default=default,
        deadline=rfc3339(now + timeout) if timeout is not None else None,
    )


def answered(question: Question, answer: str, now: datetime, *, author: str = "person") -> Question:
    """Return the question with its answer.

    An option may be given by its number, from 1, or by a beginning that no other one has.
    Raises Refused when it is answered already, or when the answer is none of the options.
    """
    if question.answer is not None:
        raise Refused(f"question '{question.id}' was answered: {question.answer!r}")
    chosen = choose(question.options, answer)
    return replace(question, answer=chosen, answered=rfc3339(now), author=author)


def choose(options: Sequence[str], answer: str) -> str:
    """Return the option that an answer means; without options the answer itself. Raises Refused."""
    if not options or answer in options:
        return answer
    if answer.isdecimal() and 1 <= int(answer) <= len(options):
        return options[int(answer) - 1]
    near = [one for one in options if answer and one.lower().startswith(answer.lower())]
    if len(near) != 1:
        raise Refused(f"{answer!r} is none of the options", hint=_listed(options))
    return near[0]


def open_ones(view: View) -> list[Question]:
    """Return what waits for an answer, oldest first; sessions that ended wait for nothing."""
    found = [one for one in view.questions().values() if one.answer is None]
    alive = [one for one in found if (session := view.session(one.session)) is None or session.ended is None]
    return sorted(alive, key=lambda one: (one.at, one.id))


def find(known: Iterable[Question], wanted: str) -> Question:
    """Return the question whose id is, or begins with, ``wanted``; raises NotFound, Ambiguous."""
    near = [one for one in known if one.id == wanted] or [one for one in known if one.id.startswith(wanted)]
    if not near or not wanted:
        raise NotFound(f"no question '{wanted}'", hint="see 'git ovn questions'")
    if len(near) > 1:
        named = _listed([one.id for one in near])
        raise Ambiguous(f"several questions begin with '{wanted}'", hint=f"name one of {named}")
    return near[0]


def record(store: StateStore, question: Question, *, by: str, generation: int | None = None) -> Question:
    """Record a question or its answer in its session, and return how it stands then.

    Of two answers at once the first counts: look at what comes back.
    """
    at = rfc3339(store.clock.now())
    made = records.make("question", codec.encode(question), at=at, by=by)
    store.record(question.session, made, generation=generation)
    return store.view().question(question.id) or question


def overdue(question: Question, now: datetime) -> bool:
    """Tell whether a question's deadline is over."""
    return question.deadline is not None and parse_rfc3339(question.deadline) <= now


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(f"'{text}'" for text in texts)
