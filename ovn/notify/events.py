"""What can happen in a night that a person wants to hear of, and how one message says it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ovn.clock import rfc3339
from ovn.frozen import dataclass, field
from ovn.redaction import redact

if TYPE_CHECKING:
    from datetime import datetime

    from ovn.model.canonical import Json

Severity = Literal["info", "warning", "bad", "good"]

LONGEST = 2000
"""Characters of a message's text."""

ONCE = float("inf")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of event: its title, how bad it is, for how many seconds the same one is not repeated.

    ``urgent`` ones pass the rate limit: each is one that somebody has to hear.
    """

    title: str
    severity: Severity
    again: float = ONCE
    urgent: bool = False


KINDS: dict[str, Kind] = {
    "start": Kind("the night begins", "info"),
    "end": Kind("the night ended", "info", urgent=True),
    "blocked": Kind("a feature is blocked", "warning"),
    "question": Kind("a question waits for you", "warning", urgent=True),
    "limit": Kind("the agent has to wait", "warning"),
    "budget": Kind("the budget", "warning", urgent=True),
    "crash": Kind("something crashed", "bad", again=900),
    "recovery": Kind("it goes on", "good", again=900),
    "stuck": Kind("the agent is stuck", "warning", again=900),
    "message": Kind("a message", "info", again=0, urgent=True),
}
"""Every event there is."""


@dataclass(frozen=True, slots=True)
class About:
    """Where an event happens: it stands in every message."""

    project: str
    run: str | None = None
    branch: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. ``subject`` tells it from others of its kind (a feature, a level).

    ``severity`` None is that of its kind; ``facts`` are further values, for programs.
    """

    kind: str
    text: str
    at: datetime
    about: About
    subject: str = ""
    session: str | None = None
    feature: str | None = None
    severity: Severity | None = None
    facts: dict[str, Json] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What makes two events the same one."""
        return f"{self.about.run or ''} {self.kind} {self.subject or self.feature or ''}"


def message(event: Event, held_back: int = 0) -> dict[str, Json]:
    """Return the message of an event, as ``schemas/notification.schema.json`` describes it.

    Its texts are without secrets and without characters that steer a terminal or deceive a
    reader. ``held_back`` counts the messages that the rate limit kept back before it.
    """
    kind = KINDS[event.kind]
    return {
        "version": 1,
        "event": event.kind,
        "severity": event.severity or kind.severity,
        "title": kind.title,
        "text": clean(event.text)[:LONGEST],
        "project": clean(event.about.project)[:200],
        "run": event.about.run,
        "branch": _short(event.about.branch),
        "session": event.session,
        "feature": event.feature,
        "at": rfc3339(event.at),
        "held_back": held_back,
        "facts": {key: clean(one) if isinstance(one, str) else one for key, one in event.facts.items()},
    }


def clean(text: str) -> str:
    """Return text without secrets, and with a mark for each character that is not to be shown."""
    kept = redact(text)
    return "".join(char if char.isprintable() or char == "\n" else "\ufffd" for char in kept).strip()


def _short(branch: str | None) -> str | None:
    return None if branch is None else clean(branch.removeprefix("refs/heads/"))[:200]
