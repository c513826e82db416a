"""For scripts of an earlier harness: its state manager and its configuration, kept on the state branch.

A script moves over by changing an import::

    from ovn.compat import OvernightConfig, OvernightStateManager

    manager = OvernightStateManager("nightly", repo=".")
    state = manager.load()
    manager.update(current_task="parser", completion_pct=40)

What the earlier one kept in a file, read and written without a lock, lies in the layer SESSION
of a session of that name: written ahead, folded into commits, safe against two writers.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ovn import config, names
from ovn.clock import SYSTEM, rfc3339
from ovn.errors import InvalidDocument
from ovn.git.locate import locate
from ovn.git.locks import repository_lock
from ovn.git.run import environment
from ovn.model import records
from ovn.session import results
from ovn.state.store import StateStore

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from ovn.clock import Clock

State = dict[str, Any]

FIELDS: Mapping[str, Any] = {
    "session_id": "",
    "goal": "",
    "started_at": None,
    "last_updated": None,
    "completed_tasks": [],
    "current_task": None,
    "completion_pct": 0.0,
    "restart_count": 0,
    "last_restart": None,
    "continuation_count": 0,
    "blockers": [],
    "notes": [],
}
"""What a state has before anything is set. Scripts may keep more: all of it is kept."""

BY = "python"


class OvernightStateManager:
    """``load``, ``save`` and ``update`` of one state, by name. For several threads and processes.

    ``clock`` is for tests.
    """

    def __init__(
        self,
        session_id: str = "overnight",
        *,
        repo: str | os.PathLike[str] = ".",
        goal: str = "",
        clock: Clock = SYSTEM,
    ) -> None:
        self.session_id = names.check_name(session_id, "session")
        self._goal = goal
        self._location = locate(Path(repo))
        self._clock = clock
        self._mutex = threading.RLock()

    def load(self) -> State:
        """Return the state as it is now, every field of ``FIELDS`` in it.

        Raises NotInitialised before ``git ovn init``.
        """
        with self._mutex:
            store = StateStore.open(self._location, self._clock)
            try:
                return self._load(store)
            finally:
                store.close()

    def save(self, state: Mapping[str, Any]) -> State:
        """Make this the whole state, and return it; what it does not have is forgotten."""
        return self._change(dict(state), whole=True)

    def update(self, **fields: Any) -> State:
        """Set these fields and return the state; the others stay, also what another process set."""
        return self._change(fields, whole=False)

    def complete_task(self, task: str, *, completion_pct: float | None = None) -> State:
        """Add a task to those that are completed, once, and return the state."""
        with self._mutex, repository_lock(self._location):
            done = list(self.load()["completed_tasks"])
            more = {"completion_pct": completion_pct} if completion_pct is not None else {}
            return self.update(
                completed_tasks=done if task in done else [*done, task], current_task=None, **more
            )

    def record_restart(self) -> State:
        """Count a restart and return the state."""
        with self._mutex, repository_lock(self._location):
            count = self.load()["restart_count"] + 1
            return self.update(restart_count=count, last_restart=rfc3339(self._clock.now()))

    # -- how ---------------------------------------------------------------------------------

    def _load(self, store: StateStore) -> State:
        view = store.view()
        known = view.session(self.session_id)
        kept = {key: results.decode(value) for key, value in view.layer(self.session_id).items()}
        told = {"session_id": self.session_id, "goal": (known.goal if known else None) or self._goal}
        if known is not None:
            told |= {"started_at": known.created, "last_updated": known.updated}
        fresh = {key: list(value) if isinstance(value, list) else value for key, value in FIELDS.items()}
        return {**fresh, **told, **kept}

    def _change(self, fields: State, *, whole: bool) -> State:
        odd = next((key for key in fields if not isinstance(key, str)), None)
        if odd is not None:
            raise InvalidDocument(f"a field of the state is a text, not {odd!r}")
        encoded = {key: results.encode(value, key) for key, value in fields.items()}
        with self._mutex, repository_lock(self._location):
            store = StateStore.open(self._location, self._clock)
            try:
                self._begin(store)
                gone = [key for key in store.view().layer(self.session_id) if whole and key not in encoded]
                self._put(store, "layer", {"layer": "session", "set": encoded, "drop": gone})
                store.fold(self.session_id)
                return self._load(store)
            finally:
                store.close()

    def _begin(self, store: StateStore) -> None:
        """Make the session when it is first needed: it has no lease and owes no handoff."""
        if store.view().session(self.session_id) is None:
            worktree = self._location.worktree
            self._put(
                store, "session.created", {"kind": "manual", "worktree": worktree, "goal": self._goal or None}
            )
            self._put(store, "session.state", {"state": "active"})

    def _put(self, store: StateStore, kind: str, data: dict[str, Any]) -> None:
        made = records.make(kind, data, at=rfc3339(self._clock.now()), by=BY)
        store.record(self.session_id, made, fold=False)


@dataclass(slots=True)
class OvernightConfig:
    """The settings of the earlier harness, read from ``.overnight/config.yaml``."""

    project_name: str = ""
    max_runtime_hours: float = 10
    max_idle_minutes: float = 30
    checkpoint_interval_minutes: float = 15
    max_cost_usd: float | None = 50.0
    warning_threshold_pct: float = 80
    max_restarts: int = 5
    backoff_base_seconds: float = 30
    backoff_max_seconds: float = 600
    agent: str = "claude"
    log_level: str = "INFO"
    extra: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, repo: str | os.PathLike[str] = ".") -> OvernightConfig:
        """Return the settings of a work tree; the defaults where it has none. Raises InvalidConfig."""
        known = config.load(locate(Path(repo)).tree(), environment())
        return cls(
            project_name=known.project or "",
            max_runtime_hours=known.session.max_runtime_hours,
            max_idle_minutes=known.session.max_idle_minutes,
            checkpoint_interval_minutes=known.session.checkpoint_interval_minutes,
            max_cost_usd=known.budget.max_cost_usd,
            warning_threshold_pct=known.budget.warning_threshold_pct,
            max_restarts=known.recovery.max_restarts,
            backoff_base_seconds=known.recovery.backoff_base_seconds,
            backoff_max_seconds=known.recovery.backoff_max_seconds,
            agent=known.agent.name,
            log_level=known.logging.level,
        )
