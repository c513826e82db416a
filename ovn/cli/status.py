"""``git ovn status``: where it stands, on one screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ovn.cli.options import json_option
from ovn.cli.output import Painted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ovn.cli.context import Context
    from ovn.cli.output import Piece
    from ovn.model.documents import Session
    from ovn.recovery.diagnosis import Verdict
    from ovn.recovery.facts import Found
    from ovn.state.view import View

ATTENTION = frozenset(("ask-a-person", "take-over-lease", "restore-checkpoint", "roll-back-feature"))
"""Verdicts that ``--exit-code`` counts as something to be looked at."""

OPEN = ("pending", "in_progress", "failed", "blocked", "rolled_back")


@click.command()
@click.option("--exit-code", is_flag=True, help="Exit 1 if something here needs somebody.")
@json_option
@click.pass_obj
def command(context: Context, exit_code: bool) -> int:
    """Show session, feature, last checkpoint, lease, debts, what is pending, and what comes next.

    With --exit-code: 1 if a session crashed, owes its handoff or needs a person, else 0.
    """
    from ovn.cli.who import us
    from ovn.recovery.diagnosis import course
    from ovn.recovery.facts import gather

    found = gather(context.store, context.config, us=us(context))
    ahead = course(found.facts)
    told = document(context, context.store.view(), found, ahead)
    if context.json:
        context.out.json(told)
    else:
        for line in _lines(told):
            context.out.line(*line)
    attention = bool(told["debts"]) or any(one.verdict in ATTENTION for one in ahead)
    return 1 if exit_code and attention else 0


def document(context: Context, view: View, found: Found, ahead: list[Verdict]) -> dict[str, Any]:
    """Return what ``--json`` prints; the screen shows the same."""
    from ovn import active
    from ovn.features import choose
    from ovn.model import codec
    from ovn.shift import views
    from ovn.state import layers

    session, facts, location = found.session, found.facts, context.location
    registry = view.features()
    feature = registry.get(session.feature) if session and session.feature else None
    following = choose(registry)
    debts = active.debts(location.local, location.worktree)
    kept = layers.pending(view, location.local, session.id if session else None)
    pending = {name: count for name, count in view.pending.items() if count}
    return {
        "project": view.project.project,
        "worktree": location.worktree,
        "session": codec.encode(session) if session else None,
        "others": list(found.others),
        "feature": codec.encode(feature) if feature else None,
        "features": {word: sum(one.status == word for one in registry.values()) for word in (*OPEN, "done")},
        "checkpoint": session.checkpoint if session else None,
        "lease": {"standing": facts.lease, "holder": facts.holder} if session else None,
        "debts": [{"session": one.session, "since": one.since} for one in debts],
        "pending": pending,
        "layers": {
            "TRANSIENT": {"pending": kept["transient"], "what": "values in the memory of a program"},
            "SESSION": {"pending": sum(pending.values()), "what": "records not on the state branch yet"},
            "PERSISTENT": {"pending": len(found.uncommitted), "what": "paths not committed"},
            "LONG_TERM": {"pending": len(views.edited(location)), "what": "edited views not imported"},
        },
        "values": kept,
        "uncommitted": list(found.uncommitted),
        "private": sorted({*active.hidden(location.local), *_private(session)}),
        "damaged": [str(one) for one in view.damaged],
        "verdict": ahead[-1].verdict,
        "row": ahead[-1].row,
        "reason": ahead[-1].reason,
        "next": {"command": ahead[0].command, "feature": following.id if following else None},
    }


def _private(session: Session | None) -> Iterator[str]:
    if session is not None and session.private is not None:
        yield session.id


def _lines(told: Mapping[str, Any]) -> Iterator[tuple[Piece, ...]]:
    yield Painted(told["project"], "bold"), f"  work tree '{told['worktree']}'"
    yield from _of_session(told)
    counted = ", ".join(
        f"{count} {word.replace('_', ' ')}" for word, count in told["features"].items() if count
    )
    yield (f"features:    {counted or 'none'}",)
    for debt in told["debts"]:
        yield "debt:        ", Painted(debt["session"], "red"), f" ended without a handoff ({debt['since']})"
    for layer, state in told["layers"].items():
        if state and state["pending"]:
            yield (f"{'pending:':13}{state['pending']} {state['what']} ({layer})",)
    for name in told["private"]:
        yield (
            "private:     ",
            Painted(name, "red"),
            f" recorded what looks like a secret; not pushed until 'git ovn session share {name}'",
        )
    for sentence in told["damaged"]:
        yield Painted("damaged:", "red"), f"     {sentence}"
    following = told["next"]
    if following["feature"]:
        yield (f"next up:     {following['feature']}",)
    yield "do:          ", Painted(following["command"], "green"), f"  ({told['reason']})"


def _of_session(told: Mapping[str, Any]) -> Iterator[tuple[Piece, ...]]:
    session = told["session"]
    if session is None:
        yield ("session:     none",)
        return
    state = session["state"] + (f" until {session['until']}" if session["until"] else "")
    run = f", run {session['run']}" if session["run"] else ""
    yield "session:     ", Painted(session["id"], "bold"), f"  {state}, {session['kind']}{run}"
    feature = told["feature"]
    if feature:
        words = f"{feature['status'].replace('_', ' ')}): {feature['title']}"
        yield (f"feature:     {feature['id']} ({words}",)
    yield (f"checkpoint:  {told['checkpoint'] or 'none'}",)
    lease = told["lease"]
    yield (f"lease:       {lease['standing']}" + (f", {lease['holder']}" if lease["holder"] else ""),)
    for other in told["others"]:
        yield (f"unfinished:  {other}",)
