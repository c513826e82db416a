"""``git ovn start``: begin a shift."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from ovn.cli.options import json_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from ovn.cli.context import Context
    from ovn.model.documents import Baseline, Feature
    from ovn.shift.starting import Shift


@click.command()
@click.argument("session", required=False)
@click.option("--feature", metavar="ID", help="Work on this one; without it on the registry's next.")
@click.option("--agent", metavar="NAME", help="Who is going to work.")
@click.option("--goal", metavar="TEXT", help="What the shift is for, in a line.")
@click.option("--take-over", is_flag=True, help="End the shift that is at work here, after a checkpoint.")
@click.option("--no-verify", is_flag=True, help="Do not run the feature's verify commands first.")
@json_option
@click.pass_obj
def command(
    context: Context,
    *,
    session: str | None,
    feature: str | None,
    agent: str | None,
    goal: str | None,
    take_over: bool,
    no_verify: bool,
) -> None:
    """Begin a shift and print what whoever works in it needs to know.

    A shift that ended here without a handoff gets one, written from git.
    """
    from ovn.cli.place import limits
    from ovn.cli.who import writer
    from ovn.shift.starting import Opening, start

    _must_be_fit(context)
    opening = Opening(
        session=session,
        feature=feature,
        agent=agent or context.config.agent.name,
        goal=goal,
        take_over=take_over,
        by=writer(context),
        limits=limits(context),
    )
    green_before = None if no_verify else partial(_green_before, context)
    shift = start(
        context.store, context.config, opening, baseline=_baseline(context), green_before=green_before
    )
    _tell(context, shift)


def _must_be_fit(context: Context) -> None:
    """Raise Unhealthy when the disk is too full for a shift."""
    from ovn.checks import health

    health.demand([health.disk_of(context.location.common_dir)])


def _baseline(context: Context) -> Callable[[], Baseline | None] | None:
    """Return what measures the baseline; None where there is no command, or nobody trusts it."""
    from ovn import baseline
    from ovn.baseline import Setting
    from ovn.checks import trust

    wanted = context.config.commands
    if wanted.baseline is None:
        return None
    commands = {"commands.baseline": wanted.baseline, "commands.setup": wanted.setup}
    items = [trust.of_command(context.location, where, one) for where, one in commands.items() if one]
    if context.book.untrusted(items):
        context.out.warning("the baseline was not measured: its command is not trusted here")
        context.out.hint("look with 'git ovn trust --show', then allow with 'git ovn trust'")
        return None

    def measure() -> Baseline | None:
        setting = Setting(
            wanted.baseline or "", wanted.setup, dict(context.environ), trusted=context.filters_trusted
        )
        found = baseline.ensure(context.store, setting)
        return found.baseline if found else None

    return measure


def _green_before(context: Context, feature: Feature) -> bool | None:
    """Return whether the verify commands are green before any work; None where nobody may run them."""
    from ovn.checks import verify
    from ovn.cli import acting

    if not feature.verify:
        return None
    if context.book.untrusted(acting.items_of(context, feature)):
        context.out.note(f"the verify commands of '{feature.id}' were not run: they are not trusted here")
        return None
    green = verify.green_before(context.store, feature, acting.bench(context))
    if green:
        context.out.warning("its verify commands are green before any work: they do not test what is missing")
    return green


def _tell(context: Context, shift: Shift) -> None:
    if context.json:
        from ovn.model import codec

        context.out.json(
            {
                "session": shift.session.id,
                "feature": codec.encode(shift.feature) if shift.feature else None,
                "context": shift.context,
                "baseline": codec.encode(shift.baseline) if shift.baseline else None,
                "generation": shift.generation,
                "paid": list(shift.paid),
                "said": list(shift.said),
            }
        )
        return
    for sentence in shift.said:
        context.out.warning(sentence)
    for paid in shift.paid:
        context.out.note(f"session '{paid}' ended without a handoff; it was written from git")
    first = shift.baseline
    if first is not None and first.exit_code != 0:
        failing = f"{len(first.failing)} tests fail" if first.failing else "it names no failing test"
        context.out.warning(f"the baseline is red before any work: {failing}, {first.summary}")
    context.out.text(shift.context)
    context.out.note(f"session '{shift.session.id}' is active; 'git ovn handoff' ends it")
