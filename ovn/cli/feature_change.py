"""The verbs of ``git ovn feature`` that change something: add, edit, start, block, unblock."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from ovn.cli.options import json_option
from ovn.errors import NotTrusted, UsageError
from ovn.frozen import replace
from ovn.model.documents import PRIORITIES, Phase

if TYPE_CHECKING:
    from collections.abc import Callable

    from ovn.checks.commands import Command
    from ovn.cli.context import Context
    from ovn.model.documents import Feature

CLEARABLE = {
    "description": "",
    "category": "",
    "depends-on": (),
    "phases": (),
    "verify": (),
    "paths": (),
}


def _fields(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb the options for a feature's fields."""
    for option in reversed(
        (
            click.option("--description", metavar="TEXT", help="What exactly is to be built."),
            click.option("--category", metavar="NAME", help="Where it stands in the progress file."),
            click.option("--priority", type=click.Choice(PRIORITIES), help="P0 is built first."),
            click.option("--depends-on", metavar="FEATURE", multiple=True, help="What must be done before."),
            click.option(
                "--verify",
                metavar="COMMAND",
                multiple=True,
                help="What proves it: a line for sh, or a JSON list of words.",
            ),
            click.option("--path", "paths", metavar="GLOB", multiple=True, help="Where its code lies."),
            click.option("--phase", "phases", metavar="NAME", multiple=True, help="A step on the way."),
        )
    ):
        function = option(function)
    return function


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that were given on the command line."""
    found = {key: value for key, value in options.items() if value not in (None, ())}
    if "verify" in found:
        found["verify"] = tuple(_command(text) for text in found["verify"])
    if "phases" in found:
        found["phases"] = tuple(Phase(name) for name in found["phases"])
    return found


def _command(text: str) -> Command:
    if not text.lstrip().startswith("["):
        return text
    try:
        words = json.loads(text)
    except json.JSONDecodeError:  # '[ -f x ]' is a line for sh
        return text
    if isinstance(words, list) and words and all(isinstance(word, str) for word in words):
        return tuple(words)
    raise UsageError(f"not a list of words: {text!r}", hint='like this: --verify \'["pytest", "-q"]\'')


def _tell(context: Context, feature: Feature, words: str) -> None:
    from ovn.cli import acting
    from ovn.features import exchange

    acting.render_views(context)
    if context.json:
        context.out.json({"feature": exchange.entry(feature)})
    else:
        context.out.line(f"{feature.id}  {words}")


@click.command("add")
@click.argument("title")
@click.option("--id", "feature", metavar="ID", help="By default made from the title.")
@_fields
@json_option
@click.pass_obj
def add(context: Context, /, title: str, feature: str | None, **options: Any) -> None:
    """Add a feature. Without --verify nothing can prove it."""
    from ovn import features
    from ovn.cli import acting

    given = _given(options)
    found = features.add(context.store, acting.actor(context), title, feature=feature, **given)
    acting.trust_as_typed(context, found.id, found.verify)
    _tell(context, found, "added")
    if not found.verify:
        context.out.hint(f"nothing can prove it yet: git ovn feature edit {found.id} --verify COMMAND")


@click.command("edit")
@click.argument("feature")
@click.option("--title", metavar="TEXT")
@_fields
@click.option("--complete", "completed", metavar="PHASE", multiple=True, help="Mark a phase as complete.")
@click.option("--clear", type=click.Choice(sorted(CLEARABLE)), multiple=True, help="Empty a field.")
@click.option("--reopen", is_flag=True, help="Make a done or failed feature pending again.")
@click.option("--remove", is_flag=True, help="Take it out of the registry.")
@json_option
@click.pass_obj
def edit(
    context: Context,
    /,
    feature: str,
    *,
    completed: tuple[str, ...],
    clear: tuple[str, ...],
    reopen: bool,
    remove: bool,
    **options: Any,
) -> None:
    """Change a feature. A list that is given replaces the one that is there.

    An agent in its session cannot change title, description, verify and depends-on.
    """
    from ovn import features
    from ovn.cli import acting

    who, store = acting.actor(context), context.store
    changes = {name.replace("-", "_"): CLEARABLE[name] for name in clear} | _given(options)
    if remove and (changes or completed or reopen):
        raise UsageError("--remove stands alone")
    if remove:
        _tell(context, features.remove(store, who, feature), "removed")
        return
    if completed:
        changes["phases"] = _completed(features.find(features.registry(store), feature), changes, completed)
    if not changes and not reopen:
        raise UsageError("nothing to change", hint="see 'git ovn feature edit -h'")
    found = features.edit(store, who, feature, changes) if changes else None
    if "verify" in changes:
        acting.trust_as_typed(context, feature, changes["verify"])
    if reopen:
        found = features.reopen(store, who, feature)
    if found is not None:
        _tell(context, found, "reopened" if reopen else "changed")


def _completed(feature: Feature, changes: dict[str, Any], names: tuple[str, ...]) -> tuple[Phase, ...]:
    phases: tuple[Phase, ...] = changes.get("phases", feature.phases)
    unknown = sorted(set(names) - {one.name for one in phases})
    if unknown:
        known = ", ".join(one.name for one in phases) or "none"
        raise UsageError(f"feature '{feature.id}' has no phase '{unknown[0]}'", hint=f"its phases: {known}")
    return tuple(replace(one, complete=one.complete or one.name in names) for one in phases)


@click.command("start")
@click.argument("feature")
@click.option("--no-verify", is_flag=True, help="Do not run its verify commands first.")
@json_option
@click.pass_obj
def start(context: Context, feature: str, no_verify: bool) -> None:
    """Set a feature in progress, and see whether it is green before any work.

    A shift, with its lease, context and handoff, begins with 'git ovn start --feature FEATURE'.
    """
    from ovn import features
    from ovn.cli import acting

    store = context.store
    known = features.registry(store)
    found = features.find(known, feature)
    features.check_move(found, "start")
    green = None if no_verify or features.missing(found, known) else _green_before(context, found)
    started = features.start(store, acting.actor(context), feature, green_before=green)
    _tell(context, started, "in progress")
    if green:
        context.out.warning("its verify commands are green before any work: they do not test what is missing")


def _green_before(context: Context, feature: Feature) -> bool | None:
    from ovn.checks import verify
    from ovn.cli import acting

    if not feature.verify:
        return None
    try:
        context.book.check(acting.items_of(context, feature))
    except NotTrusted as error:
        context.out.note(f"its verify commands were not run: {error}")
        return None
    return verify.green_before(context.store, feature, acting.bench(context))


@click.command("block")
@click.argument("feature")
@click.argument("reason")
@json_option
@click.pass_obj
def block(context: Context, feature: str, reason: str) -> None:
    """Set a feature aside until somebody unblocks it, and say why."""
    from ovn import features
    from ovn.cli import acting
    from ovn.redaction import redact

    _tell(context, features.block(context.store, acting.actor(context), feature, redact(reason)), "blocked")


@click.command("unblock")
@click.argument("feature")
@json_option
@click.pass_obj
def unblock(context: Context, feature: str) -> None:
    """Make a blocked or rolled back feature pending again, with new attempts."""
    from ovn import features
    from ovn.cli import acting

    _tell(context, features.unblock(context.store, acting.actor(context), feature), "pending")


COMMANDS = (add, edit, start, block, unblock)
