"""The options that several verbs share, so that they are spelled and explained once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")


def json_option(function: F) -> F:
    """Give a verb ``--json``; it reads ``context.json``."""
    return click.option(
        "--json",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_set_json,
        help="Print one JSON document on stdout.",
    )(function)


def _set_json(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        context.obj.json = True


PATHS = "ovn.paths"
"""Where ``PathsCommand`` leaves the paths in click's ``meta``."""


class PathsCommand(click.Command):
    """A verb that takes ``-- PATH...``, as git's do.

    click forgets where the ``--`` stood, so it is taken out before click looks.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep what follows ``--`` as paths; give the rest to click."""
        place = args.index("--") if "--" in args else len(args)
        ctx.meta[PATHS] = tuple(args[place + 1 :])
        return super().parse_args(ctx, args[:place])

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Show the paths in the usage line."""
        return [*super().collect_usage_pieces(ctx), "[-- PATH...]"]


def given_paths() -> tuple[str, ...]:
    """Return the paths after ``--`` of the verb that runs."""
    paths: tuple[str, ...] = click.get_current_context().meta.get(PATHS, ())
    return paths


def dry_run_option(function: F) -> F:
    """Give a verb ``--dry-run``."""
    return click.option("--dry-run", "-n", is_flag=True, help="Print what would be done; do nothing.")(
        function
    )


def force_option(function: F) -> F:
    """Give a verb that overwrites files ``--force``."""
    return click.option(
        "--force", "-f", is_flag=True, help="Go on where something would be lost; it is set aside first."
    )(function)
