"""The features of a night: what was proven, what changed, what it took."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from ovn import names
from ovn.report import sources, tests, work
from ovn.report.model import Attempt, Commit, Diff, Evidence, Feature, Tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ovn.model import documents
    from ovn.report.model import Session, Source, Weakening
    from ovn.state.log import Entry
    from ovn.state.store import StateStore

T = TypeVar("T")


def features(
    store: StateStore,
    known: Mapping[str, documents.Feature],
    sessions: Sequence[Session],
    commits: Sequence[Commit],
    entries: Sequence[Entry],
) -> list[Feature]:
    """Return every feature: those that the night touched first, then by the registry's order."""
    own = _by_feature((one.feature, one) for one in commits if one.kind == "own")
    tried = _by_feature((one.feature, one) for session in sessions for one in session.attempts)
    at_work = _by_feature((one.feature, one.id) for one in sessions)
    said = _by_feature((one.feature, one) for one in entries)
    kept = _kept(entries)
    parts = {name: work.stretches(store, _worth(found)) for name, found in own.items() if name in known}
    diffs = work.diffs(store, parts)
    weaker = {name: tests.weaker_in(store, found) for name, found in parts.items()}
    rows = [
        _feature(
            one,
            touched=bool(one.id in said or one.id in own or one.id in tried),
            here=_proven(said.get(one.id, ())),
            commits=own.get(one.id, []),
            diff=diffs.get(one.id, Diff()),
            weaker=weaker.get(one.id, ()),
            attempts=tried.get(one.id, []),
            sessions=at_work.get(one.id, []),
            kept=kept.get(one.id),
        )
        for one in known.values()
    ]
    return sorted(rows, key=lambda row: (not row.touched, row.priority, row.number, row.id))


def _by_feature(pairs: Iterable[tuple[str | None, T]]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = {}
    for name, one in pairs:
        if name is not None:
            found.setdefault(name, []).append(one)
    return found


def _worth(found: Sequence[Commit]) -> list[Commit]:
    """Return the commits whose changes count: those that stand, or all where none does any more."""
    return [one for one in found if one.standing == "kept"] or list(found)


def _proven(entries: Sequence[Entry]) -> Entry | None:
    """Return the entry of the last evidence that was recorded in the night."""
    return next((one for one in reversed(entries) if one.event == "evidence"), None)


def _kept(entries: Sequence[Entry]) -> dict[str, str]:
    """Return the tags of the work that was given up, by feature."""
    found = {}
    for entry in entries:
        label = entry.subject.partition("): ")[2]
        if entry.event == "checkpoint" and entry.session is not None and label.startswith("failed-"):
            found[label.removeprefix("failed-")] = names.tag_ref(entry.session, label)
    return found


def _feature(
    one: documents.Feature,
    *,
    touched: bool,
    here: Entry | None,
    commits: Sequence[Commit],
    diff: Diff,
    weaker: Sequence[Weakening],
    attempts: Sequence[Attempt],
    sessions: Sequence[str],
    kept: str | None,
) -> Feature:
    source = sources.document(names.feature_file(one.id))
    costs = [attempt.cost_usd for attempt in attempts if attempt.cost_usd is not None]
    return Feature(
        id=one.id,
        title=one.title,
        status=one.status,
        priority=one.priority,
        source=source,
        number=one.number,
        touched=touched,
        done_here=one.status == "done" and here is not None,
        claimed=one.claimed,
        green_before=one.green_before,
        reason=one.reason,
        evidence=_evidence(one, here, source),
        commits=tuple(commits),
        diff=diff,
        outside=work.outside(diff.paths, one.paths),
        tests=tuple(weaker),
        attempts=tuple(attempts),
        sessions=tuple(sessions),
        seconds=round(sum(attempt.seconds or 0.0 for attempt in attempts), 3),
        cost_usd=round(sum(costs), 6) if costs else None,
        tokens=total(attempt.tokens for attempt in attempts),
        kept=kept,
        depends_on=one.depends_on,
    )


def _evidence(one: documents.Feature, here: Entry | None, source: Source) -> Evidence | None:
    found = one.evidence
    if found is None:
        return None
    backed = sources.commit(here.oid) if here is not None else source
    return Evidence(found.at, found.green, found.tree, found.commit, found.partial, found.commands, backed)


def total(several: Iterable[Tokens | None]) -> Tokens | None:
    """Return all tokens together; None where nothing is known."""
    known = [one for one in several if one is not None]
    if not known:
        return None
    return Tokens(
        sum(one.input for one in known), sum(one.output for one in known), sum(one.cached for one in known)
    )
