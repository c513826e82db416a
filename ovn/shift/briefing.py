"""What an agent is told when its shift begins or goes on, gathered from state and git."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from ovn import features, names
from ovn.errors import OvnError
from ovn.shift import context, handoff
from ovn.state import log

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ovn.model.documents import Handoff, Session
    from ovn.state.fold import FoldReport
    from ovn.state.store import StateStore
    from ovn.state.view import View

LOOK_BACK = 1000
"""State commits that are searched for the last handoff: some days of work."""

COMMITS = 10
"""The session's own commits that are named, the newest."""


def brief(
    store: StateStore,
    view: View,
    session: Session,
    *,
    notices: Sequence[str] = (),
    output: str = "",
    output_file: str | None = None,
) -> str:
    """Return the context for the agent of a session: under 8,000 characters.

    ``output`` is the end of what failed last, ``output_file`` where all of it is.
    """
    return context.text(
        material(store, view, session, notices=notices, output=output, output_file=output_file)
    )


def material(
    store: StateStore,
    view: View,
    session: Session,
    *,
    notices: Sequence[str] = (),
    output: str = "",
    output_file: str | None = None,
) -> context.Material:
    """Return what the context of a session is made of."""
    known = view.features()
    feature = known.get(session.feature) if session.feature else None
    others = [one for one in features.pending(known) if one.id != session.feature]
    return context.Material(
        session=session,
        feature=feature,
        earlier=last_handoff(store, view, session),
        tried=handoff.tried(session.attempts),
        baseline=view.baseline(session.baseline) if session.baseline else None,
        notices=tuple(notices),
        commits=subjects(store, session)[-COMMITS:],
        output=output,
        log=output_file or next((one.log for one in reversed(session.attempts) if one.log), None),
        others=len(others),
    )


def last_handoff(store: StateStore, view: View, session: Session) -> Handoff | None:
    """Return the last handoff before this session, of its work tree if there is one.

    Found in the story, newest first, so its cost does not grow with the number of sessions.
    """
    if view.commit is None:
        return None
    anywhere = None
    for entry in islice(log.entries(store.objects, view.commit), LOOK_BACK):
        if entry.event != "handoff" or entry.session in (None, session.id):
            continue
        earlier = view.session(entry.session or "")
        said = view.handoff(entry.session or "")
        if said is not None and earlier is not None and earlier.worktree == session.worktree:
            return said
        anywhere = anywhere or said
    return anywhere


def subjects(store: StateStore, session: Session) -> list[tuple[str, str]]:
    """Return (id, subject) of the session's own commits on its branch, oldest first.

    What was rolled back, or amended into another, is no longer part of what it did.
    """
    here = session.worktree == store.location.worktree
    head = store.objects.resolve("HEAD", peel=True) if here else session.head
    replaced = {pair.old for pair in session.rewrites}
    own = [one.commit for one in session.commits if one.kind == "own" and one.commit not in replaced]
    kept = [oid for oid in own if head and store.objects.exists(oid) and store.objects.is_ancestor(oid, head)]
    return [(oid, store.objects.commit(oid).subject) for oid in kept]


def uncommitted_notice(paths: Sequence[str]) -> list[str]:
    """Return the sentence about uncommitted files, or nothing."""
    if not paths:
        return []
    shown = ", ".join(paths[:8]) + (f" and {len(paths) - 8} more" if len(paths) > 8 else "")
    return [f"Uncommitted: {shown}"]


def operation_notice(operation: str | None) -> list[str]:
    """Return the sentence about a merge, rebase ... in progress, or nothing."""
    return [f"A {operation} is in progress: finish it or give it up with git itself."] if operation else []


def fold_notices(report: FoldReport) -> list[str]:
    """Return what a fold found that nobody expected: branch put back, torn tail, lost records."""
    lines = [*report.said, *map(str, report.set_aside)]
    if report.cut_bytes:
        lines.append(f"{report.cut_bytes} bytes of a torn write were cut off; it was never acknowledged")
    lines += [f"record {seq} of session '{session}' was damaged on disk" for session, seq in report.lost]
    return lines


def render_views(store: StateStore, view: View) -> tuple[str, ...]:
    """Render the views of this work tree; return what to say of it.

    They are a copy for people: what stands in their way stops no shift.
    """
    from ovn.shift import views

    try:
        rendered = views.render(store, view)
    except (OvnError, OSError) as error:
        return (f"the files in {names.OVERNIGHT_FOLDER}/ were not rendered: {error}",)
    hint = "what was meant comes in by 'git ovn feature import'"
    return tuple(
        f"an edited view was kept as '{path}' and rendered again; {hint}" for path in rendered.rejected
    )
