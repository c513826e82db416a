"""Where a work tree stands: the document that ``git ovn status --json`` prints and ``/status`` serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ovn import active
from ovn.features import choose
from ovn.model import codec
from ovn.shift import views
from ovn.state import layers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from ovn.model.documents import Question, Session
    from ovn.recovery.diagnosis import Verdict
    from ovn.recovery.facts import Found
    from ovn.state.store import StateStore
    from ovn.state.view import View

OPEN = ("pending", "in_progress", "failed", "blocked", "rolled_back")
"""What a feature's status may be while it is not done, as the document counts them."""


def document(
    store: StateStore, found: Found, ahead: Sequence[Verdict], runners: Collection[str]
) -> dict[str, Any]:
    """Return where a work tree stands, as ``schemas/output/status.schema.json`` says it, without ``version``.

    ``found`` are the facts about its session, ``ahead`` the course that the recovery table takes
    from them, ``runners`` the runs whose runner lives. Raises what reading the state raises.
    """
    view, location = store.view(), store.location
    session, facts = found.session, found.facts
    registry = view.features()
    feature = registry.get(session.feature) if session and session.feature else None
    following = choose(registry)
    debts = active.debts(location.local, location.worktree)
    kept = layers.pending(view, location.local, session.id if session else None)
    pending = {name: count for name, count in view.pending.items() if count}
    return {
        "project": view.project.project,
        "worktree": location.worktree,
        "session": codec.encode(session) if session else None,
        "others": list(found.others),
        "feature": codec.encode(feature) if feature else None,
        "features": {word: sum(one.status == word for one in registry.values()) for word in (*OPEN, "done")},
        "checkpoint": session.checkpoint if session else None,
        "lease": {"standing": facts.lease, "holder": facts.holder} if session else None,
        "debts": [{"session": one.session, "since": one.since} for one in debts],
        "run": _run(view, location.worktree, runners),
        "questions": sum(_waits(view, one) for one in view.questions().values()),
        "pending": pending,
        "layers": {
            "TRANSIENT": {"pending": kept["transient"], "what": "values in the memory of a program"},
            "SESSION": {"pending": sum(pending.values()), "what": "records not on the state branch yet"},
            "PERSISTENT": {"pending": len(found.uncommitted), "what": "paths not committed"},
            "LONG_TERM": {"pending": len(views.edited(location)), "what": "edited views not imported"},
        },
        "values": kept,
        "uncommitted": list(found.uncommitted),
        "private": sorted({*active.hidden(location.local), *_private(session)}),
        "damaged": [str(one) for one in view.damaged],
        "verdict": ahead[-1].verdict,
        "row": ahead[-1].row,
        "reason": ahead[-1].reason,
        "next": {"command": ahead[0].command, "feature": following.id if following else None},
    }


def _private(session: Session | None) -> Iterator[str]:
    if session is not None and session.private is not None:
        yield session.id


def _run(view: View, worktree: str, runners: Collection[str]) -> dict[str, Any] | None:
    found = [one for one in view.runs().values() if one.state == "running" and one.worktree == worktree]
    run = max(found, key=lambda one: (one.started, one.id), default=None)
    if run is None:
        return None
    told = {"id": run.id, "started": run.started, "deadline": run.deadline, "cost_usd": run.cost_usd}
    return {**told, "alive": run.id in runners}


def _waits(view: View, question: Question) -> bool:
    """Tell whether somebody still waits for the answer."""
    session = view.session(question.session)
    return question.answer is None and (session is None or session.ended is None)
