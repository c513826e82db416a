"""``git ovn session``: list the sessions, show one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ovn.cli import session_fork, session_share
from ovn.cli.options import json_option
from ovn.cli.output import Painted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ovn.cli.context import Context
    from ovn.model.documents import Handoff, Session

STYLES = {"active": "green", "waiting": "yellow", "crashed": "red", "handed_off": "dim", "abandoned": "dim"}


@click.group()
def command() -> None:
    """List the sessions, or show one."""


@command.command("list")
@click.option("--open", "unended", is_flag=True, help="Only those that are not over.")
@json_option
@click.pass_obj
def list_sessions(context: Context, unended: bool) -> None:
    """List the sessions, newest last."""
    from ovn.model import codec

    found = context.store.view().sessions(ended=not unended).values()
    ordered = sorted(found, key=lambda one: (one.created, one.id))
    if context.json:
        context.out.json({"sessions": [codec.encode(one) for one in ordered]})
    elif not ordered:
        context.out.note("no sessions yet; 'git ovn start' begins one")
    else:
        head = ("session", "state", "kind", "feature", "began", "commits", "work tree")
        context.out.table([_row(one) for one in ordered], head=head)


def _row(one: Session) -> tuple[str | Painted, ...]:
    state = Painted(one.state, STYLES.get(one.state, "bold"))
    own = sum(work.kind == "own" for work in one.commits)
    return one.id, state, one.kind, one.feature or "", moment(one.created), str(own), one.worktree


command.add_command(session_fork.fork)
command.add_command(session_share.share)


@command.command("show")
@click.argument("name", metavar="[SESSION]", required=False)
@json_option
@click.pass_obj
def show_session(context: Context, name: str | None) -> None:
    """Show a session: the named one, else the one at work here."""
    from ovn.model import codec

    session, handoff = _find(context, name)
    if context.json:
        last = codec.encode(handoff) if handoff else None
        context.out.json({"session": codec.encode(session), "handoff": last})
        return
    for line in _lines(session):
        context.out.line(*line)
    if handoff:
        from ovn.shift.handoff import markdown

        context.out.line("")
        context.out.text(markdown(handoff))


def _find(context: Context, name: str | None) -> tuple[Session, Handoff | None]:
    from ovn.cli.place import current_session
    from ovn.errors import NotFound

    wanted = name or current_session(context)
    if wanted is None:
        raise NotFound("no session is at work here", hint="name one; see 'git ovn session list'")
    view = context.store.view()
    session = view.session(wanted)
    if session is None:
        raise NotFound(f"no session '{wanted}'", hint="see 'git ovn session list'")
    return session, view.handoff(wanted)


def _lines(one: Session) -> Iterator[tuple[str | Painted, ...]]:
    state = Painted(one.state, STYLES.get(one.state, "bold"))
    until = f" until {one.until}" if one.until else ""
    yield Painted(one.id, "bold"), "  ", state, until + (f" ({one.why})" if one.why else "")
    facts = {
        "kind": one.kind,
        "goal": one.goal,
        "agent": one.agent,
        "feature": one.feature,
        "run": one.run,
        "began": moment(one.created),
        "ended": moment(one.ended) if one.ended else None,
        "work tree": one.worktree,
        "branch": (one.branch or "").removeprefix("refs/heads/"),
        "checkpoint": one.checkpoint,
        "baseline": one.baseline,
        "private": one.private,
        "steps": f"{one.steps}, {one.steps_failed} failed" if one.steps else None,
    }
    yield from ((f"{name + ':':12}{value}",) for name, value in facts.items() if value)
    for attempt in one.attempts:
        code = "interrupted" if attempt.ended is None else f"exit code {attempt.exit_code}"
        because = f", {attempt.reason}" if attempt.reason else ""
        yield (f"attempt {attempt.number}: {attempt.feature or 'no feature'}, {code}{because}",)
    for work in one.commits:
        marks = [
            mark for mark, so in (("foreign", work.kind == "foreign"), ("no-verify", work.bypassed)) if so
        ]
        yield Painted(work.commit[:10], "yellow"), f"  {work.feature or ''} {' '.join(marks)}".rstrip()
    yield from ((f"decided: {text}",) for text in one.decisions)
    yield from ((f"note: {text}",) for text in one.notes)
    yield from ((f"blocker {item.id}: {item.text}",) for item in one.blockers if item.open)


def moment(at: str) -> str:
    """Return a recorded time as people read it, to the second, in UTC."""
    return at[:19].replace("T", " ")
