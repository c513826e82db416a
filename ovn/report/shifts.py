"""The sessions of a night and the attempts in them, from their documents. Pure but for reading them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn import names
from ovn.model import lifecycle
from ovn.report import sources
from ovn.report.model import Attempt, Checkpoint, Session, Tokens

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from ovn.model import documents
    from ovn.state.log import Entry
    from ovn.state.view import View


def sessions(
    view: View, span: Iterable[str], entries: Iterable[Entry], alive: Collection[str]
) -> list[Session]:
    """Return the sessions by name; ``alive`` are those that somebody works in now.

    A name without a document (its beginning was set aside) is left out: nothing is known of it.
    """
    taken = _checkpoints(entries)
    found = ((name, view.session(name)) for name in span)
    return [_session(view, one, taken.get(name, ()), alive) for name, one in found if one is not None]


def _session(
    view: View, one: documents.Session, taken: Sequence[Checkpoint], alive: Collection[str]
) -> Session:
    return Session(
        id=one.id,
        state=one.state,
        kind=one.kind,
        started=one.created,
        updated=one.updated,
        source=sources.document(view.place(names.session_file(one.id))),
        run=one.run,
        feature=one.feature,
        agent=one.agent,
        goal=one.goal,
        worktree=one.worktree,
        branch=one.branch,
        ended=one.ended,
        until=one.until,
        why=one.why,
        seconds=sources.between(one.created, one.ended),
        attempts=attempts(view, one, alive=one.id in alive),
        checkpoints=tuple(taken),
        commits=sum(work.kind == "own" for work in one.commits),
        steps=one.steps,
        steps_failed=one.steps_failed,
        notes=one.notes,
        decisions=one.decisions,
        blockers=one.blockers,
        handoff=view.handoff(one.id) if one.ended is not None else None,
        owes_handoff=lifecycle.owes_handoff(one, alive=one.id in alive),
    )


def attempts(view: View, session: documents.Session, *, alive: bool) -> tuple[Attempt, ...]:
    """Return the attempts of a session, in order; ``alive``: somebody works in it now."""
    last = session.attempts[-1].number if session.attempts else 0
    source = sources.document(view.place(names.session_file(session.id)))
    return tuple(
        Attempt(
            session=session.id,
            number=one.number,
            feature=one.feature,
            outcome=outcome(one, alive=alive and one.number == last),
            started=one.started,
            source=source,
            ended=one.ended,
            seconds=sources.between(one.started, one.ended),
            exit_code=one.exit_code,
            reason=one.reason or None,
            head_from=one.head_from,
            head_to=one.head_to,
            log=one.log,
            cost_usd=one.usage.cost_usd if one.usage is not None else None,
            tokens=_tokens(one.usage),
        )
        for one in session.attempts
    )


def _tokens(usage: documents.Usage | None) -> Tokens | None:
    return Tokens(usage.input, usage.output, usage.cached) if usage is not None else None


def outcome(attempt: documents.Attempt, *, alive: bool) -> str:
    """Return what became of an attempt: running, passed, failed, crashed."""
    if attempt.ended is None:
        return "running" if alive else "crashed"
    if attempt.exit_code is None or attempt.exit_code < 0:
        return "crashed"
    return "failed" if attempt.exit_code or attempt.reason else "passed"


def _checkpoints(entries: Iterable[Entry]) -> Mapping[str, list[Checkpoint]]:
    """Return the checkpoints that have a line of their own in the story, by session."""
    found: dict[str, list[Checkpoint]] = {}
    for entry in entries:
        if entry.event != "checkpoint" or entry.checkpoint is None or entry.session is None:
            continue
        told = entry.subject.partition("): ")[2]
        label = None if told.endswith(" automatic") else told or None
        one = Checkpoint(entry.checkpoint, entry.when, entry.session, sources.commit(entry.oid), label)
        found.setdefault(entry.session, []).append(one)
    return found
