"""Transactions: files, index, branch and session state as before, or all of it done.

Begun with a checkpoint; on an error the compensations run in reverse, each a durable step,
then the checkpoint is rolled back to, and the record that says so takes the session's own
state back. Inner transactions are savepoints. (Compensations are those of a saga: Garcia-Molina
and Salem, 1987.) What was undone stays in the journal, and is replayed like everything else.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from ovn import checkpoints, operations
from ovn.model import codec
from ovn.session import retry, running, verbs
from ovn.session.calls import STEP
from ovn.session.core import BY
from ovn.session.effects import Work
from ovn.state.layers import StateLayer

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from ovn.session.calls import Call, Past
    from ovn.session.core import Core
    from ovn.session.effects import Effect

VERB = "transaction"


class Transaction:
    """One transaction of a session, as ``transaction(label)`` gives it."""

    def __init__(self, core: Core, label: str) -> None:
        self.label = label
        self._core = core
        self._call: Call
        self._past: Past | None
        self._before: dict[str, Any] = {}
        self._checkpoint = ""
        self._transient: dict[str, Any] | None = None
        self._compensations: list[tuple[str, Work]] = []
        self._outer: Transaction | None = None
        self.calls: list[Call] = []
        """What was called in it so far: begun anew, it is all forgotten."""

    def on_rollback(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> None:
        """Register what takes back something that no checkpoint holds; runs in reverse order on an error."""
        name = getattr(function, "__qualname__", type(function).__qualname__)
        self._compensations.append((f"undo {self.label}: {name}", Work(function, args, kwargs)))

    # -- carried out by the two faces of a session -------------------------------------------

    def begin(self) -> None:
        """Record the beginning with a checkpoint of everything, or find it recorded."""
        core = self._core
        self._call, self._past = core.request(VERB, verbs.line(self.label, "label"))
        self._outer = core.enter(self)
        with core.lock:
            values = core.layers.hold()
            self._transient = copy.deepcopy(core.layers.transient)
            begun = _state(self._past, "begun")
            if begun is not None:
                self._before, self._checkpoint = begun["before"], begun["checkpoint"]
                return
            try:
                core.must_go_on()
                with core.calling(self._call):
                    self._before = self._begin(values)
            except BaseException:
                self._leave(committed=False)
                raise

    def _begin(self, values: dict[str, Any]) -> dict[str, Any]:
        core = self._core
        request = checkpoints.Request(core.id, kind="safety", text=f"before {self.label}", by=BY)
        held = checkpoints.take(core.store, request, core.limits, generation=core.generation).checkpoint
        document = core.document()
        before = {
            **{name: len(getattr(document, name)) for name in ("notes", "decisions", "commits")},
            "blockers": codec.encode(document.blockers),
            "values": values,
        }
        self._checkpoint = held.id
        core.append(VERB, {"label": self.label, "state": "begun", "checkpoint": held.id, "before": before})
        return before

    def commit(self) -> None:
        """Record the end; compensations of an inner transaction pass to the outer one."""
        core = self._core
        with core.lock:
            if _state(self._past, "committed") is None:
                core.must_go_on()
                core.append(VERB, {"label": self.label, "state": "committed"}, self._call)
            if self._outer is not None:
                self._outer._compensations += self._compensations  # noqa: SLF001 - of the same class
                self._outer.calls += self.calls
            self._leave(committed=True)

    def roll_back(self, error: BaseException) -> Generator[Effect, Any, None]:
        """Take everything back; the error gets a note for each compensation that failed."""
        core = self._core
        while self._compensations:
            name, work = self._compensations.pop()
            call, past = core.request(STEP, name)
            try:
                yield from running.step(core, call, past, work)
            except Exception as other:
                if core.is_broken(other):
                    raise
                error.add_note(f"the compensation '{name}' failed: {type(other).__name__}: {other}")
        with core.lock:
            if _state(self._past, "rolled_back") is None:
                core.must_go_on()
                with core.calling(self._call):
                    self._roll_files_back()
                data = {"label": self.label, "state": "rolled_back", "before": self._before}
                core.append(VERB, data, self._call)
                core.layers.went_back(core.store.view().layer(core.id), self._transient)
            else:
                core.layers.went_back(core.layers.values(StateLayer.SESSION), self._transient)
            self._leave(committed=False)

    def _roll_files_back(self) -> None:
        core = self._core
        target = verbs.find(core, self._checkpoint)
        done = self._past.did("operation") if self._past is not None else None
        if done is None or done["verb"] != "rollback" or done["state"] != "done":
            operations.rollback(core.store, verbs.order(core, "rollback", target), target)

    def end(self, error: BaseException | None) -> Generator[Effect, Any, None]:
        """Commit it, take it back, or leave it as it is.

        A program that is being ended goes on with it when it is resumed. One that was cancelled
        may be going on: it is taken back, and begun anew should that have been its end.
        """
        core = self._core
        if error is None:
            self.commit()
        elif isinstance(error, Exception):
            yield from self.roll_back(error)
        elif core.ending or not retry.cancelled_by_loop(error):
            with core.lock:
                self._leave(committed=False)
        else:
            yield from self.roll_back(error)
            core.unwinding += [self._call, *self.calls]

    def _leave(self, *, committed: bool) -> None:
        self._core.transaction = self._outer
        self._core.layers.release(committed=committed)


def _state(past: Past | None, state: str) -> dict[str, Any] | None:
    """Return the transaction's record of that state, if it was recorded before."""
    made = past.made if past is not None else ()
    return next((data for _, kind, data in made if kind == VERB and data["state"] == state), None)
