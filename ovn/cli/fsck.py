"""``git ovn fsck``: check what git ovn keeps here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ovn.cli.options import json_option
from ovn.cli.output import Painted

if TYPE_CHECKING:
    from ovn.cli.context import Context
    from ovn.upkeep.fsck import Report

STYLES = {"error": "red", "note": "dim"}


@click.command()
@json_option
@click.pass_obj
def command(context: Context) -> int:
    """Check documents, journals, checkpoints and tags; exit 1 if something is wrong.

    Nothing is changed. What nothing refers to is listed as a note, never deleted.
    """
    from ovn.upkeep import fsck

    return show(context, fsck.examine(context.location, context.store.objects))


def show(context: Context, report: Report) -> int:
    """Print a report; return the exit code."""
    if context.json:
        from dataclasses import asdict

        found = [asdict(one) for one in report.findings]
        context.out.json({"ok": not report.errors, "findings": found, "looked_at": dict(report.looked_at)})
        return 1 if report.errors else 0
    for one in report.findings:
        severity = Painted(one.severity, STYLES[one.severity])
        context.out.line(severity, f": {one.where}: {one.what}" + (f" ({one.fix})" if one.fix else ""))
    counted = ", ".join(f"{count} {what}" for what, count in report.looked_at.items())
    errors = len(report.errors)
    verdict = "nothing is wrong" if not errors else f"{errors} error{'s' if errors > 1 else ''}"
    context.out.note(f"{verdict}; looked at {counted}")
    return 1 if errors else 0
