"""Which part of the story a night is: from the commit that began its run to the one that ended it.

Found by ancestry on the state branch, not by a clock; only ``--since`` is a moment by nature.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn import names
from ovn.clock import parse_rfc3339, rfc3339
from ovn.frozen import dataclass
from ovn.state import log

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from ovn.model.documents import Run
    from ovn.state.log import Entry
    from ovn.state.store import StateStore
    from ovn.state.view import View

SLACK = 24 * 3600.0
"""Seconds by which a clock may have been set back, and ``--since`` still finds all of it."""


@dataclass(frozen=True, slots=True)
class Span:
    """The entries of a night, oldest first; its runs, and the sessions at work in it, in that order."""

    entries: tuple[Entry, ...]
    runs: tuple[Run, ...]
    sessions: tuple[str, ...]
    since: str | None = None


def of_run(store: StateStore, view: View, tip: str, run: Run) -> Span:
    """Return the span of one run: the story between its first commit and its last."""
    path = names.run_file(run.id)
    found: list[Entry] = []
    for entry in log.entries(store.objects, tip):
        ours = entry.run == run.id and entry.event == "run"
        if not found and run.state == "ended" and not ours:
            continue  # after its end
        found.append(entry)
        if ours and _begins(store, entry, path):
            break
    found.reverse()
    mine = [one for one in _sessions(found) if _is_of(view, one, run)]
    sessions = tuple(dict.fromkeys([*run.sessions, *mine]))
    return Span(_only(found, sessions, (run,)), (run,), sessions)


def since(store: StateStore, view: View, tip: str, moment: datetime) -> Span:
    """Return all that happened since a moment, by the times of the state branch's commits."""
    wanted, edge = rfc3339(moment), moment.timestamp() - SLACK
    found: list[Entry] = []
    for entry in log.entries(store.objects, tip):
        if entry.when >= wanted:
            found.append(entry)
        elif parse_rfc3339(entry.when).timestamp() < edge:
            break
    found.reverse()
    named = {entry.run for entry in found}
    runs = [one for one in view.runs().values() if one.id in named or one.state == "running"]
    return Span(tuple(found), tuple(_in_order(runs)), tuple(_sessions(found)), wanted)


def of_last_session(store: StateStore, tip: str) -> Span:
    """Return, where no run was ever held, the story since the newest session began."""
    found: list[Entry] = []
    for entry in log.entries(store.objects, tip):
        found.append(entry)
        if entry.event == "session.created":
            break
    else:
        found = []
    found.reverse()
    return Span(tuple(found), (), tuple(_sessions(found)))


def newest(runs: Iterable[Run]) -> Run | None:
    """Return the newest run: one that is going on, else the last that began."""
    return max(runs, key=lambda run: (run.state == "running", run.started, run.id), default=None)


def _in_order(runs: Iterable[Run]) -> list[Run]:
    return sorted(runs, key=lambda run: (run.started, run.id))


def _begins(store: StateStore, entry: Entry, path: str) -> bool:
    """Tell whether the run's document is new in this commit."""
    parents = store.objects.commit(entry.oid).parents
    return not any(store.objects.find(parent, path) for parent in parents)


def _sessions(entries: Sequence[Entry]) -> Iterator[str]:
    yield from dict.fromkeys(one.session for one in entries if one.session is not None)


def _is_of(view: View, session: str, run: Run) -> bool:
    """Tell whether a session belongs to the run, or to none and its own: another run's does not."""
    found = view.session(session)
    return found is not None and found.run in (run.id, None)


def _only(entries: Iterable[Entry], sessions: Sequence[str], runs: Sequence[Run]) -> tuple[Entry, ...]:
    """Return what is of these sessions and runs, or of none in particular."""
    mine, ids = set(sessions), {run.id for run in runs}
    return tuple(
        one for one in entries if (one.session is None or one.session in mine) and one.run in {None, *ids}
    )
