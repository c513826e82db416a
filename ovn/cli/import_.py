"""``git ovn import``: take over what an earlier harness left."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ovn.cli.options import dry_run_option, json_option
from ovn.errors import NotFound

if TYPE_CHECKING:
    from ovn.cli.context import Context

FEATURES = ("feature_registry.json", "feature_list.json", "claude-progress.txt")
"""What features are read from, the one that says most first."""

PLACES = ("", ".overnight", "config", "overnight")
CONFIGS = ("config/overnight.yaml", "overnight.yaml")
LOGS = "logs/*.json"


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@dry_run_option
@json_option
@click.pass_obj
def command(context: Context, path: Path, dry_run: bool) -> None:
    """Take over an earlier layout: PATH is one of its files, or the folder they lie in.

    Understood are feature_list.json, feature_registry.json, claude-progress.txt and
    config/overnight.yaml. What is called done there becomes pending and claimed: evidence makes
    it done. Doing it again changes nothing.
    """
    if path.suffix in (".yaml", ".yml"):
        _import_config(context, path, dry_run=dry_run)
    elif path.is_dir():
        _import_folder(context, path, dry_run=dry_run)
    else:
        _import_features(context, path, dry_run=dry_run)


def _import_features(context: Context, path: Path, *, dry_run: bool) -> None:
    from ovn.cli import importing

    importing.features_of(context, [path], dry_run=dry_run)


def _import_folder(context: Context, folder: Path, *, dry_run: bool) -> None:
    found = [
        folder / place / name for name in FEATURES for place in PLACES if (folder / place / name).is_file()
    ]
    settings = next((folder / name for name in CONFIGS if (folder / name).is_file()), None)
    logs = sum(1 for _ in folder.glob(LOGS))
    if not found and settings is None:
        raise NotFound(
            f"nothing to import in '{folder}'", hint=f"looked for {', '.join((*FEATURES, *CONFIGS))}"
        )
    if found:
        context.out.note(f"features from {found[0]}")
        _import_features(context, found[0], dry_run=dry_run)
    for other in found[1:]:
        context.out.hint(
            f"'{other}' may say the same in another layout; import it by its name if it does not"
        )
    if settings is not None and not context.json:
        _import_config(context, settings, dry_run=dry_run)
    if logs:
        context.out.note(f"{logs} session logs stay where they are: nothing in them is evidence")


def _import_config(context: Context, path: Path, *, dry_run: bool) -> None:
    from ovn import earlier, names
    from ovn.cli import importing
    from ovn.model import strictyaml

    taken = earlier.configuration(importing.read_file(path, strictyaml.MAX_BYTES), str(path), context.environ)
    target = context.location.tree() / names.CONFIG_FILE
    there = target.exists()
    if context.json:
        context.out.json(
            {"config": taken.text, "left_out": list(taken.left_out), "written": not (dry_run or there)}
        )
    else:
        context.out.text(taken.text)
        for line in taken.left_out:
            context.out.note(f"left out: {line}")
    if dry_run:
        return
    if there:
        context.out.hint(
            f"'{names.CONFIG_FILE}' is there already: put into it what you want to keep of the above"
        )
        return
    earlier.write(context.location, taken)
    context.out.note(f"written to {names.CONFIG_FILE}")
