"""Replay: which call of a program is which, what it gave before, and whether the path is the same.

Pure rules over a session's records; ``ovn.session`` carries them out. A call is known by its
key, or by its verb, its name and how often that came up before. Calls that the program makes
itself, one after the other, also have a position, so that a replay that takes another path is
noticed at the first call that differs. Calls of other tasks and threads have none: they come in
any order. Neither have calls with a key: the program has said what they are.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ovn.errors import NonDeterminismError
from ovn.session.calls import AT_ONCE, STEP, Call, Past, call_of, in_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ovn.model.canonical import Json
    from ovn.model.records import Record
    from ovn.session.calls import Identity


class History:
    """What is recorded of a program, asked call by call while it is replayed."""

    def __init__(self, records: Iterable[tuple[int, Record]] = ()) -> None:
        self._calls: dict[Identity, Past] = {}
        self._at: dict[int, Identity] = {}
        self._signals: dict[str, list[tuple[int, Json]]] = {}
        self._answers: dict[str, dict[str, Any]] = {}
        self.cuts: set[str] = set()
        """The operations that cut the history off: rollbacks from outside of the program."""
        self._ahead: dict[int, tuple[int, Record]] = {}
        """By position: steps of which one record tells all, as of almost all. They are made calls
        of when a program asks for another than the next one: in order it is twice as fast."""
        with _without_collector():
            found = list(records)
            self.last = found[-1][0] if found else 0
            """The number of the last record seen."""
            changed = any(record["type"] in _CHANGING for _, record in found)
            self._build(self._events(found) if changed else self._plain(self._put_ahead(found)))

    # -- asked while the program runs --------------------------------------------------------

    def find(self, call: Call) -> Past | None:
        """Return what is recorded of a call that the program makes now; None for a new one.

        Raises NonDeterminismError, naming both, when something else is recorded in its place.
        """
        if self._ahead and call.key is None:
            ahead = self._take_ahead(call)
            if ahead is not None:
                return ahead
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
        self._settle()
        left = [
            (past.seq, identity, past.name)
            for identity, past in self._calls.items()
            if not past.requested
            and not identity[0]
            and (past.outcome is not None or (past.made and identity[1] in AT_ONCE))
        ]
        return in_words(min(left)[1], min(left)[2]) if left else None

    @property
    def replaying(self) -> bool:
        """Tell whether something recorded was not asked for yet."""
        return bool(self._ahead) or any(not past.requested for past in self._calls.values())

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
        if self._ahead and max(self._ahead) > max(self._at, default=0):
            data = self._ahead[max(self._ahead)][1]["data"]
            return Call.of(data) if data["outcome"] == "failed" else None
        if not self._at:
            return None
        identity = self._at[max(self._at)]
        past = self._calls[identity]
        once = any(data.get("attempt") is None for _, kind, data in past.begun if kind == "step.started")
        if past.outcome == "failed" or (past.outcome is None and once):
            return call_of(identity, past)
        return None

    def forget(self, call: Call) -> None:
        """Forget a call: it will be made as if for the first time."""
        self._settle()
        past = self._calls.pop(call.identity, None)
        if past is not None and past.position is not None:
            self._at.pop(past.position, None)

    # -- in order ----------------------------------------------------------------------------

    def _put_ahead(self, records: list[tuple[int, Record]]) -> list[tuple[int, Record]]:
        """Keep the steps of which one record tells all, and return the other records."""
        rest, ahead = [], self._ahead
        for numbered in records:
            record = numbered[1]
            if record["type"] == STEP:
                data = record["data"]
                position = data.get("position")
                if data["outcome"] == "cancelled":  # what is to come of it depends on all the others
                    ahead.clear()
                    return records
                if position is not None and position not in ahead and "signal" not in data:
                    ahead[position] = numbered
                    continue
            rest.append(numbered)
        several = {place for _, record in rest if (place := _position(record)) is not None}
        rest += [ahead.pop(place) for place in several & ahead.keys()]
        return sorted(rest, key=lambda numbered: numbered[0])

    def _take_ahead(self, call: Call) -> Past | None:
        """Return the step recorded at the place of the call, if it is that one; else make calls of all."""
        found = self._ahead.get(call.position) if call.position is not None else None
        if found is not None:
            data = found[1]["data"]
            if (
                data["name"] == call.name
                and data.get("occurrence", 1) == call.occurrence
                and data.get("verb", STEP) == call.verb
            ):
                del self._ahead[call.position]  # type: ignore[arg-type]
                return Past.over(found[0], data)
        if found is not None or call.position not in self._at:
            self._settle()
        return None

    def _settle(self) -> None:
        ahead, self._ahead = self._ahead, {}
        if ahead:
            self._build((seq, STEP, one["data"], one["data"]) for seq, one in ahead.values())

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

    def _events(self, records: Iterable[tuple[int, Record]]) -> Iterator[_Event]:
        """Yield what the program did, without what was cut off or forgotten."""
        events: list[_Event] = []
        cuts: dict[str, tuple[int, list[_Event]]] = {}
        checkpoints: dict[str, int] = {}
        for seq, record in records:
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


def _position(record: Record) -> int | None:
    """Return the position of the call that a record is of."""
    call = record["data"] if record["type"] in _OF_CALLS else record.get("call")
    found: int | None = call.get("position") if call is not None else None
    return found


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


def _other(recorded: Identity, name: str, requested: Call) -> NonDeterminismError:
    was = in_words(recorded, name)
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
