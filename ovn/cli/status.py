"""``git ovn status``: where it stands, on one screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ovn.cli import porcelain
from ovn.cli.options import json_option
from ovn.cli.output import Painted
from ovn.shown import when

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ovn.cli.context import Context
    from ovn.cli.output import Piece

ATTENTION = frozenset(("ask-a-person", "take-over-lease", "restore-checkpoint", "roll-back-feature"))
"""Verdicts that ``--exit-code`` counts as something to be looked at."""


STOP = "git ovn stop"
"""What the table of recovery says of a session that somebody works in."""

MOST = 3
"""Lines that one kind of thing gets on the one screen; ``--json`` has all of them."""


@click.command()
@click.option("--exit-code", is_flag=True, help="Exit 1 if something here needs somebody.")
@json_option
@porcelain.porcelain_option
@click.pass_obj
def command(context: Context, exit_code: bool) -> int:
    """Show session, feature, last checkpoint, lease, debts, what is pending, and what comes next.

    With --exit-code: 1 if a session crashed, owes its handoff or needs a person, else 0.
    """
    from ovn.cli.who import us
    from ovn.recovery.diagnosis import course
    from ovn.recovery.facts import gather
    from ovn.runner import sole
    from ovn.shift.status import document

    found = gather(context.store, context.config, us=us(context))
    ahead = course(found.facts)
    runners = {one.run for one in sole.alive(context.location.local)}
    told = document(context.store, found, ahead, runners)
    if context.json:
        context.out.json(told)
    elif porcelain.wanted():
        porcelain.show(context, porcelain.status(told))
    else:
        for line in _lines(told):
            context.out.line(*line)
    attention = bool(told["debts"]) or any(one.verdict in ATTENTION for one in ahead)
    return 1 if exit_code and attention else 0


def _lines(told: Mapping[str, Any]) -> Iterator[tuple[Piece, ...]]:
    yield Painted(told["project"], "bold"), f"  work tree '{told['worktree']}'"
    yield from _of_night(told["run"])
    yield from _of_session(told)
    counted = ", ".join(
        f"{count} {word.replace('_', ' ')}" for word, count in told["features"].items() if count
    )
    yield (f"features:    {counted or 'none'}",)
    for debt in told["debts"][:MOST]:
        yield "debt:        ", Painted(debt["session"], "red"), f" ended without a handoff ({debt['since']})"
    yield from _more("debt:", told["debts"])
    if told["questions"]:
        yield (
            "questions:   ",
            Painted(str(told["questions"]), "yellow"),
            " wait for an answer (git ovn questions)",
        )
    for layer, state in told["layers"].items():
        if state and state["pending"]:
            yield (f"{'pending:':13}{state['pending']} {state['what']} ({layer})",)
    for name in told["private"][:MOST]:
        words = f" recorded what looks like a secret; not pushed until 'git ovn session share {name}'"
        yield "private:     ", Painted(name, "red"), words
    yield from _more("private:", told["private"])
    for sentence in told["damaged"][:MOST]:
        yield Painted("damaged:", "red"), f"     {sentence}"
    yield from _more("damaged:", told["damaged"])
    following = told["next"]
    if following["feature"]:
        yield (f"next up:     {following['feature']}",)
    command, reason = advice(told)
    yield "do:          ", Painted(command, "green"), f"  ({reason})"


def advice(told: Mapping[str, Any]) -> tuple[str, str]:
    """Return what to do, and why: nobody is advised to stop a night that is well."""
    command = told["next"]["command"]
    if command == STOP and told["run"] and told["run"]["alive"]:
        return "git ovn watch", f"the night is at work; '{STOP}' ends it"
    return command, told["reason"]


def _of_session(told: Mapping[str, Any]) -> Iterator[tuple[Piece, ...]]:
    session = told["session"]
    if session is None:
        yield ("session:     none",)
        return
    state = session["state"] + (f" until {when(session['until'])}" if session["until"] else "")
    run = f", run {session['run']}" if session["run"] else ""
    yield "session:     ", Painted(session["id"], "bold"), f"  {state}, {session['kind']}{run}"
    feature = told["feature"]
    if feature:
        words = f"{feature['status'].replace('_', ' ')}): {feature['title']}"
        yield (f"feature:     {feature['id']} ({words}",)
    yield (f"checkpoint:  {told['checkpoint'] or 'none'}",)
    lease = told["lease"]
    yield (f"lease:       {lease['standing']}" + (f", {lease['holder']}" if lease["holder"] else ""),)
    for other in told["others"][:MOST]:
        yield (f"unfinished:  {other}",)
    yield from _more("unfinished:", told["others"])


def _of_night(run: Mapping[str, Any] | None) -> Iterator[tuple[Piece, ...]]:
    if run is None:
        return
    stands = "goes on; this work tree is its own" if run["alive"] else "its runner is gone"
    until = f", until {when(run['deadline'])}" if run["deadline"] and run["alive"] else ""
    spent = f", {run['cost_usd']:.2f} USD" if run["cost_usd"] else ""
    yield "night:       ", Painted(run["id"], "bold"), f"  {stands}{until}{spent}"


def _more(label: str, rows: Sequence[object]) -> Iterator[tuple[Piece, ...]]:
    if len(rows) > MOST:
        yield (f"{label:13}and {len(rows) - MOST} more",)
