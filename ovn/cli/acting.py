"""Who acts when a verb changes the registry, and what is done after: trust, views."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ovn.checks.commands import Command
    from ovn.checks.trust import Item
    from ovn.checks.verify import Bench
    from ovn.cli.context import Context
    from ovn.features import Actor
    from ovn.model.documents import Feature


def actor(context: Context) -> Actor:
    """Return who changes the registry here.

    The session at work takes the records. An agent in it is held to the rules for agents: a
    process that carries ``OVN_SESSION``, or one without a terminal in a session's work tree.
    """
    from ovn import active
    from ovn.features import Actor

    at_work = active.read(context.location.local, context.location.worktree)
    ours = at_work is not None and at_work.owns(context.session)
    guarded = context.session is not None or (ours and not _has_terminal())
    by = "agent" if guarded else "person"
    if at_work is None or not ours:
        return Actor(by, guarded=guarded)
    return Actor(by, at_work.session, at_work.generation, guarded and at_work.protect)


def is_person(context: Context) -> bool:
    """Return whether a person types this outside of a session, so that it is trusted as typed."""
    return actor(context).by == "person"


def _has_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def bench(context: Context, seconds: float | None = None) -> Bench:
    """Return where and how verify commands are measured here."""
    from ovn.checks import commands
    from ovn.checks.verify import Bench
    from ovn.cli.place import limits

    return Bench(context.environ, seconds=seconds or commands.SECONDS, limits=limits(context))


def items_of(context: Context, feature: Feature) -> list[Item]:
    """Return what verifying a feature runs, for the book of trust."""
    return _items(context, feature.id, feature.verify)


def _items(context: Context, feature: str, wanted: Iterable[Command]) -> list[Item]:
    from ovn.checks import trust

    return [trust.of_command(context.location, trust.verify_of(feature), command) for command in wanted]


def trust_as_typed(context: Context, feature: str, wanted: Sequence[Command]) -> None:
    """Trust verify commands that a person just typed; an agent's wait for a person."""
    if not wanted:
        return
    if is_person(context):
        context.book.allow(_items(context, feature, wanted))
    else:
        context.out.note("its verify commands run once a person allowed them with 'git ovn trust'")


def render_views(context: Context) -> None:
    """Render the views after a change, and say which edited ones were kept."""
    from ovn.shift import views

    for path in views.render(context.store).rejected:
        context.out.warning(f"somebody edited a view; what it said is in {path}")
        context.out.hint(f"'git ovn import {path}' takes in what it says")
