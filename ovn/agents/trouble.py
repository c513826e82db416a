"""What stopped an agent, by what a runner can do about it; each CLI has a table of its signs. Pure.

Only what a CLI says of itself is looked at. What a model says, or a program that it ran, is
never a sign: a test suite that prints "429" is no limit.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from ovn.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

Kind = Literal["retry-now", "wait-until", "wait-back-off", "fatal-person", "fresh-session", "stall"]

KINDS: dict[Kind, str] = {
    "retry-now": "the service failed; the same again may work at once",
    "wait-until": "a limit that ends at a known moment",
    "wait-back-off": "too much at once, or a limit whose end nobody tells: again, later and later",
    "fatal-person": "a key, an account or a setting: no waiting helps",
    "fresh-session": "the agent's own session cannot go on; a new one can",
    "stall": "it fell silent",
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """What stopped the agent: its kind, its words, and when a limit ends (seconds since the epoch)."""

    kind: Kind
    text: str
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Sign:
    """One row of a table: what means ``kind``. ``codes`` are compared whole, ``words`` searched for."""

    kind: Kind
    codes: tuple[str, ...] = ()
    words: str = ""


STATUS: tuple[Sign, ...] = (
    Sign("fatal-person", ("401", "402", "403", "404", "407")),
    Sign("fresh-session", ("413",)),
    Sign("wait-back-off", ("429",)),
    Sign("retry-now", ("408", "409", "425", "500", "502", "503", "504", "520", "522", "524", "529")),
)
"""HTTP's own codes, where a CLI's table says nothing more telling."""


def classify(signs: Iterable[Sign], codes: Collection[str], text: str = "") -> Kind:
    """Return the kind of the first row that fits; ``retry-now`` for the unknown.

    Trying again is bounded by the restarts that a night allows, so an unknown error costs
    a few minutes and not the night.
    """
    for sign in (*signs, *STATUS):
        if any(code in sign.codes for code in codes):
            return sign.kind
        if sign.words and text and re.search(sign.words, text, re.IGNORECASE):
            return sign.kind
    return "retry-now"
