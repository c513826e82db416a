"""The run's document, ``runs/<id>.json``: begun, kept up to date, ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ovn import names
from ovn.clock import rfc3339
from ovn.errors import NotFound
from ovn.frozen import replace
from ovn.model.documents import Seen
from ovn.redaction import redact

if TYPE_CHECKING:
    from ovn.model.documents import Run
    from ovn.state.store import StateStore
    from ovn.state.view import View

MOST_SEEN = 1000
"""What the watchdog saw that is kept of one night."""


def running(view: View, worktree: str) -> Run | None:
    """Return the run of a work tree that was begun and never ended: its runner died."""
    found = [run for run in view.runs().values() if run.state == "running" and run.worktree == worktree]
    return max(found, key=lambda run: (run.started, run.id), default=None)


def latest(view: View) -> Run | None:
    """Return the newest run of the repository, running or ended."""
    return max(view.runs().values(), key=lambda run: (run.started, run.id), default=None)


def begin(store: StateStore, run: Run) -> Run:
    """Record a new run, durable on return."""
    subject = f"run({run.id}): {run.agent} on {_short(run.branch)}"
    _write(store, run, subject)
    return run


def update(store: StateStore, run: str, words: str, **changes: Any) -> Run:
    """Change fields of a run's document; ``words`` say in the story what happened. Raises NotFound."""
    known = _known(store, run)
    after = replace(known, **changes)
    if after != known:
        _write(store, after, f"run({run}): {words}")
    return after


def end(store: StateStore, run: str, stop: str, exit_code: int, why: str) -> Run:
    """Record that a run ended, with the stop word and a sentence."""
    ended = rfc3339(store.clock.now())
    return update(store, run, f"ended, {why}", state="ended", stop=stop, exit_code=exit_code, ended=ended)


def note(
    store: StateStore,
    run: str,
    what: str,
    text: str,
    *,
    session: str | None = None,
    feature: str | None = None,
) -> Run:
    """Record what the watchdog saw, as a word and in words; of very many the first stay. Raises NotFound."""
    seen = Seen(rfc3339(store.clock.now()), what, redact(text)[:2000], session, feature)
    known = _known(store, run)
    if len(known.watch) >= MOST_SEEN:
        return known
    return update(store, run, f"{what}: {seen.text}", watch=(*known.watch, seen))


def _known(store: StateStore, run: str) -> Run:
    found = store.view().run(run)
    if found is None:
        raise NotFound(f"no run '{run}'")
    return found


def _write(store: StateStore, run: Run, subject: str) -> None:
    path = names.run_file(run.id)
    store.transact(subject, "run", lambda _: {path: run}, {names.TRAILER_RUN: run.id})


def _short(branch: str | None) -> str:
    return (branch or "a detached HEAD").removeprefix("refs/heads/")
