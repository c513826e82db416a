"""One program's session as both faces use it: the calls it makes, what is recorded, one lock.

Thread-safe: whatever touches the state store or the history happens under ``lock``. Nothing
in here waits for anybody or runs a person's function; see ``ovn.session.effects``.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager, nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ovn import active
from ovn.clock import rfc3339
from ovn.errors import (
    DiskFailed,
    InvalidDocument,
    Locked,
    NonDeterminismError,
    NoSpace,
    OvnError,
    ReadOnlyRepository,
    SessionOver,
    StaleLease,
)
from ovn.model import canonical
from ovn.redaction import holds_secret
from ovn.session import forking, raised, results, surroundings
from ovn.session.calls import STEP, Call, Past
from ovn.session.effects import CURRENT, CurrentStep
from ovn.session.layers import Layers
from ovn.state import blobs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from datetime import datetime

    from ovn.checkpoints import Limits
    from ovn.config import Config
    from ovn.model.canonical import Json
    from ovn.model.documents import Session
    from ovn.session.replay import History
    from ovn.session.transactions import Transaction
    from ovn.state.store import StateStore

BY = "python"
INLINE = 8192
"""Bytes of a result's JSON up to which it stands in its record; what is larger gets a blob."""

LARGEST = 64 * 1024 * 1024
"""Bytes that a result may have."""

FOLD_AT = 8 * 1024 * 1024
"""Bytes of results outside of the journal at which they are folded into git."""

_SMALL = frozenset((bool, int, float, type(None)))
"""Types whose JSON needs no look at its length; a short ASCII text's has at most six bytes a character."""

_ALONE = nullcontext()
"""What runs under no key is no other call's."""

_UNACKNOWLEDGED = (StaleLease, NoSpace, DiskFailed, ReadOnlyRepository, Locked)
"""Errors of an append: what happened is not recorded, and may not be built upon."""


class Core:
    """The session's state in this process. ``store`` is used under ``lock`` only."""

    def __init__(
        self,
        store: StateStore,
        session: Session,
        history: History,
        *,
        generation: int | None,
        config: Config,
        seed: str,
        values: dict[str, Json],
    ) -> None:
        self.store = store
        self.clock = store.clock
        self.id = session.id
        self.feature = session.feature
        self.history = history
        self.generation = generation
        self.config = config
        self.layers = Layers(self, values)
        self.transaction: Transaction | None = None
        self.last_beat: float | None = None
        self.began = store.clock.now().timestamp()
        """When the process before this one gave its last sign of life, and when this one began."""
        self.lock = threading.RLock()
        self.root: object = threading.get_ident()
        """The thread or task whose calls come one after the other: the one that began the session."""
        self.over: str | None = None
        """Why nothing new can be done: the session has ended."""
        self.unwinding: list[Call] = []
        """Calls that were cancelled, and what the program recorded while it was ending for that."""
        self.ending = False
        """A signal asked the program to end: what it does now is no part of its path."""
        self._waits = 0
        self._broken: OvnError | None = None
        self._position = 0
        self._occurrences: dict[tuple[str, str, str], int] = {}
        self._running: set[Any] = set()
        self._blob_bytes = 0
        self.private = session.private is not None
        """Whether it is kept from being shared: then nobody needs to look for secrets."""
        self.seed = seed
        """What makes idempotency keys this project's own."""

    @cached_property
    def limits(self) -> Limits:
        """What checkpoints leave out; asks git, so only when it is needed."""
        return surroundings.limits(self.store.location, self.config)

    @cached_property
    def ancestors(self) -> list[str]:
        """The sessions that this one was forked from, the nearest first."""
        return forking.ancestors(self.store, self.id)

    # -- which call is it --------------------------------------------------------------------

    def request(self, verb: str, name: str, key: str | None = None) -> tuple[Call, Past | None]:
        """Return the call that the program makes now, and what is recorded of it.

        Raises NonDeterminismError when another one is recorded in its place.
        """
        inside = CURRENT.get()
        within = inside.call.path if inside is not None and inside.core is self else ""
        with self.lock:
            if self._broken is not None:
                raise self._broken
            position, occurrence = None, 1
            if key is None:
                place = (within, verb, name)
                occurrence = self._occurrences.get(place, 0) + 1
                self._occurrences[place] = occurrence
                if not within and self._at_root():
                    self._position += 1
                    position = self._position
                    if self.unwinding:
                        self._goes_on(verb)
            call = Call(verb, name, occurrence, key, within, position)
            if self.transaction is not None:
                self.transaction.calls.append(call)
            return call, self.history.find(call)

    def _at_root(self) -> bool:
        if self.root == threading.get_ident():
            return True
        if isinstance(self.root, int):  # a thread's: no loop is asked for, and none loaded
            return False
        import asyncio

        try:
            return asyncio.current_task() is self.root
        except RuntimeError:  # no loop runs in this thread
            return False

    def _goes_on(self, verb: str) -> None:
        """Forget what was cancelled: a program that goes on with steps was not ended by it."""
        if verb in _WORK:
            self.unwinding.clear()

    def running(self, call: Call) -> AbstractContextManager[None]:
        """Refuse a key that is running already: its result will be there when it is done."""
        return _ALONE if call.key is None else self._running_key(call)

    @contextmanager
    def _running_key(self, call: Call) -> Iterator[None]:
        with self.lock:
            if call.identity in self._running:
                raise InvalidDocument(
                    f"{call} runs already",
                    hint="two calls at once with the same key would do the same work twice",
                )
            self._running.add(call.identity)
        try:
            yield
        finally:
            with self.lock:
                self._running.discard(call.identity)

    def enter(self, transaction: Transaction) -> Transaction | None:
        """Make a transaction the innermost one and return the one around it.

        Raises InvalidDocument in another task or thread while one is open: they would roll back
        each other's files.
        """
        with self.lock:
            if self.transaction is not None and not self._at_root():
                raise InvalidDocument(
                    f"the transaction '{self.transaction.label}' is open in another task",
                    hint="open transactions one after the other, or one inside the other",
                )
            outer, self.transaction = self.transaction, transaction
            return outer

    def must_go_on(self) -> None:
        """Raise SessionOver when the session has ended and nothing new can be recorded in it."""
        if self.over is not None:
            raise SessionOver(f"session '{self.id}' {self.over}, and the program asks for more")

    def step(self, call: Call, attempt: int = 1) -> CurrentStep:
        """Return what the function of a step may know of itself."""
        return CurrentStep(self.id, call.name, attempt, self, call)

    # -- recording ---------------------------------------------------------------------------

    def append(
        self, kind: str, data: dict[str, Any], call: Call | None = None, *, fold: bool | None = None
    ) -> int:
        """Acknowledge a record and return its number; ``call`` says which call made it.

        Raises what ``StateStore.record`` does. After an error of the disk or of the lease the
        session is broken: every later call raises it again, for its results could not be kept.
        """
        record: dict[str, Any] = {"at": rfc3339(self.clock.now()), "by": BY, "type": kind, "data": data}
        if call is not None:
            record["call"] = call.tag()
        with self.lock:
            if self._broken is not None:
                raise self._broken
            try:
                seq = self.store.record(self.id, record, generation=self.generation, fold=fold)
            except _UNACKNOWLEDGED as error:
                self._broken = error
                raise
            self.history.last = max(self.history.last, seq)
            return seq

    @contextmanager
    def calling(self, call: Call) -> Iterator[None]:
        """Let every record that is made inside say that ``call`` made it."""
        with self.lock:
            before = self.store.call
            self.store.call = call.tag()
            try:
                yield
            except _UNACKNOWLEDGED as error:
                if isinstance(error, StaleLease):
                    self._broken = error
                raise
            finally:
                self.store.call = before

    def finish(self, call: Call, outcome: str, data: dict[str, Any]) -> None:
        """Record the outcome of a call; ``data`` has its result or its error."""
        whole = {**call.data(), "outcome": outcome, **data}
        with self.lock:
            seq = self.append(STEP, whole, fold=self._fold_now())
            if call.key is not None:
                self.history.keep(call, Past.over(seq, whole))

    def done(self, call: Call, value: Any, **data: Any) -> None:
        """Record that a call returned ``value``. Raises InvalidDocument when that is not JSON."""
        if type(value) is str and len(value) < INLINE // 6 and value.isascii():
            self.look_for_secrets(value, "the result of", call)
            self.finish(call, "done", {"result": value, **data})
            return
        try:
            encoded = results.encode(value)
        except InvalidDocument as error:
            raise InvalidDocument(f"{call}: {error}", hint=error.hint) from error
        if type(encoded) in _SMALL:
            self.finish(call, "done", {"result": encoded, **data})
            return
        text = canonical.dump_line(encoded)
        self.look_for_secrets(text.decode(), "the result of", call)
        if len(text) <= INLINE:
            self.finish(call, "done", {"result": encoded, **data})
            return
        if len(text) > LARGEST:
            raise InvalidDocument(
                f"the result of {call} has {len(text)} bytes, the limit is {LARGEST}",
                hint="write it to a file, and return the file's name",
            )
        with self.lock:
            oid = blobs.put(self.store.location, text)
            self._blob_bytes += len(text)
            self.finish(call, "done", {"blob": {"oid": oid, "bytes": len(text)}, **data})

    def look_for_secrets(self, text: str, *what: object) -> None:
        """Mark the session private, before this is recorded, when it looks like a secret.

        What is recorded is not changed: a replay would lie.
        """
        if self.private or not holds_secret(text.replace('\\"', '"')):
            return
        with self.lock:
            why = f"{' '.join(map(str, what))} looks like a secret"[:1000]
            active.hide(self.store.location.local, self.id, why)
            self.append("session.private", {"why": why})
            self.private = True

    def _fold_now(self) -> bool | None:
        if self._blob_bytes < FOLD_AT:
            return None
        self._blob_bytes = 0
        return True

    def failed(self, call: Call, error: BaseException, **data: Any) -> None:
        """Record that a call raised."""
        self.finish(call, "failed", {"error": raised.encode(error), **data})

    def cancelled(self, call: Call, **data: Any) -> None:
        """Record that a call was cancelled: what ends the program runs again, what it survived does not."""
        with self.lock:
            self.finish(call, "cancelled", data)
            self.unwinding.append(call)

    def is_broken(self, error: BaseException) -> bool:
        """Tell whether this error means that nothing more can be recorded."""
        return error is self._broken

    @contextmanager
    def waiting(self, why: str, until: datetime | None, *, told: bool) -> Iterator[None]:
        """Say in the session's state that the program waits, and for what."""
        if not told:
            yield
            return
        with self.lock:
            self._waits += 1
            if self._waits == 1:
                data = {"state": "waiting", "why": why, "until": rfc3339(until) if until else None}
                self.append("session.state", data)
        try:
            yield
        finally:
            with self.lock:
                self._waits -= 1
                if not self._waits and self._broken is None and self.over is None:
                    self.append("session.state", {"state": "active"})

    # -- what is recorded --------------------------------------------------------------------

    def value(self, call: Call, past: Past) -> Any:
        """Return the recorded result of a call. Raises the recorded failure."""
        data = past.data or {}
        if past.outcome == "failed":
            raise raised.decode(data.get("error", {}), str(call))
        if "blob" in data:
            with self.lock:
                text = blobs.get(self.store.location, self.store.objects, data["blob"]["oid"])
            return results.decode(canonical.load(text, f"the result of {call}", limit=LARGEST))
        return results.decode(data.get("result"))

    def document(self) -> Session:
        """Return the session document as it is now, what is not folded yet included."""
        with self.lock:
            found = self.store.view().session(self.id)
        if found is None:
            raise InvalidDocument(f"session '{self.id}' has no document")
        return found

    def now(self) -> str:
        """Return the clock as text."""
        return rfc3339(self.clock.now())

    def document_of(self, path: str) -> Any:
        """Return the document at a path of the state branch as it is now."""
        with self.lock:
            return self.store.view().get(path)

    def take_signal(self, name: str) -> tuple[int, Json] | None:
        """Take the oldest signal of that name that no call got yet."""
        with self.lock:
            return self.history.signal(name)

    def is_last(self) -> bool:
        """Tell whether the call that is replayed now is the last one that is recorded."""
        return not self.history.replaying

    def ended_early(self, missed: str, end: str) -> NonDeterminismError:
        """Return the error of a program that is at its end before it made all the recorded calls."""
        return NonDeterminismError(
            f"the program is at {end} where {missed} is recorded", recorded=missed, requested=end
        )

    def absorb(self) -> None:
        """Take in what others recorded since we last looked."""
        with self.lock:
            self.history.absorb(self.store.since(self.id, self.history.last))


_WORK = frozenset((STEP, "retry", "ask", "sleep", "wait_for"))
