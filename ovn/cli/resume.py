"""``git ovn resume``: go on where a session stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ovn.cli.options import json_option
from ovn.cli.output import Painted
from ovn.shown import duration

if TYPE_CHECKING:
    from ovn.cli.context import Context
    from ovn.recovery.diagnosis import Verdict
    from ovn.shift.resuming import Resumed

STYLES = {"ask-a-person": "red", "wait-until": "yellow", "mark-blocked": "yellow", "roll-back-feature": "red"}


@click.command()
@click.argument("session", required=False)
@click.option("--explain", is_flag=True, help="Print the facts and the rows of the table; do nothing.")
@click.option("--dry-run", is_flag=True, help="The same as --explain.")
@json_option
@click.pass_obj
def command(context: Context, session: str | None, explain: bool, dry_run: bool) -> int:
    """Bring back the session that stopped here, and say what comes next.

    No agent is started and no file is discarded: uncommitted work gets a checkpoint and stays.
    What launches, discards or waits is printed as the command to type. Exit 15 if only a
    person can decide.
    """
    from ovn.cli.place import limits
    from ovn.cli.who import us, writer
    from ovn.errors import NeedsPerson
    from ovn.shift.resuming import Wish, resume

    looking = explain or dry_run
    wish = Wish(session, look_only=looking, us=us(context), by=writer(context), limits=limits(context))
    found = resume(context.store, context.config, wish)
    if context.json:
        context.out.json(document(found))
    elif looking:
        _explain(context, found)
    else:
        _tell(context, found)
    return NeedsPerson.exit_code if found.verdict.verdict == "ask-a-person" and not looking else 0


def document(found: Resumed) -> dict[str, object]:
    """Return what ``--json`` prints."""
    from dataclasses import asdict

    from ovn.model import codec
    from ovn.shift.resuming import facts_of

    verdict = found.verdict
    return {
        "session": found.session.id if found.session else None,
        "verdict": verdict.verdict,
        "row": verdict.row,
        "reason": verdict.reason,
        "command": verdict.command,
        "by": verdict.by,
        "steps": [asdict(step) for step in found.steps],
        "facts": facts_of(found.facts),
        "checkpoint": found.session.checkpoint if found.session else None,
        "safety": found.safety.id if found.safety else None,
        "feature": codec.encode(found.feature) if found.feature else None,
        "context": found.context,
        "generation": found.generation,
        "others": list(found.others),
        "reversed": list(found.reversed),
        "said": list(found.said),
        "seconds": round(found.seconds, 3),
    }


def _tell(context: Context, found: Resumed) -> None:
    out = context.out
    for sentence in found.said:
        out.warning(sentence)
    if found.session is None:
        out.note(f"nothing to resume: {found.verdict.reason}")
        out.hint(f"begin a shift with '{found.verdict.command}'")
        return
    _verdict(context, found.verdict, found.session.id)
    if found.safety:
        out.note(f"uncommitted work stays in the files, and is in checkpoint {found.safety.id}")
    for other in found.others:
        out.note(f"session '{other}' is unfinished too: 'git ovn resume {other}'")
    feature = found.feature
    if feature:
        out.line(f"feature:    {feature.id} ({feature.status.replace('_', ' ')}): {feature.title}")
    out.line(f"checkpoint: {found.session.checkpoint or 'none'}")
    out.line(f"next:       {found.verdict.command}")
    if found.context:
        out.line("")
        out.text(found.context)
    out.note(f"took {duration(found.seconds)}")


def _verdict(context: Context, verdict: Verdict, session: str) -> None:
    style = STYLES.get(verdict.verdict, "green")
    context.out.line(Painted(session, "bold"), ": ", Painted(verdict.verdict, style), f": {verdict.reason}")


def _explain(context: Context, found: Resumed) -> None:
    from ovn.recovery.diagnosis import Facts
    from ovn.shift.resuming import facts_of

    if found.session is not None:
        usual = facts_of(Facts())
        context.out.line(Painted("facts", "bold"), f" of session '{found.session.id}'")
        rows = [
            (f"  {name}", Painted(_word(value), "dim") if value == usual[name] else _word(value))
            for name, value in facts_of(found.facts).items()
        ]
        context.out.table(rows)
    context.out.line(Painted("rows", "bold"), " of the recovery table that fit, one after the other")
    for row in (*found.steps, found.verdict):
        style = STYLES.get(row.verdict, "green")
        done = f"  (carried out by {row.by})" if row.by != "nobody" else ""
        context.out.line(f"  {row.row}: ", Painted(row.verdict, style), f": {row.reason}{done}")
    context.out.line(f"next: {found.verdict.command}")


def _word(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value)) or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if value != "" else "-"
