"""``git ovn feature``: the registry of what is to be built."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ovn.cli import feature_change, porcelain
from ovn.cli.options import dry_run_option, json_option
from ovn.cli.output import Painted
from ovn.model.documents import FEATURE_STATUSES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ovn.checks.commands import Ran
    from ovn.checks.verify import Verdict
    from ovn.cli.context import Context
    from ovn.cli.output import Piece
    from ovn.model.documents import Evidence, Feature

STYLES = {
    "pending": "bold",
    "in_progress": "cyan",
    "blocked": "yellow",
    "failed": "red",
    "rolled_back": "dim",
    "done": "green",
}


@click.group()
def command() -> None:
    """Say what is to be built, in which order, and what proves it."""


for verb in feature_change.COMMANDS:
    command.add_command(verb)


# -- reading -----------------------------------------------------------------------------------


@command.command("list")
@click.option("--status", "statuses", type=click.Choice(FEATURE_STATUSES), multiple=True, help="Only these.")
@json_option
@porcelain.porcelain_option
@click.pass_obj
def list_features(context: Context, statuses: tuple[str, ...]) -> None:
    """List the features by priority, the oldest first."""
    from ovn import features
    from ovn.features import exchange

    view = context.store.view()
    project, known = view.project.project, view.features()
    found = [one for one in features.in_order(known.values()) if not statuses or one.status in statuses]
    if context.json:
        context.out.json({"registry": exchange.registry(project, found)})
    elif porcelain.wanted():
        porcelain.show(context, map(porcelain.feature, found))
    elif not found:
        context.out.note("no features" if known else "no features yet; 'git ovn feature add TITLE' adds one")
    else:
        context.out.table([_row(one, known) for one in found], head=("feature", "", "status", "title"))


def _row(one: Feature, known: Mapping[str, Feature]) -> tuple[Piece, ...]:
    from ovn import features

    lacking = features.missing(one, known) if one.status in features.OPEN else []
    waits = f"  (waits for {', '.join(lacking)})" if lacking else ""
    status = Painted(one.status.replace("_", " "), STYLES[one.status])
    return one.id, one.priority, status, f"{one.title}{waits}"


@command.command("next")
@json_option
@click.pass_obj
def next_feature(context: Context) -> int:
    """Print what comes next: unblocked, the highest priority, the oldest; exit 1 if nothing."""
    from ovn import features
    from ovn.features import exchange

    known = features.registry(context.store)
    found = features.choose(known)
    if context.json:
        context.out.json({"feature": exchange.entry(found) if found else None})
    elif found:
        context.out.line(Painted(found.id, "bold"), f"  {found.priority}  {found.title}")
    else:
        open_ones = features.pending(known)
        context.out.note(
            f"nothing can be built now; {len(open_ones)} wait" if open_ones else "nothing is left to build"
        )
        for one in open_ones[:5]:
            context.out.hint(f"{one.id}: {features.why_not(one, known)}")
    return 0 if found else 1


@command.command("show")
@click.argument("feature", metavar="FEATURE")
@json_option
@click.pass_obj
def show_feature(context: Context, feature: str) -> None:
    """Show one feature with its evidence."""
    from ovn import features
    from ovn.features import exchange

    known = features.registry(context.store)
    found = features.find(known, feature)
    if context.json:
        context.out.json({"feature": exchange.entry(found)})
        return
    for name, *pieces in _lines(found, known):
        context.out.line(Painted(f"{name:12}", "dim"), *pieces)
    if found.description:
        context.out.line("")
        context.out.text(found.description)


def _lines(one: Feature, known: Mapping[str, Feature]) -> Iterator[tuple[str, *tuple[Piece, ...]]]:
    from ovn import features
    from ovn.checks import commands

    reason = f": {one.reason}" if one.reason else ""
    yield "feature", Painted(one.id, "bold"), f"  {one.priority}  {one.category}".rstrip()
    yield "title", one.title
    yield "status", Painted(one.status.replace("_", " "), STYLES[one.status]), reason
    lacking = features.missing(one, known)
    for needed in one.depends_on:
        yield "depends on", needed, "  (not done)" if needed in lacking else ""
    for wanted in one.verify:
        yield "verify", commands.show(wanted)
    for path in one.paths:
        yield "path", path
    for phase in one.phases:
        yield "phase", f"[{'x' if phase.complete else ' '}] {phase.name}"
    if one.attempts:
        yield "attempts", str(one.attempts)
    if one.claimed:
        yield "claimed", "imported as done; only evidence makes it so"
    if one.green_before:
        yield "note", "its verify commands were green before the work began"
    if one.evidence:
        yield from _evidence(one.evidence)


def _evidence(found: Evidence) -> Iterator[tuple[str, *tuple[Piece, ...]]]:
    from ovn.checks import commands

    colour = Painted("green", "green") if found.green else Painted("red", "red")
    on = f" on commit {found.commit[:10]}" if found.commit else ""
    partial = f", partial: {found.partial}" if found.partial else ""
    yield "evidence", colour, f"{on}{partial}, {found.at}"
    for one in found.commands:
        yield "", f"[{one.exit_code}] {commands.show(one.command)}: {one.summary} ({one.seconds:g} s)"


# -- verify ------------------------------------------------------------------------------------


@command.command("verify")
@click.argument("feature", metavar="[FEATURE]", required=False)
@click.option(
    "--timeout", "seconds", type=click.FloatRange(min=0.1), metavar="SECONDS", help="For each command."
)
@json_option
@click.pass_obj
def verify_feature(context: Context, feature: str | None, seconds: float | None) -> int:
    """Run a feature's verify commands; done if they are green on the tree of a commit.

    FEATURE is by default the one of the session at work here. Exit 1: it is not done.
    """
    from ovn import features
    from ovn.checks import verify
    from ovn.cli import acting
    from ovn.frozen import replace

    name = feature or _at_work(context)
    found = features.find(features.registry(context.store), name)
    context.book.check(acting.items_of(context, found))
    bench = acting.bench(context, seconds)
    if not context.json:
        bench = replace(bench, watch=lambda ran: _tell_run(context, ran))
    verdict = verify.verify(context.store, acting.actor(context), name, bench)
    acting.render_views(context)
    _tell_verdict(context, verdict)
    return 0 if verdict.done else 1


def _at_work(context: Context) -> str:
    from ovn import active, names
    from ovn.errors import UsageError

    at_work = active.read(context.location.local, context.location.worktree)
    found = context.environ.get(names.ENV_FEATURE) or (at_work.feature if at_work else None)
    if not found:
        raise UsageError("which feature?", hint="name one; see 'git ovn feature list'")
    return found


def _tell_run(context: Context, ran: Ran) -> None:
    from ovn.checks import commands

    mark = Painted("green", "green") if ran.exit_code == 0 else Painted(f"red ({ran.exit_code})", "red")
    context.out.line(mark, f"  {commands.show(ran.command)}: {ran.summary}  ({ran.seconds:.1f} s)")
    if ran.exit_code != 0:
        lines = ran.tail.decode("utf-8", "replace").splitlines()[-20:]
        context.out.text("\n".join(f"    {line}" for line in lines) or "    (no output)")


def _tell_verdict(context: Context, verdict: Verdict) -> None:
    from ovn.checks import verify
    from ovn.features import exchange
    from ovn.model import codec

    feature, evidence = verdict.feature, verdict.measured.evidence
    if context.json:
        context.out.json(
            {
                "feature": exchange.entry(feature),
                "done": verdict.done,
                "why": verdict.why,
                "evidence": codec.encode(evidence),
                "log": str(verify.log_file(context.location, feature.id)),
            }
        )
    elif verdict.done:
        commit = (evidence.commit or "")[:10]
        context.out.line(Painted(f"{feature.id} is done", "green"), f", proven on commit {commit}")
    else:
        context.out.error(f"feature '{feature.id}' is not done: {verdict.why}")
        if evidence.green and evidence.partial:
            context.out.hint("commit what belongs to it and verify again")
        elif not evidence.green:
            context.out.hint(f"all of the output is in {verify.log_file(context.location, feature.id)}")


# -- files -------------------------------------------------------------------------------------


@command.command("export")
@click.option(
    "--output", "-o", "path", type=click.Path(path_type=Path), metavar="FILE", help="Write it there."
)
@click.option(
    "--format", "layout", type=click.Choice(["json", "progress"]), default="json", show_default=True
)
@json_option
@click.pass_obj
def export(context: Context, path: Path | None, layout: str) -> None:
    """Print the registry as people see it, or as a progress file."""
    from ovn import names
    from ovn.features import exchange
    from ovn.shift import views

    view = context.store.view()
    wanted = names.REGISTRY_VIEW if layout == "json" else names.PROGRESS_VIEW
    data = views.contents(context.location, view)[wanted]
    if path is not None:
        path.write_bytes(data)
        context.out.note(f"written to {path}")
    elif context.json:
        context.out.json({"registry": exchange.registry(view.project.project, view.features().values())})
    else:
        context.out.text(data.decode())


@command.command("import")
@click.argument("path", type=click.Path(path_type=Path), metavar="FILE")
@dry_run_option
@json_option
@click.pass_obj
def import_file(context: Context, path: Path, dry_run: bool) -> None:
    """Take in the features of a feature_registry.json, feature_list.json or progress file.

    What it calls done becomes pending and claimed; evidence makes it done. Doing it again
    changes nothing.
    """
    from ovn.cli.importing import features_of

    features_of(context, [path], dry_run=dry_run)
