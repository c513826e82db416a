"""Where a verb was typed: which session, which checkpoint, which paths are meant there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ovn.errors import UsageError
from ovn.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ovn.checkpoints import Limits
    from ovn.cli.context import Context
    from ovn.model.documents import Checkpoint


@dataclass(frozen=True, slots=True)
class Here:
    """The session that acts, who writes its records, and its lease's generation (None: no lease)."""

    session: str
    by: str
    generation: int | None


def session_here(context: Context) -> Here:
    """Return the session at work in this work tree, else the one for checkpoints by hand.

    The latter is made when it is first needed: it has no lease, no shift and no debt.
    """
    from ovn import active
    from ovn.shift.manual import manual_session

    location = context.location
    at_work = active.read(location.local, location.worktree)
    by = "agent" if context.session else "person"
    if at_work is None:
        return Here(manual_session(context.store), by, None)
    return Here(at_work.session, by, at_work.generation)


def current_session(context: Context) -> str | None:
    """Return the session at work in this work tree; None when there is none."""
    from ovn import active

    at_work = active.read(context.location.local, context.location.worktree)
    return at_work.session if at_work else None


def named_checkpoint(context: Context, text: str) -> Checkpoint:
    """Return the checkpoint that a person means by ``text``; raises NotFound, Ambiguous."""
    from ovn.checkpoints import found, resolve

    known = found(context.store)
    return resolve(text, known, session=current_session(context), worktree=context.location.worktree)


def limits(context: Context) -> Limits:
    """Return what checkpoints leave out here, and whether the repository's filters may run."""
    from ovn.checkpoints import Limits

    megabyte = 10**6
    wanted = context.config.checkpoints
    return Limits(
        wanted.max_file_mb * megabyte, wanted.max_total_mb * megabyte, trusted=context.filters_trusted
    )


def tree_now(context: Context) -> str:
    """Return the tree of the work tree as it is now; no ref holds it."""
    from ovn.checkpoints import look

    return look(context.store, limits(context)).tree


def paths_here(context: Context, paths: Iterable[str]) -> tuple[str, ...]:
    """Return paths typed in the current folder as the repository knows them, from its top."""
    from ovn.git.paths import quote

    top = context.location.tree()
    here = Path.cwd()
    found = []
    for path in paths:
        inside = os.path.relpath(os.path.normpath(here / path), top)
        if inside == ".." or inside.startswith("../"):
            raise UsageError(
                f"'{path}' is outside the repository at '{top}'", hint="name paths inside of it, after '--'"
            )
        found.append(quote(os.fsencode(inside)))
    return tuple(found)
