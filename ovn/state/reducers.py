"""What each record does to the documents: a table of pure functions, one per record type.

``apply`` is the one way from records to documents: the fold makes commits of its results,
and a view lays them over the tip for what is not folded yet. It never fails on a record
that obeys its schema: what refers to something that is not there has no effect, and the
record itself stays in the journal's segments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ovn import names
from ovn.frozen import replace
from ovn.model import codec, documents
from ovn.model.documents import (
    ENDED_STATES,
    Attempt,
    Blocker,
    Feature,
    Rewrite,
    Session,
    Work,
)
from ovn.state import programs
from ovn.state.events import Documents, Effect, Event

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ovn.model.records import Record


WORK = frozenset(("step", "retry"))
"""The verbs whose records count as steps of a session."""


def apply(docs: Documents, session: str, seq: int, record: Record) -> dict[str, Any]:
    """Return the documents that the record changes, by path; always its session's among them.

    A record at or below ``folded`` was applied before and changes nothing.
    """
    path = names.session_file(session)
    before = docs.get(path) or _unknown(session, record["at"])
    if seq <= before.folded:
        return {}
    effect = REDUCERS[record["type"]](Event(docs, before, record["at"], record["data"]))
    after = replace(before, **{**effect.session, "updated": record["at"], "folded": seq})
    return {**effect.documents, path: after}


def steps(docs: Documents, session: str, run: Sequence[tuple[int, Record]]) -> dict[str, Any]:
    """Return what ``apply`` would, one by one, for records of type ``step``; 50 times faster."""
    path = names.session_file(session)
    before = docs.get(path) or _unknown(session, run[0][1]["at"])
    fresh = [(seq, record) for seq, record in run if seq > before.folded]
    if not fresh:
        return {}
    outcomes = [
        record["data"]["outcome"] for _, record in fresh if record["data"].get("verb", "step") in WORK
    ]
    after = replace(
        before,
        steps=before.steps + len(outcomes),
        steps_failed=before.steps_failed + outcomes.count("failed"),
        updated=fresh[-1][1]["at"],
        folded=fresh[-1][0],
    )
    return {path: after}


def passed(docs: Documents, session: str, seq: int, at: str) -> dict[str, Any]:
    """Return the session's document with everything up to ``seq`` counted as folded, and no more."""
    path = names.session_file(session)
    before = docs.get(path) or _unknown(session, at)
    return {path: replace(before, folded=seq)} if seq > before.folded else {}


def _unknown(session: str, at: str) -> Session:
    """Return the session of a record that nothing introduced: a beginning that was set aside."""
    return Session(
        version=1, id=session, state="created", kind="detached", created=at, updated=at, worktree="main"
    )


_session = Effect.of
_NOTHING = _session()


# -- sessions ------------------------------------------------------------------------------


def _created(event: Event) -> Effect:
    return _session(**{field: value for field, value in event.data.items() if value is not None})


def _state(event: Event) -> Effect:
    state = event.data["state"]
    fields = {"state": state, "why": event.data.get("why"), "until": event.data.get("until")}
    if "generation" in event.data:
        fields["generation"] = event.data["generation"]
    fields["ended"] = (event.session.ended or event.at) if state in ENDED_STATES else None
    return _session(**fields)


def _feature_chosen(event: Event) -> Effect:
    return _session(feature=event.data["feature"])


def _head(event: Event) -> Effect:
    """HEAD moved; what the reference-transaction hook saw of other refs is only recorded."""
    if event.data.get("ref", "HEAD") != "HEAD" or event.data["new"] is None:
        return _NOTHING
    return _session(head=event.data["new"])


def _rewritten(event: Event) -> Effect:
    pairs = tuple(Rewrite(old, new) for old, new in event.data["pairs"])
    fresh = tuple(pair for pair in dict.fromkeys(pairs) if pair not in event.session.rewrites)
    head = next((pair.new for pair in pairs if pair.old == event.session.head), event.session.head)
    return _session(rewrites=event.session.rewrites + fresh, head=head)


def _commit(event: Event) -> Effect:
    """Note a commit; one seen twice, by the hook and by the runner, is one that both knew of."""
    data = event.data
    known = {work.commit: work for work in event.session.commits}
    seen = known.get(data["commit"])
    feature = data.get("feature") or (seen.feature if seen else None)
    bypassed = data.get("bypassed", False) or (seen.bypassed if seen else False)
    known[data["commit"]] = Work(data["commit"], data["kind"], feature, bypassed)
    return _session(commits=tuple(known.values()), head=data["commit"])


def _note(event: Event) -> Effect:
    return _session(notes=(*event.session.notes, event.data["text"]))


def _decision(event: Event) -> Effect:
    return _session(decisions=(*event.session.decisions, event.data["text"]))


def _blocker(event: Event) -> Effect:
    known = {blocker.id: blocker for blocker in event.session.blockers}
    known[event.data["id"]] = Blocker(event.data["id"], event.data["text"])
    return _session(blockers=tuple(known.values()))


def _unblocked(event: Event) -> Effect:
    blockers = event.session.blockers
    gone = event.data["id"]
    return _session(blockers=tuple(replace(one, open=False) if one.id == gone else one for one in blockers))


def _step(event: Event) -> Effect:
    if event.data.get("verb", "step") not in WORK:
        return _NOTHING  # the outcome of another call, kept for replay
    failed = event.data["outcome"] == "failed"
    return _session(steps=event.session.steps + 1, steps_failed=event.session.steps_failed + failed)


# -- attempts ------------------------------------------------------------------------------


def _attempt(event: Event, **fields: Any) -> Effect:
    number = event.data["number"]
    known = {attempt.number: attempt for attempt in event.session.attempts}
    found = known.get(number) or Attempt(number, event.session.feature, event.at, event.session.head)
    known[number] = replace(found, **fields)
    return _session(attempts=tuple(known.values()))


def _attempt_started(event: Event) -> Effect:
    data = event.data
    return _attempt(
        event, feature=data["feature"], started=event.at, head_from=data["head"], log=data.get("log")
    )


def _attempt_launched(event: Event) -> Effect:
    fields = ("pid", "pgid", "process_start", "boot_id")
    return _attempt(event, **{field: event.data[field] for field in fields})


def _attempt_ended(event: Event) -> Effect:
    data = event.data
    fields = {
        "ended": event.at,
        "exit_code": data["exit_code"],
        "reason": data["reason"],
        "head_to": data["head"],
    }
    if data.get("usage"):  # a judgement, which comes second, knows nothing of it
        fields["usage"] = codec.decode(documents.Usage, data["usage"])
    return _attempt(event, **fields)


# -- checkpoints, features, evidence -------------------------------------------------------


def _checkpoint(event: Event) -> Effect:
    data = event.data
    number = int(data["id"].rpartition("/")[2])
    fields = {"checkpoint": data["id"], "checkpoints": max(event.session.checkpoints, number)}
    fields |= {name: data[name] for name in ("head", "branch") if data[name] is not None}
    return _session(**fields)


def _feature_status(event: Event) -> Effect:
    path = names.feature_file(event.data["feature"])
    before: Feature | None = event.docs.get(path)
    if before is None:
        return _NOTHING
    status = event.data["status"]
    fields = {name: event.data[name] for name in ("attempts", "green_before") if name in event.data}
    fields |= {"status": status, "reason": event.data.get("reason")}
    if status == "in_progress":
        fields["started"] = before.started or event.at
    done = status == "done"
    fields["finished"] = event.at if done else None
    fields["completed"] = (before.completed or _next_completed(event.docs)) if done else None
    kept = programs.accepted(event, event.data["feature"]) if done else {}
    return Effect({}, {**kept, path: replace(before, **fields)})


def _next_completed(docs: Documents) -> int:
    """Return the next place in the order of completion: the registry lists done features by it."""
    features = (docs.get(f"features/{name}") for name in docs.names("features"))
    return 1 + max((feature.completed or 0 for feature in features if feature), default=0)


def _evidence(event: Event) -> Effect:
    path = names.feature_file(event.data["feature"])
    before: Feature | None = event.docs.get(path)
    if before is None:
        return _NOTHING
    evidence = codec.decode(documents.Evidence, dict(event.data))
    return Effect({}, {path: replace(before, evidence=evidence)})


# -- documents that a record carries whole -------------------------------------------------


def _whole(cls: type, path: Callable[[str], str]) -> Callable[[Event], Effect]:
    """Return the reducer of a record whose data is the document; ``path`` takes its id."""

    def reduce(event: Event) -> Effect:
        document = codec.decode(cls, dict(event.data))
        return Effect({}, {path(document.id): document})

    return reduce


def _baseline(event: Event) -> Effect:
    document = codec.decode(documents.Baseline, dict(event.data))
    return Effect({"baseline": document.name}, {names.baseline_file(document.name): document})


def _handoff(event: Event) -> Effect:
    document = codec.decode(documents.Handoff, dict(event.data))
    return Effect({}, {names.handoff_file(event.session.id): document})


def _question(event: Event) -> Effect:
    """Keep a question, or its first answer: who comes second, person or deadline, changes nothing."""
    document = codec.decode(documents.Question, dict(event.data))
    path = names.question_file(document.id)
    before = event.docs.get(path)
    return _NOTHING if before is not None and before.answer is not None else Effect({}, {path: document})


def _recorded(_event: Event) -> Effect:
    """Change nothing: what a replay or a reader of the story wants, and no document shows."""
    return _NOTHING


REDUCERS: dict[str, Callable[[Event], Effect]] = {
    "session.created": _created,
    "session.state": _state,
    "session.feature": _feature_chosen,
    "attempt.started": _attempt_started,
    "attempt.launched": _attempt_launched,
    "attempt.ended": _attempt_ended,
    "checkpoint": _checkpoint,
    "commit": _commit,
    "head": _head,
    "rewritten": _rewritten,
    "note": _note,
    "decision": _decision,
    "blocker": _blocker,
    "unblocked": _unblocked,
    "feature.status": _feature_status,
    "evidence": _evidence,
    "baseline": _baseline,
    "operation": _whole(documents.Operation, names.operation_file),
    "question": _question,
    "recovery": _recorded,
    "handoff": _handoff,
    "run": _whole(documents.Run, names.run_file),
    "step": _step,
    "step.started": _recorded,
    "step.retry": _recorded,
    "transaction": programs.transaction,
    "layer": programs.layer,
    "signal": _recorded,
    "interrupted": _recorded,
    "cut": _recorded,
    "session.code": programs.code,
    "session.forked": programs.forked,
    "session.private": programs.private,
}
