"""Read a night from the state branch, the journals and the refs; writes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn import baseline, names
from ovn import features as registry
from ovn.clock import rfc3339
from ovn.config import Config
from ovn.errors import NotFound, NotInitialised
from ovn.recovery.facts import leases_of
from ovn.report import built, gaps, shifts, sources, span, work
from ovn.report.model import Asked, Change, Event, Gap, Held, Limit, Night, Operation, Said, Summary
from ovn.report.needs import needs
from ovn.report.verdict import verdict
from ovn.runner import sole, stop
from ovn.session import questions

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from ovn.model.documents import Baseline, Run
    from ovn.model.documents import Feature as FeatureDocument
    from ovn.model.documents import Session as SessionDocument
    from ovn.report.model import Session
    from ovn.report.span import Span
    from ovn.state.log import Entry
    from ovn.state.store import StateStore
    from ovn.state.view import View

GAPPED = frozenset(("session.state", "recovery"))
"""Events after which the records of their session are read for gaps."""


def gather(store: StateStore, *, run: str | None = None, since: datetime | None = None) -> Night:
    """Return a night: the one named, else all since a moment, else the newest (or the one going on).

    Where no run was ever held it is what came since the last session began. What is recorded
    and not folded yet counts, but has no commit to show: fold first where you can.
    Raises NotFound for a run that is not known, NotInitialised, and what reading the state raises.
    """
    view = store.view()
    tip = view.commit
    if tip is None:
        raise NotInitialised("this repository has no state yet")
    told = _span(store, view, tip, run, since)
    alive = {runner.run for runner in sole.alive(store.location.local)}
    runs = tuple(_held(one, alive, told.entries) for one in told.runs)
    return _night(store, view, told, runs)


def nights(store: StateStore) -> list[Summary]:
    """Return every run, newest first. Raises what ``gather`` does."""
    view = store.view()
    if view.commit is None:
        raise NotInitialised("this repository has no state yet")
    alive = {runner.run for runner in sole.alive(store.location.local)}
    known = view.features()
    runs = sorted(view.runs().values(), key=lambda one: (one.started, one.id), reverse=True)
    return [_summary(view, one, alive, known) for one in runs]


def _span(store: StateStore, view: View, tip: str, run: str | None, since: datetime | None) -> Span:
    if run is not None:
        found = view.run(run)
        if found is None:
            raise NotFound(f"no run '{run}'", hint="see 'git ovn log'")
        return span.of_run(store, view, tip, found)
    if since is not None:
        return span.since(store, view, tip, since)
    last = span.newest(view.runs().values())
    return span.of_run(store, view, tip, last) if last is not None else span.of_last_session(store, tip)


def _night(store: StateStore, view: View, told: Span, runs: Sequence[Held]) -> Night:
    newest = runs[-1] if runs else None
    life = newest.life if newest is not None else "none"
    sessions = shifts.sessions(view, told.sessions, told.entries, _working(store))
    documents = [one for name in told.sessions if (one := view.session(name)) is not None]
    head = _head(store, newest)
    base = runs[0].run.base if runs else None
    commits = work.commits(store, documents, head, base)
    known = view.features()
    rows = built.features(store, known, sessions, commits, told.entries)
    asked = _questions(view, told)
    found_gaps = _gaps(store, view, told)
    operations = _operations(view, told.entries)
    damaged = tuple(map(str, view.damaged))
    started = newest.run.started if newest else sessions[0].started if sessions else told.since
    ended = newest.run.ended if newest else None
    state = view.commit or ""
    return Night(
        project=view.project.project,
        state=state,
        at=rfc3339(store.clock.now()),
        life=life,
        verdict=verdict(rows, newest, life, sessions),
        since=told.since,
        started=runs[0].run.started if runs else started,
        ended=ended,
        seconds=sources.between(runs[0].run.started if runs else None, ended),
        runs=tuple(runs),
        needs=needs(
            runs,
            questions=asked,
            features=rows,
            sessions=sessions,
            commits=commits,
            operations=operations,
            damaged=damaged,
            state=sources.commit(state),
        ),
        features=tuple(rows),
        sessions=tuple(sessions),
        commits=tuple(commits),
        questions=asked,
        baseline=_baseline(store, view, documents, head, base),
        gaps=found_gaps,
        decisions=_decisions(sessions),
        next=_next(sessions, known),
        operations=operations,
        events=tuple(map(_event, told.entries)),
        crashes=sum(gap.kind == "crash" for gap in found_gaps),
        cost_usd=round(sum(one.run.cost_usd for one in runs), 6),
        tokens=built.total(one.tokens for session in sessions for one in session.attempts),
        damaged=damaged,
        noticed=_noticed(told.runs),
    )


# -- runs ------------------------------------------------------------------------------


def _held(run: Run, alive: Collection[str], entries: Iterable[Entry]) -> Held:
    """Return a run with its end in words: those of the commit that ended it, as far as they go."""
    life = _life(run, alive)
    last = next((one for one in reversed(list(entries)) if one.run == run.id and one.event == "run"), None)
    said = last.subject.partition("): ended, ")[2] if last is not None and life == "ended" else ""
    known = stop.REASONS.get(run.stop or "")
    why = said if said and not said.endswith("…") else known.sentence if known is not None else run.stop
    return Held(
        run=run,
        life=life,
        source=sources.commit(last.oid) if last is not None else sources.document(names.run_file(run.id)),
        why=why if life == "ended" else None,
        seconds=sources.between(run.started, run.ended),
        limits=_limits(run),
    )


def _life(run: Run, alive: Collection[str]) -> str:
    if run.state == "ended":
        return "ended"
    return "running" if run.id in alive else "died"


def _limits(run: Run) -> tuple[Limit, ...]:
    """Return the run's limits with what was used of them; those that were not set are left out."""
    hours = (sources.between(run.started, run.ended) or 0.0) / 3600
    used = {
        "max_sessions": float(len(run.sessions)),
        "max_cost_usd": run.cost_usd,
        "max_tokens": float(run.tokens),
        "max_hours": hours,
    }
    return tuple(
        Limit(name, value, used.get(name)) for name, value in sorted(run.limits.items()) if value is not None
    )


def _summary(view: View, run: Run, alive: Collection[str], known: dict[str, FeatureDocument]) -> Summary:
    life = _life(run, alive)
    sessions = (view.session(one) for one in run.sessions)
    built_in = dict.fromkeys(one.feature for one in sessions if one is not None and one.feature is not None)
    reason = stop.REASONS.get(run.stop or "")
    return Summary(
        run=run,
        life=life,
        source=sources.document(names.run_file(run.id)),
        why=(reason.sentence if reason is not None else run.stop) if life == "ended" else None,
        seconds=sources.between(run.started, run.ended),
        features=tuple(built_in),
        done=tuple(one for one in built_in if one in known and known[one].status == "done"),
    )


# -- what is going on ------------------------------------------------------------------


def _working(store: StateStore) -> frozenset[str]:
    """Return the sessions whose lease has a living holder."""
    known = leases_of(store, Config())
    return frozenset(held.lease.session for held in known.all() if not known.dead(held))


def _head(store: StateStore, newest: Held | None) -> str | None:
    """Return the end of the night's branch; HEAD where there is none any more."""
    branch = newest.run.branch if newest is not None else None
    found = store.objects.resolve(branch, peel=True) if branch is not None else None
    return found or store.objects.resolve("HEAD", peel=True)


# -- parts -----------------------------------------------------------------------------


def _baseline(
    store: StateStore, view: View, documents: Sequence[SessionDocument], head: str | None, base: str | None
) -> Change | None:
    """Return the tests before the night against now, by baselines of one command.

    ``now`` is the one of HEAD's tree where it was measured, else the last that a session used.
    """
    named = [one.baseline for one in documents if one.baseline is not None]
    known = [found for name in dict.fromkeys(named) if (found := view.baseline(name)) is not None]
    first = next(iter(_of_tree(store, view, base)), None) or next(iter(known), None)
    if first is None:
        return None
    here = [one for one in _of_tree(store, view, head) if one.command == first.command]
    later = [one for one in known if one.command == first.command]
    now = here[-1] if here else later[-1] if later else first
    change = baseline.compare(first, now)
    return Change(
        before=first,
        now=now,
        before_source=sources.document(names.baseline_file(first.name)),
        now_source=sources.document(names.baseline_file(now.name)),
        on_head=bool(here),
        newly_failing=change.newly_failing,
        newly_passing=change.newly_passing,
        still_failing=change.still_failing,
    )


def _of_tree(store: StateStore, view: View, commit: str | None) -> list[Baseline]:
    """Return the baselines of a commit's tree: their documents are named by it."""
    info = work.info_of(store, commit) if commit is not None else None
    if info is None:
        return []
    stems = [one.removesuffix(".json") for one in view.names("baseline") if one.startswith(info.tree[:12])]
    found = [view.baseline(stem) for stem in stems]
    return sorted((one for one in found if one is not None and one.tree == info.tree), key=lambda one: one.at)


def _questions(view: View, told: Span) -> tuple[Asked, ...]:
    """Return the questions of the night's sessions, and every other one that is still open."""
    waiting = {one.id for one in questions.open_ones(view)}
    mine = set(told.sessions)
    found = [one for one in view.questions().values() if one.id in waiting or one.session in mine]
    return tuple(
        Asked(one, sources.document(names.question_file(one.id)))
        for one in sorted(found, key=lambda one: (one.at, one.id))
    )


def _operations(view: View, entries: Iterable[Entry]) -> tuple[Operation, ...]:
    ids = dict.fromkeys(one.operation for one in entries if one.operation is not None)
    found = [one for name in ids if (one := view.operation(name)) is not None]
    return tuple(
        Operation(
            id=one.id,
            at=one.at,
            verb=one.verb,
            state=one.state,
            session=one.session,
            source=sources.document(names.operation_file(one.id)),
            feature=one.feature,
            target=one.target,
            undone_by=one.undone_by,
        )
        for one in found
    )


def _gaps(store: StateStore, view: View, told: Span) -> tuple[Gap, ...]:
    """Return the gaps of the sessions in which something happened that can be one."""
    worth = dict.fromkeys(one.session for one in told.entries if one.event in GAPPED and _may_gap(one))
    found = [gap for run in told.runs for gap in gaps.of_watch(run, names.run_file(run.id))]
    for session in worth:
        if session is not None:
            source = sources.document(view.place(names.session_file(session)))
            found += gaps.gaps(session, [record for _, record in store.replay(session)], source)
    return tuple(sorted(found, key=lambda gap: gap.started))


def _may_gap(entry: Entry) -> bool:
    return entry.event == "recovery" or "waiting" in entry.subject


def _noticed(runs: Iterable[Run]) -> tuple[Said, ...]:
    """Return what the watchdog saw, but for the gaps, which have rows of their own."""
    return tuple(
        Said(
            f"{seen.what}: {seen.text}", sources.document(names.run_file(run.id)), seen.session, seen.feature
        )
        for run in runs
        for seen in run.watch
        if seen.what not in gaps.STILL
    )


def _decisions(sessions: Iterable[Session]) -> tuple[Said, ...]:
    return tuple(Said(text, one.source, one.id, one.feature) for one in sessions for text in one.decisions)


def _next(sessions: Sequence[Session], known: dict[str, FeatureDocument]) -> tuple[Said, ...]:
    """Return what comes next: the registry's choice first, then what the last handoff says."""
    chosen = registry.choose(known)
    last = next((one for one in reversed(sessions) if one.handoff is not None), None)
    words = last.handoff.next if last is not None and last.handoff is not None else ()
    source = sources.document(names.feature_file(chosen.id)) if chosen is not None else None
    ahead = [Said(f"{chosen.id}: {chosen.title}", source, None, chosen.id)] if chosen and source else []
    after = [Said(text, last.source, last.id, last.feature) for text in words] if last is not None else []
    return (*ahead, *after)


def _event(entry: Entry) -> Event:
    return Event(
        commit=entry.oid,
        at=entry.when,
        event=entry.event,
        subject=entry.subject,
        body=entry.body,
        session=entry.session,
        feature=entry.feature,
        checkpoint=entry.checkpoint,
        run=entry.run,
    )
