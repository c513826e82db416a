"""What needs a person, the most urgent first. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn.report import sources
from ovn.report.model import Need

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ovn.report.model import Asked, Commit, Feature, Held, Operation, Session, Source

PERSON = frozenset(("needs-person", "broken-baseline", "unhealthy", "hooks-off", "crash-loop", "disk"))
"""Stop words after which the next night would end the same way."""


def needs(
    held: Sequence[Held],
    *,
    questions: Iterable[Asked],
    features: Iterable[Feature],
    sessions: Iterable[Session],
    commits: Sequence[Commit],
    operations: Iterable[Operation],
    damaged: Iterable[str],
    state: Source,
) -> tuple[Need, ...]:
    """Return what needs a person in this night, in the order in which to look at it."""
    return (
        *_of_runs(held),
        *_questions(questions),
        *(Need("damaged", text, state, "git ovn fsck") for text in damaged),
        *_of_operations(operations),
        *_of_features(features),
        *_of_commits(commits),
        *_of_sessions(sessions),
    )


def _of_runs(held: Sequence[Held]) -> Iterator[Need]:
    for one in held:
        if one.life == "died":
            text = f"run '{one.run.id}' never ended, and its runner is not alive on this machine"
            yield Need("died", text, one.source, "git ovn run")
    last = held[-1] if held else None
    if last is not None and last.life == "ended" and last.run.stop in PERSON:
        yield Need("stopped", f"the night ended because {last.why}", last.source, "git ovn doctor")


def _questions(questions: Iterable[Asked]) -> Iterator[Need]:
    for one in questions:
        if one.question.answer is None:
            asked = one.question
            yield Need(
                "question", f"{asked.session} asks: {asked.text}", one.source, f"git ovn answer {asked.id}"
            )


def _of_operations(operations: Iterable[Operation]) -> Iterator[Need]:
    for one in operations:
        if one.state in ("open", "abandoned"):
            text = f"the {one.verb} of {one.session} is {'half done' if one.state == 'open' else 'abandoned'}"
            yield Need("conflict", text, one.source, "git ovn resume")


def _of_features(features: Iterable[Feature]) -> Iterator[Need]:
    for one in features:
        if one.status == "blocked":
            yield Need(
                "blocked",
                f"{one.id} is blocked: {one.reason or 'no reason is known'}",
                one.source,
                f"git ovn feature unblock {one.id}",
            )
        elif one.status == "failed":
            yield Need(
                "red",
                f"{one.id} does not hold any more: {one.reason or 'no reason is known'}",
                one.source,
                f"git ovn feature show {one.id}",
            )
        if one.tests:
            count = len(one.tests)
            text = f"{one.id} made tests weaker in {count} place{'s' if count > 1 else ''}"
            yield Need("weakened", text, one.tests[0].source, f"git ovn review {one.id}")


def _of_commits(commits: Sequence[Commit]) -> Iterator[Need]:
    for one in commits:
        if one.standing != "kept":
            continue
        named = f"{one.commit[:10]} {one.subject}"
        if one.bypassed:
            text = f"a commit passed by the hooks: {named}"
            yield Need("bypassed", text, sources.commit(one.commit), f"git show {one.commit[:10]}")
        if one.kind == "foreign":
            text = f"somebody else committed meanwhile: {named}"
            yield Need("foreign", text, sources.commit(one.commit), f"git show {one.commit[:10]}")


def _of_sessions(sessions: Iterable[Session]) -> Iterator[Need]:
    for one in sessions:
        if one.owes_handoff:
            text = f"session '{one.id}' left without a handoff"
            yield Need("debt", text, one.source, f"git ovn resume {one.id}")
        for blocker in one.blockers:
            if blocker.open and one.ended is None:
                yield Need("blocked", f"{one.id}: {blocker.text}", one.source, f"git ovn resume {one.id}")
