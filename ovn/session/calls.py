"""The calls of a program: what names one, and what is recorded of it."""

from __future__ import annotations

import hashlib
from typing import Any

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
        return in_words(self.identity, self.name)


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


def call_of(identity: Identity, past: Past) -> Call:
    """Return the call that something is recorded of."""
    within, verb, name, occurrence = identity
    key = name if occurrence == 0 else None
    return Call(verb, past.name, max(occurrence, 1), key, within, past.position)


def in_words(identity: Identity, name: str) -> str:
    """Return a call in words."""
    _, verb, key, occurrence = identity
    if occurrence == 0:
        return f"{verb} '{name}' with the key '{key}'"
    return f"{verb} '{name}'" + (f" (number {occurrence})" if occurrence > 1 else "")
