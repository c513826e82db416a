"""``git ovn import``: take over what an earlier harness left."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ovn.cli.options import dry_run_option, json_option
from ovn.errors import NotFound

if TYPE_CHECKING:
    from ovn.cli.context import Context

FEATURES = ("feature_registry.json", "feature_list.json", "claude-progress.txt")
"""What features are read from, the one that says most first."""

PLACES = ("", ".overnight", "config", "overnight")
CONFIGS = ("config/overnight.yaml", "overnight.yaml")
LOGS = "logs"


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@dry_run_option
@json_option
@click.pass_obj
def command(context: Context, path: Path, dry_run: bool) -> None:
    """Take over an earlier layout: PATH is one of its files, or the folder they lie in.

    Understood are feature_list.json, feature_registry.json, claude-progress.txt, the logs
    (overnight_state.json, session_state.json, continuation_history.jsonl and
    compaction-history.jsonl) and config/overnight.yaml. What is called done there becomes pending
    and claimed: evidence makes it done. The logs become an ended session, whose last words the
    next shift reads. Doing it again changes nothing.
    """
    if path.is_dir():
        told = _folder(context, path, dry_run=dry_run)
    elif path.suffix in (".yaml", ".yml"):
        told = _config(context, path, dry_run=dry_run)
    elif path.name in _log_names():
        told = _logs(context, [path], dry_run=dry_run)
    else:
        told = _features(context, path, dry_run=dry_run)
    if context.json:
        context.out.json({"dry_run": dry_run, **told})


def _log_names() -> tuple[str, ...]:
    from ovn.earlier import logs

    return (*logs.STATES, *logs.HISTORIES)


def _folder(context: Context, folder: Path, *, dry_run: bool) -> dict[str, Any]:
    found = [
        folder / place / name for name in FEATURES for place in PLACES if (folder / place / name).is_file()
    ]
    settings = next((folder / name for name in CONFIGS if (folder / name).is_file()), None)
    kept = [folder / LOGS / name for name in _log_names() if (folder / LOGS / name).is_file()]
    if not found and settings is None and not kept:
        looked = ", ".join((*FEATURES, *CONFIGS, *(f"{LOGS}/{name}" for name in _log_names())))
        raise NotFound(f"nothing to import in '{folder}'", hint=f"looked for {looked}")
    told: dict[str, Any] = {}
    if found:
        context.out.note(f"features from {found[0]}")
        told |= _features(context, found[0], dry_run=dry_run)
    for other in found[1:]:
        context.out.hint(
            f"'{other}' may say the same in another layout; import it by its name if it does not"
        )
    if kept:
        told |= _logs(context, kept, dry_run=dry_run)
    if settings is not None:
        told |= _config(context, settings, dry_run=dry_run)
    return told


def _features(context: Context, path: Path, *, dry_run: bool) -> dict[str, Any]:
    from ovn.cli import importing

    plan = importing.features_of(context, [path], dry_run=dry_run, quiet=context.json)
    return importing.document(plan, dry_run=dry_run)


def _logs(context: Context, paths: list[Path], *, dry_run: bool) -> dict[str, Any]:
    from ovn.cli import acting, importing
    from ovn.earlier import logs, session
    from ovn.errors import Refused

    if not acting.is_person(context):
        raise Refused("a session does not write the history of others", hint="a person imports it")
    past = logs.read({path.name: importing.read_file(path, logs.LIMIT) for path in paths})
    if past.empty:
        context.out.note("the logs say nothing that is worth keeping")
        return {"session": None}
    taken = session.take(context.store, past, dry_run=dry_run)
    known = taken.session
    if not context.json:
        counts = ((past.decisions, "decisions"), (past.notes, "notes"), (past.blockers, "blockers"))
        told = [f"{len(found)} {name}" for found, name in counts if found]
        told += [f"{len(past.claimed)} tasks called done, as claims"] if past.claimed else []
        context.out.line(f"{'=' if taken.there else 'S'}  {known.id}  {known.goal or 'no goal is known'}")
        context.out.note("; ".join(["an ended session", *told]) + f": git ovn session show {known.id}")
    if past.unread:
        context.out.warning(f"{past.unread} lines of the logs are no JSON objects, and were left out")
    return {"session": known.id, "session_there": taken.there, "unread": past.unread}


def _config(context: Context, path: Path, *, dry_run: bool) -> dict[str, Any]:
    from ovn import names
    from ovn.cli import importing
    from ovn.earlier import configuration
    from ovn.model import strictyaml

    data = importing.read_file(path, strictyaml.MAX_BYTES)
    taken = configuration.configuration(data, str(path), context.environ)
    there = (context.location.tree() / names.CONFIG_FILE).exists()
    written = not (dry_run or there)
    if not context.json:
        context.out.text(taken.text)
    for line in taken.left_out:
        context.out.note(f"left out: {line}")
    if written:
        configuration.write(context.location, taken)
        context.out.note(f"written to {names.CONFIG_FILE}")
    elif there and not dry_run:
        context.out.hint(
            f"'{names.CONFIG_FILE}' is there already: put into it what you want to keep of the above"
        )
    if "OVN_WEBHOOK" in taken.text:
        context.out.hint("set OVN_WEBHOOK to the webhook's address where the night is started")
    return {"config": taken.text, "left_out": list(taken.left_out), "written": written}
