"""``--porcelain=v1`` and ``-z``: lines for scripts, whose fields and order never change.

A line is fields joined by tabs; free text comes last. What is not there is empty. Without ``-z``
control characters are escaped, so that a line is a line; with ``-z`` records are raw and end
with NUL. New fields would be a ``v2``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ovn.cli.context import Context
    from ovn.model.documents import Checkpoint, Feature
    from ovn.state.log import Entry

F = TypeVar("F", bound="Callable[..., Any]")
Row = tuple[str, ...]

PORCELAIN = "ovn.porcelain"
"""Where the two options leave what they said, in click's ``meta``: False, or True with ``-z``."""

FIELDS = {
    "list": ("id", "session", "kind", "at", "commit", "tree", "changed", "branch", "label"),
    "log": ("commit", "at", "event", "session", "feature", "subject"),
    "feature list": ("id", "status", "priority", "title"),
}
"""The fields of each verb's records; those of ``status`` begin with their own name."""


def porcelain_option(function: F) -> F:
    """Give a verb ``--porcelain[=v1]`` and ``-z``; it asks ``wanted``."""
    nul = click.option(
        "-z",
        "nul",
        is_flag=True,
        expose_value=False,
        callback=_set_nul,
        help="As --porcelain, each record raw and ended by NUL.",
    )
    lines = click.option(
        "--porcelain",
        is_flag=False,
        flag_value="v1",
        type=click.Choice(("v1",)),
        metavar="[v1]",
        expose_value=False,
        callback=_set_lines,
        help="Lines of tabbed fields for scripts, which stay as they are.",
    )
    return lines(nul(function))


def _set_lines(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.meta.setdefault(PORCELAIN, False)


def _set_nul(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        context.meta[PORCELAIN] = True


def wanted() -> bool:
    """Return whether the verb that runs was asked for porcelain."""
    return PORCELAIN in click.get_current_context().meta


def show(context: Context, rows: Iterable[Row]) -> None:
    """Print the records as they were asked for."""
    context.out.records(rows, nul=click.get_current_context().meta[PORCELAIN])


def checkpoint(one: Checkpoint) -> Row:
    """Return the record of a checkpoint."""
    fields = (one.id, one.session, one.kind, one.at, one.commit, one.tree, str(one.changed))
    return *fields, one.branch or "", one.label or ""


def entry(one: Entry) -> Row:
    """Return the record of an entry of the story."""
    return one.oid, one.when, one.event or "", one.session or "", one.feature or "", one.subject


def feature(one: Feature) -> Row:
    """Return the record of a feature."""
    return one.id, one.status, one.priority, one.title


def status(told: Mapping[str, Any]) -> Iterator[Row]:
    """Yield the records of ``git ovn status``: each begins with what it tells of."""
    yield "project", told["worktree"], told["project"]
    session, found = told["session"], told["feature"]
    if session:
        yield "session", session["id"], session["state"], session["kind"], session["run"] or ""
        yield "lease", told["lease"]["standing"], told["lease"]["holder"] or ""
    if found:
        yield "feature", found["id"], found["status"], found["title"]
    yield from (("features", word, str(count)) for word, count in told["features"].items())
    if told["checkpoint"]:
        yield "checkpoint", told["checkpoint"]
    yield from (("unfinished", other) for other in told["others"])
    yield from (("debt", debt["session"], debt["since"]) for debt in told["debts"])
    yield from (
        ("pending", name, "" if layer["pending"] is None else str(layer["pending"]))
        for name, layer in told["layers"].items()
    )
    yield from (("uncommitted", path) for path in told["uncommitted"])
    yield from (("private", name) for name in told["private"])
    yield from (("damaged", sentence) for sentence in told["damaged"])
    yield "next", told["next"]["feature"] or ""
    yield "verdict", told["verdict"], told["row"], told["next"]["command"], told["reason"]
