"""Features from files: read, planned, written as one commit, told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn.errors import NotFound, OvnError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ovn.cli.context import Context
    from ovn.features.exchange import Entry, Plan
    from ovn.model.documents import Feature
    from ovn.state.view import View


def read_file(path: Path, limit: int) -> bytes:
    """Return the bytes of a file, one more than ``limit`` at most; raises NotFound."""
    try:
        if not path.is_file():
            raise NotFound(f"no file '{path}'")
        with path.open("rb") as file:
            return file.read(limit + 1)
    except OSError as error:
        raise NotFound(f"cannot read '{path}': {(error.strerror or '').lower()}") from error


def features_of(context: Context, paths: Sequence[Path], *, dry_run: bool, quiet: bool = False) -> Plan:
    """Import the features of files and print what that changes, unless ``quiet``.

    Raises what reading them does, Refused and UsageError.
    """
    from ovn.cli import acting
    from ovn.features import exchange

    entries: list[Entry] = []
    for path in paths:
        entries += exchange.read(read_file(path, exchange.LIMIT), str(path))
    plan = _carry_out(context, entries, paths, dry_run=dry_run)
    if plan.documents and not dry_run:
        acting.render_views(context)
    if not quiet:
        _tell(context, plan, dry_run=dry_run)
    return plan


def _carry_out(context: Context, entries: Sequence[Entry], paths: Sequence[Path], *, dry_run: bool) -> Plan:
    from ovn.cli import acting
    from ovn.clock import rfc3339
    from ovn.features import exchange

    who, store = acting.actor(context), context.store
    plans: list[Plan] = []

    def change(view: View) -> dict[str, Feature]:
        plans.append(exchange.plan(entries, view.features(), who, rfc3339(store.clock.now())))
        return plans[-1].documents

    if dry_run:
        change(store.view())
    else:
        files = ", ".join(path.name for path in paths)
        store.transact(f"import: {len(entries)} features from {files}"[:200], "import", change)
    return plans[-1]


def document(plan: Plan, *, dry_run: bool) -> dict[str, object]:
    """Return what ``--json`` prints of a plan."""
    from ovn.features import exchange

    changed = [{"id": one.id, "fields": list(fields)} for one, fields in plan.changed]
    added = [exchange.entry(one) for one in plan.added]
    return {"added": added, "changed": changed, "unchanged": plan.unchanged, "dry_run": dry_run}


def _tell(context: Context, plan: Plan, *, dry_run: bool) -> None:
    if context.json:
        context.out.json(document(plan, dry_run=dry_run))
        return
    for one in plan.added:
        claimed = "  (called done there; pending until it is verified)" if one.claimed else ""
        context.out.line(f"A  {one.id}  {one.title}{claimed}")
    for one, fields in plan.changed:
        context.out.line(f"M  {one.id}  {', '.join(fields)}")
    would = "would be " if dry_run else ""
    context.out.note(
        f"{len(plan.added)} {would}added, {len(plan.changed)} {would}changed, {plan.unchanged} as they were"
    )
    unproven = [one.id for one in plan.added if not one.verify]
    if unproven:
        way = f"'git ovn feature edit {unproven[0]} --verify COMMAND'"
        context.out.hint(f"without a verify command: {len(unproven)}; {way}")
    if not (plan.documents or plan.unchanged):
        context.out.hint("no feature was found there; see 'git ovn import -h' for the layouts that are known")
    if not dry_run:
        _tell_trust(context, plan)


def _tell_trust(context: Context, plan: Plan) -> None:
    """Say which commands wait to be allowed: what a file says was not typed by a person."""
    from ovn.cli import acting

    imported = [*plan.added, *(one for one, _ in plan.changed)]
    waiting = [item for one in imported for item in acting.items_of(context, one)]
    try:
        count = len(context.book.untrusted(waiting))
    except OvnError as error:
        context.out.warning(str(error))
        return
    if count:
        what = "1 verify command runs" if count == 1 else f"{count} verify commands run"
        context.out.hint(f"{what} once you allow it: 'git ovn trust --show', 'git ovn trust'")
