"""What an agent's output tells: lines of JSON, the events in them, and the account of it all. Pure.

Each CLI's module turns one line into events; here they are added up. Lines that are no JSON
object, unknown types and missing fields are normal: the CLIs change from week to week, and the
raw log is kept beside the account.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

from ovn.agents.usage import Usage
from ovn.frozen import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ovn.agents.trouble import Trouble

    Line = dict[str, Any]
    Reader = Callable[[Line], Iterable["Event"]]

Kind = Literal[
    "session",  # text: the agent's own session id; name: the CLI's version
    "said",  # text: what the model said
    "tool",  # name: the tool it calls
    "tool-end",  # name: the tool, ok
    "usage",  # usage; cumulative: it replaces what was told before
    "retry",  # trouble: what the CLI itself tries again
    "limit",  # trouble with until: a limit is reached, if anything fails now it is this
    "denied",  # name: a tool that was not allowed
    "compacted",
    "trouble",  # trouble: it cannot go on
    "end",  # ok: it says that it ended; text: how
]

LONGEST = 16 << 20
"""Bytes of a line that is looked at; a longer one holds a file's content, not news."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that a line tells; which fields count stands beside each ``Kind``."""

    kind: Kind
    text: str = ""
    name: str = ""
    ok: bool = True
    usage: Usage | None = None
    cumulative: bool = False
    trouble: Trouble | None = None


@dataclass(slots=True)
class Account:
    """What a stream told so far.

    ``ended``: it said itself that it ended; without that an exit code of 0 means nothing.
    ``streak``: how many tools failed since one went well, whatever their arguments were.
    ``strange``: lines that were no JSON object.
    """

    session: str | None = None
    version: str | None = None
    usage: Usage = field(default_factory=Usage)
    text: str = ""
    ended: bool = False
    ok: bool = False
    trouble: Trouble | None = None
    retries: int = 0
    compactions: int = 0
    tools: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    denied: Counter[str] = field(default_factory=Counter)
    streak: int = 0
    strange: int = 0
    limit: Trouble | None = None

    def take(self, event: Event) -> None:
        """Add one event."""
        _TAKE[event.kind](self, event)


def _session(account: Account, event: Event) -> None:
    account.session = account.session or event.text or None
    account.version = event.name or account.version


def _said(account: Account, event: Event) -> None:
    account.text = event.text
    account.trouble = None  # the model answers: what was before is over


def _tool(account: Account, event: Event) -> None:
    account.tools[event.name] += 1
    account.trouble = None


def _tool_end(account: Account, event: Event) -> None:
    if event.ok:
        account.streak = 0
    else:
        account.failed[event.name] += 1
        account.streak += 1


def _usage(account: Account, event: Event) -> None:
    told = event.usage or Usage()
    account.usage = told if event.cumulative else account.usage + told


def _retry(account: Account, event: Event) -> None:
    account.retries += 1
    account.trouble = event.trouble  # stands if the process dies before it goes on


def _limit(account: Account, event: Event) -> None:
    account.limit = event.trouble


def _denied(account: Account, event: Event) -> None:
    account.denied[event.name] += 1


def _compacted(account: Account, _: Event) -> None:
    account.compactions += 1


def _trouble(account: Account, event: Event) -> None:
    account.trouble = event.trouble
    if account.limit is not None and event.trouble and event.trouble.kind in ("wait-until", "wait-back-off"):
        account.trouble = account.limit  # which knows when it ends


def _end(account: Account, event: Event) -> None:
    account.ended = True
    account.ok = event.ok
    if event.ok:
        account.trouble = None


_TAKE: dict[Kind, Callable[[Account, Event], None]] = {
    "session": _session,
    "said": _said,
    "tool": _tool,
    "tool-end": _tool_end,
    "usage": _usage,
    "retry": _retry,
    "limit": _limit,
    "denied": _denied,
    "compacted": _compacted,
    "trouble": _trouble,
    "end": _end,
}


def account(reader: Reader, data: bytes) -> Account:
    """Return what the output ``data`` tells to the CLI's reader of lines."""
    told = Account()
    for line in lines(data):
        if line is None:
            told.strange += 1
            continue
        for event in reader(line):
            told.take(event)
    return told


def lines(data: bytes) -> Iterator[Line | None]:
    """Yield each line's object; None for a line that is none. Empty lines are nothing."""
    for raw in data.split(b"\n"):
        if raw.strip():
            yield _object(raw)


def _object(raw: bytes) -> Line | None:
    if len(raw) > LONGEST or not raw.lstrip().startswith(b"{"):
        return None
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):  # a torn line, or one that another program wrote
        return None
    return value if isinstance(value, dict) else None


def part(value: object, *keys: str) -> Any:
    """Return what lies under the keys, one inside the other; None where anything is missing."""
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def parts(value: object, *keys: str) -> list[Line]:
    """Return the objects of a list under the keys; none where there is no list."""
    found = part(value, *keys)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def text(value: object, *keys: str) -> str:
    """Return the text (or number, as text) under the keys; empty where there is none."""
    found = part(value, *keys)
    if isinstance(found, str):
        return found
    return str(found) if isinstance(found, int) and not isinstance(found, bool) else ""
