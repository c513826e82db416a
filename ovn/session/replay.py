"""Replay: which call of a program is which, what it gave before, and whether the path is the same.

Pure rules over a session's records; ``ovn.session`` carries them out. A call is known by its
key, or by its verb, its name and how often that came up before. Calls that the program makes
itself, one after the other, also have a position, so that a replay that takes another path is
noticed at the first call that differs. Calls of other tasks and threads have none: they come in
any order. Neither have calls with a key: the program has said what they are.
"""

from __future__ import annotations

import gc
import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ovn.errors import NonDeterminismError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ovn.model.canonical import Json
    from ovn.model.records import Record

Identity = tuple[str, str, str, int]
"""Where (the call it was made in), verb, name or key, occurrence; 0 with a key."""

STEP = "step"
AT_ONCE = frozenset(("checkpoint", "note", "decide", "block", "unblock", "handoff"))
"""Verbs whose own record is their outcome: no other follows."""

LONGEST = 400
"""Characters of a path of calls; what is longer is named by its digest."""


class Call:
    """One call of a program. ``position`` counts the calls of the program's own thread or task."""

    __slots__ = ("identity", "key", "name", "occurrence", "position", "verb", "within")

    def __init__(  # noqa: PLR0917 - one is made for each step: keywords would cost a tenth of it
        self,
        verb: str,
        name: str,
        occurrence: int = 1,
        key: str | None = None,
        within: str = "",
        position: int | None = None,
    ) -> None:
        self.verb = verb
        self.name = name
        self.occurrence = occurrence
        self.key = key
        self.within = within
        self.position = position
        self.identity: Identity = (within, verb, name, occurrence) if key is None else (within, verb, key, 0)

    @classmethod
    def of(cls, data: dict[str, Any]) -> Call:
        """Return the call that a record's ``data`` or ``call`` tells of."""
        return cls(
            data.get("verb", STEP),
            data["name"],
            data.get("occurrence", 1),
            data.get("key"),
            data.get("within", ""),
            data.get("position"),
        )

    @property
    def path(self) -> str:
        """The call as text, with the calls it was made in; calls inside of it are ``within`` this."""
        own = f"{self.verb} {self.name}#{self.occurrence}" if self.key is None else f"{self.verb} ={self.key}"
        path = f"{self.within}/{own}" if self.within else own
        if len(path) <= LONGEST and "\n" not in path and "\r" not in path:
            return path
        return hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()

    def data(self) -> dict[str, Any]:
        """Return the fields of the record of its outcome; ``step`` is the verb where none is named."""
        found: dict[str, Any] = {"name": self.name, "occurrence": self.occurrence}
        if self.verb != STEP:
            found["verb"] = self.verb
        if self.key is not None:
            found["key"] = self.key
        if self.within:
            found["within"] = self.within
        if self.position is not None:
            found["position"] = self.position
        return found

    def tag(self) -> dict[str, Any]:
        """Return what a record that this call made carries as ``call``."""
        return {**self.data(), "verb": self.verb}

    def __str__(self) -> str:
        return _told(self.identity, self.name)


class Past:
    """What is recorded of one call.

    ``outcome`` is ``done``, ``failed``, ``cancelled``, or None as long as it is not over;
    ``data`` the record of it. ``begun`` are its starts and retries, ``made`` the records of what
    it did (a checkpoint, an operation), each as ``(seq, type, data)``.
    """

    __slots__ = ("begun", "data", "made", "name", "outcome", "position", "requested", "seq")

    def __init__(self, seq: int, name: str, position: int | None) -> None:
        self.seq = seq
        self.name = name
        self.position = position
        self.outcome: str | None = None
        self.data: dict[str, Any] | None = None
        self.begun: list[tuple[int, str, dict[str, Any]]] | tuple[()] = ()
        self.made: list[tuple[int, str, dict[str, Any]]] | tuple[()] = ()
        self.requested = False

    @classmethod
    def over(cls, seq: int, data: dict[str, Any]) -> Past:
        """Return what a record of type ``step`` says."""
        past = cls(seq, data["name"], data.get("position"))
        past.outcome, past.data = data["outcome"], data
        return past

    def did(self, kind: str) -> dict[str, Any] | None:
        """Return the data of the last record of a type that the call made."""
        return next((data for _, one, data in reversed(self.made) if one == kind), None)


class History:
    """What is recorded of a program, asked call by call while it is replayed."""

    def __init__(self, records: Iterable[tuple[int, Record]] = ()) -> None:
        self._calls: dict[Identity, Past] = {}
        self._at: dict[int, Identity] = {}
        self._signals: dict[str, list[tuple[int, Json]]] = {}
        self._answers: dict[str, dict[str, Any]] = {}
        self.cuts: set[str] = set()
        """The operations that cut the history off: rollbacks from outside of the program."""
        self.last = 0
        """The number of the last record seen."""
        with _without_collector():
            found = list(records)
            changed = any(record["type"] in _CHANGING for _, record in found)
            self._build(self._events(found) if changed else self._plain(found))

    # -- asked while the program runs --------------------------------------------------------

    def find(self, call: Call) -> Past | None:
        """Return what is recorded of a call that the program makes now; None for a new one.

        Raises NonDeterminismError, naming both, when something else is recorded in its place.
        """
        past = self._calls.get(call.identity)
        if call.position is not None:
            there = self._at.get(call.position)
            if there is not None and there != call.identity:
                raise _other(there, self._calls[there].name, call)
            if past is not None and past.position not in (None, call.position):
                raise _elsewhere(past, call)
        if past is None:
            return None
        if past.name != call.name:
            raise _other(call.identity, past.name, call)
        past.requested = True
        if call.key is None:
            del self._calls[call.identity]
            if past.position is not None:
                del self._at[past.position]
        return past

    def keep(self, call: Call, past: Past) -> None:
        """Note what a call with a key gave, so that the same key gives it again in this run."""
        past.requested = True
        self._calls[call.identity] = past

    def unrequested(self) -> str | None:
        """Return the first finished call that the program did not make this time, in words."""
        left = [
            (past.seq, identity, past.name)
            for identity, past in self._calls.items()
            if not past.requested
            and not identity[0]
            and (past.outcome is not None or (past.made and identity[1] in AT_ONCE))
        ]
        return _told(min(left)[1], min(left)[2]) if left else None

    @property
    def replaying(self) -> bool:
        """Tell whether something recorded was not asked for yet."""
        return any(not past.requested for past in self._calls.values())

    def absorb(self, records: Iterable[tuple[int, Record]]) -> None:
        """Take in what others recorded meanwhile: signals and answers."""
        for seq, record in records:
            if seq > self.last:
                self.last = seq
                self._outside(seq, record)

    def signal(self, name: str) -> tuple[int, Json] | None:
        """Take the oldest signal of that name which no call got; None when there is none."""
        waiting = self._signals.get(name)
        return waiting.pop(0) if waiting else None

    def answer(self, question: str) -> dict[str, Any] | None:
        """Return the answered question; None as long as nobody answered it."""
        return self._answers.get(question)

    def last_failure(self) -> Call | None:
        """Return the program's last call if it failed, or is one that had begun and may run only once."""
        if not self._at:
            return None
        identity = self._at[max(self._at)]
        past = self._calls[identity]
        once = any(data.get("attempt") is None for _, kind, data in past.begun if kind == "step.started")
        if past.outcome == "failed" or (past.outcome is None and once):
            return _call_of(identity, past)
        return None

    def forget(self, call: Call) -> None:
        """Forget a call: it will be made as if for the first time."""
        past = self._calls.pop(call.identity, None)
        if past is not None and past.position is not None:
            self._at.pop(past.position, None)

    # -- read from the records ---------------------------------------------------------------

    def _plain(self, records: Iterable[tuple[int, Record]]) -> Iterator[_Event]:
        """Yield what the program did where nothing was cut off or forgotten."""
        for seq, record in records:
            kind = record["type"]
            call = record["data"] if kind in _OF_CALLS else record.get("call")
            if call is not None:
                yield seq, kind, record["data"], call
            else:
                self._outside(seq, record)
            self.last = seq

    def _events(self, records: Iterable[tuple[int, Record]]) -> Iterator[_Event]:
        """Yield what the program did, without what was cut off or forgotten."""
        events: list[_Event] = []
        cuts: dict[str, tuple[int, list[_Event]]] = {}
        checkpoints: dict[str, int] = {}
        for seq, record in records:
            self.last = seq
            kind, data = record["type"], record["data"]
            call = data if kind in _OF_CALLS else record.get("call")
            if call is not None:
                events.append((seq, kind, data, call))
            else:
                self._outside(seq, record)
            if kind == "checkpoint":
                checkpoints[data["id"]] = seq
            elif kind == "interrupted":
                gone = {Call.of(one).identity for one in data["forget"]}
                events = [event for event in events if Call.of(event[3]).identity not in gone]
            elif call is None and kind in _CUTTING:
                self.cuts.add(data.get("operation") or data.get("id", ""))
                events = _cut(kind, data, events, cuts, checkpoints)
        return iter(events)

    def _outside(self, seq: int, record: Record) -> None:
        kind, data = record["type"], record["data"]
        if kind == "signal":
            self._signals.setdefault(data["name"], []).append((seq, data["payload"]))
        elif kind == "question" and data["answer"] is not None:
            self._answers.setdefault(data["id"], data)

    def _build(self, events: Iterable[_Event]) -> None:
        taken: set[int] = set()
        for seq, kind, data, told in events:
            past = self._past(seq, told)
            if kind == STEP:
                past.outcome = data["outcome"]
                past.data = data
                if "signal" in data:
                    taken.add(data["signal"])
            elif kind in _OF_CALLS:
                past.begun = [*past.begun, (seq, kind, data)]
            else:
                past.made = [*past.made, (seq, kind, data)]
                if kind == "question" and data["answer"] is not None:
                    self._answers.setdefault(data["id"], data)
        for name, waiting in self._signals.items():
            self._signals[name] = [one for one in waiting if one[0] not in taken]
        self._forget_last_cancelled()

    def _past(self, seq: int, told: dict[str, Any]) -> Past:
        key = told.get("key")
        identity: Identity = (
            told.get("within", ""),
            told.get("verb", STEP),
            told["name"] if key is None else key,
            told.get("occurrence", 1) if key is None else 0,
        )
        past = self._calls.get(identity)
        if past is None:
            position = told.get("position")
            past = self._calls[identity] = Past(seq, told["name"], position)
            if position is not None:
                self._at[position] = identity
        else:
            past.seq = seq
        return past

    def _forget_last_cancelled(self) -> None:
        """Let calls run again whose cancellation the program did not live to see.

        Where it went on after one, the replay cancels it too: see ``ovn.session.running``.
        """
        cancelled = {identity: past for identity, past in self._calls.items() if past.outcome == "cancelled"}
        if not cancelled:
            return
        last = max(self._at, default=0)
        later = max((past.seq for past in self._calls.values() if past.outcome != "cancelled"), default=0)
        for past in cancelled.values():
            survived = later > past.seq if past.position is None else last > past.position
            if not survived:
                past.outcome, past.data = None, None


_Event = tuple[int, str, "dict[str, Any]", "dict[str, Any]"]
"""Number, type, data, and what tells which call it belongs to."""

_OF_CALLS = frozenset((STEP, "step.started", "step.retry"))
"""Types of records whose data says which call they belong to."""

_CUTTING = frozenset(("operation", "cut"))
_CHANGING = _CUTTING | {"interrupted"}  # what may take other records away


@contextmanager
def _without_collector() -> Iterator[None]:
    """Make many objects that stay: looking for circles among them would take as long again."""
    again = gc.enable if gc.isenabled() else gc.disable
    gc.disable()
    try:
        yield
    finally:
        again()


def _cut(
    kind: str,
    data: dict[str, Any],
    events: list[_Event],
    cuts: dict[str, tuple[int, list[_Event]]],
    checkpoints: dict[str, int],
) -> list[_Event]:
    """Return the events that count after somebody outside of the program rolled back, or undid that.

    A rollback begins anew from its checkpoint; what came after it stays readable and is not
    replayed. An undo of the rollback brings that back, and drops what was done since.
    """
    if kind == "operation" and (data["state"] != "done" or data["undone_by"] is not None):
        return events  # half done, or told again because it was taken back
    undone = data.get("undoes")
    if kind == "operation" and undone in cuts:
        count, gone = cuts.pop(undone)
        return [*events[:count], *gone]
    if kind == "operation" and data["verb"] != "rollback":
        return events
    place = checkpoints.get(data["target"] if kind == "operation" else data["checkpoint"])
    name = data["id"] if kind == "operation" else data["operation"]
    if place is None or name in cuts:
        return events
    kept = [event for event in events if event[0] <= place]
    cuts[name] = (len(kept), events[len(kept) :])
    return kept


def _call_of(identity: Identity, past: Past) -> Call:
    within, verb, name, occurrence = identity
    key = name if occurrence == 0 else None
    return Call(verb, past.name, max(occurrence, 1), key, within, past.position)


def _told(identity: Identity, name: str) -> str:
    _, verb, key, occurrence = identity
    if occurrence == 0:
        return f"{verb} '{name}' with the key '{key}'"
    return f"{verb} '{name}'" + (f" (number {occurrence})" if occurrence > 1 else "")


def _other(recorded: Identity, name: str, requested: Call) -> NonDeterminismError:
    was = _told(recorded, name)
    return NonDeterminismError(
        f"the program asks for {requested} where {was} is recorded", recorded=was, requested=str(requested)
    )


def _elsewhere(past: Past, requested: Call) -> NonDeterminismError:
    was = f"{requested} as call {past.position}"
    return NonDeterminismError(
        f"the program asks for {requested} as call {requested.position}, recorded is {was}",
        recorded=was,
        requested=f"{requested} as call {requested.position}",
    )
