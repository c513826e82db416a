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
