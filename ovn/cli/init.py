"""``git ovn init``: set a repository up."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ovn.cli.options import json_option
from ovn.errors import INTERRUPTED, InvalidDocument

if TYPE_CHECKING:
    from ovn.cli.context import Context
    from ovn.upkeep.setup import Report

SPEC_LIMIT = 1 << 20


@click.command()
@click.option("--project", metavar="NAME", help="By default the folder's name.")
@click.option("--agent", metavar="NAME", help="Who works at night, and reads a --spec in prose.")
@click.option(
    "--spec",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What is to be built: a feature list, a progress file, or prose.",
)
@click.option("--no-hooks", is_flag=True, help="Do not install git's hooks.")
@json_option
@click.pass_obj
def command(
    context: Context, project: str | None, agent: str | None, spec: Path | None, no_hooks: bool
) -> int:
    """Set this repository up: configuration, state branch, hooks, instructions for agents.

    Runs nothing that came with a clone and commits nothing. Doing it again changes nothing.

    With --agent and a --spec in prose that agent then writes what is to be built, init.sh and the
    first progress file, and a baseline commit is made. Nothing of it runs before 'git ovn trust'.
    """
    from ovn.cli import initializing
    from ovn.upkeep import setup

    data = _read_spec(spec)
    lists = spec is not None and data is not None and _lists_features(spec, data)
    asked = spec is not None and agent is not None and not lists
    crew = initializing.crew(context, agent or "", spec) if asked else None
    wish = setup.Wish(_home(context), project, agent, hooks=not no_hooks)
    report = setup.init(context.store, wish, context.environ)
    if spec is not None and data is not None:
        _take_spec(context, spec, data, report, lists=lists, kept=asked)
    made = None
    if crew is not None and data is not None and not context.store.view().features():
        for line in report.done if not context.json else ():
            context.out.line(line)
        made = initializing.initialize(context, crew, data)
        if made is None:
            return INTERRUPTED
    loose = setup.to_commit(context.location)
    if context.json:
        notes = [*report.notes, *(made.notes if made else ())]
        told = initializing.document(made) if made else {}
        context.out.json({"done": report.done, "to_commit": loose, "notes": notes, **told})
    elif made is not None:
        initializing.tell(context, made, report.notes)
    else:
        _tell(context, report, loose)
    return 0


def _home(context: Context) -> Path:
    return Path(context.environ.get("HOME") or os.path.expanduser("~"))  # noqa: PTH111 - '~' without HOME


def _read_spec(spec: Path | None) -> bytes | None:
    """Return the file's bytes before anything is done; raises NotFound, InvalidDocument."""
    from ovn.cli import importing

    if spec is None:
        return None
    data = importing.read_file(spec, SPEC_LIMIT)
    if len(data) > SPEC_LIMIT:
        raise InvalidDocument(f"'{spec}' is larger than {SPEC_LIMIT} bytes")
    return data


def _lists_features(spec: Path, data: bytes) -> bool:
    """Return whether the file is a list of features, not prose; raises InvalidDocument."""
    from ovn.features import exchange

    return (spec.suffix == ".json" or b"- [" in data) and bool(exchange.read(data, str(spec)))


def _take_spec(context: Context, spec: Path, data: bytes, report: Report, *, lists: bool, kept: bool) -> None:
    """Import a list of features; keep prose for agents to read."""
    from ovn.cli import importing
    from ovn.upkeep import setup

    if lists:
        plan = importing.features_of(context, [spec], dry_run=False, quiet=context.json)
        report.done += [f"imported {len(plan.added)} features from {spec}"] if plan.added else []
    else:
        setup.write_spec(context.location, data, report)
    if not lists and not kept:
        report.notes.append(f"'{spec}' lists no features; it is kept in {setup.SPEC} for whoever writes them")


def _tell(context: Context, report: Report, loose: list[str]) -> None:
    for line in report.done:
        context.out.line(line)
    if not report.done:
        context.out.line("set up already, nothing to do")
    for note in report.notes:
        context.out.note(note)
    if loose:
        context.out.hint(f"commit what is yours: git add {' '.join(loose)} && git commit -m 'Set up git ovn'")
    if context.store.view().features():
        context.out.hint("next: git ovn feature list, git ovn trust, git ovn run --check")
    else:
        context.out.hint("next: git ovn feature add TITLE --verify COMMAND, then git ovn run")
