"""Whose act a verb is, for the layers below: who asks, who writes the records, with which lease."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ovn.cli.context import Context
    from ovn.recovery.facts import Us


def us(context: Context) -> Us:
    """Return who asks: a process of a session or run, or a person's shell."""
    from ovn.recovery.facts import Us

    return Us(session=context.session, run=context.run)


def writer(context: Context) -> str:
    """Return who writes the records: ``agent`` in a session's process, else ``person``."""
    return "agent" if context.session else "person"


def generation(context: Context, session: str) -> int | None:
    """Return the lease's generation as this process knows it; an older one is refused.

    A session's process was told it when it was started; a shell knows what the hooks know.
    """
    from ovn import active, names

    told = context.environ.get(names.ENV_GENERATION, "")
    if context.session == session and told.isdecimal():
        return int(told)
    at_work = active.read(context.location.local, context.location.worktree)
    return at_work.generation if at_work and at_work.session == session else None
