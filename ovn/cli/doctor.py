"""``git ovn doctor``: say whether everything here is as git ovn needs it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from ovn.cli.options import json_option
from ovn.cli.output import Painted
from ovn.errors import Unhealthy

if TYPE_CHECKING:
    from ovn.cli.context import Context
    from ovn.upkeep.doctor import Finding

STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command()
@click.option("--fix", is_flag=True, help="Mend what can be mended without losing anything.")
@click.option("--agents", "every", is_flag=True, help="Start every agent there is, to see its hooks run.")
@json_option
@click.pass_obj
def command(context: Context, *, fix: bool, every: bool) -> int:
    """Check machine, repository, state, hooks and agents; exit 14 if something fails.

    Nothing is changed without --fix. What is stored, object by object, 'git ovn fsck' checks.
    """
    from ovn.upkeep import doctor

    found = doctor.examine(doctor.Patient(context.store, lambda: context.config), fix=fix)
    found += _agents(context, every=every)
    healthy = doctor.healthy(found)
    if context.json:
        context.out.json({"healthy": healthy, "checks": [asdict(finding) for finding in found]})
    else:
        _show(context, found)
    return 0 if healthy else Unhealthy.exit_code


def _agents(context: Context, *, every: bool) -> list[Finding]:
    """Return what was found of agents; nothing where the configuration cannot be read, which is said."""
    from ovn.agents.environment import allowed
    from ovn.errors import InvalidDocument
    from ovn.upkeep import crew

    try:
        config = context.config
    except InvalidDocument:
        return []
    return list(crew.examine(context.location, config, allowed(context.environ), every=every))


def _show(context: Context, found: list[Finding]) -> None:
    context.out.table(
        [
            (Painted(finding.verdict, STYLES[finding.verdict]), finding.name, _text(finding))
            for finding in found
        ]
    )
    for finding in found:
        if finding.fix and finding.verdict != "ok":
            context.out.hint(f"{finding.name}: {finding.fix}")


def _text(finding: Finding) -> str:
    return f"mended: {finding.text}" if finding.mended else finding.text
