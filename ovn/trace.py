"""What is going on right now, for logs: one correlation id for run, session, attempt and step.

The id is a path, ``20261122-k3fz/session-001/2/compile``, so that its beginning finds all that
belongs together: a run with all its sessions, a session with all its attempts. A part that is
not known and has a known one behind it is ``-``. Standard library only.

A program uses it with Python's own logging::

    handler.setFormatter(ovn.trace.JsonFormatter(os.environ))
"""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ovn import names
from ovn.clock import rfc3339
from ovn.frozen import dataclass
from ovn.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextvars import Token

LOGGER = "ovn"
"""The name above all loggers of this package."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Where in the work a line was written; None is not known, or none."""

    run: str | None = None
    session: str | None = None
    attempt: int | None = None
    step: str | None = None

    @property
    def id(self) -> str:
        """The correlation id; empty where nothing is known."""
        parts = [self.run, self.session, None if self.attempt is None else str(self.attempt), self.step]
        while parts and parts[-1] is None:
            parts.pop()
        return "/".join(part or "-" for part in parts)


Parts = dict[str, Any]
"""Fields of a Trace. It is made of them when somebody asks: steps come and go, and few write a line."""

_NOW: ContextVar[Parts] = ContextVar("ovn_trace", default={})  # noqa: B039 - never changed in place


def current() -> Trace:
    """Return what is going on in this task or thread."""
    return Trace(**_NOW.get())


def enter(**parts: Any) -> Token[Parts]:
    """Say that parts of what is going on are others now; ``leave`` takes it back."""
    return _NOW.set({**_NOW.get(), **parts})


def leave(token: Token[Parts]) -> None:
    """Take an ``enter`` back."""
    _NOW.reset(token)


@contextmanager
def within(**parts: Any) -> Iterator[None]:
    """Say it for as long as the block runs; what was entered inside is forgotten with it."""
    token = enter(**parts)
    try:
        yield
    finally:
        leave(token)


def of(environ: Mapping[str, str]) -> Trace:
    """Return what the environment says: what a process that an agent started belongs to."""
    attempt = environ.get(names.ENV_ATTEMPT, "")
    return Trace(
        environ.get(names.ENV_RUN) or None,
        environ.get(names.ENV_SESSION) or None,
        int(attempt) if attempt.isdecimal() and len(attempt) < 10 else None,
    )


def record(
    level: str, message: str, moment: datetime, where: Trace, logger: str = LOGGER, **more: Any
) -> str:
    """Return one line of a JSON log, without its end: ASCII, and without secrets.

    Fields: ``version``, ``time``, ``level``, ``message``, ``logger``, ``id``, and its parts ``run``,
    ``session``, ``attempt``, ``step``; unknown parts are left out.
    """
    parts = {"run": where.run, "session": where.session, "attempt": where.attempt, "step": where.step}
    known = {key: value for key, value in parts.items() if value is not None}
    told = {"level": level, "message": redact(message), "logger": logger, "id": where.id}
    line = {"version": 1, "time": rfc3339(moment), **told, **known, **more}
    return json.dumps(line, default=str).replace("\x7f", "\\u007f")


class JsonFormatter(logging.Formatter):
    """Formats records of Python's logging as ``record`` does; for programs that hold a session.

    ``environ`` tells what is not known otherwise: which run and attempt started the program.
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._outer = of(environ or {})

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        now, outer = current(), self._outer
        where = Trace(
            now.run or outer.run,
            now.session or outer.session,
            outer.attempt if now.attempt is None else now.attempt,
            now.step,
        )
        moment = datetime.fromtimestamp(record.created, UTC)
        more = {"exception": redact(self.formatException(record.exc_info))} if record.exc_info else {}
        return _line(record, moment, where, more)


def _line(found: logging.LogRecord, moment: datetime, where: Trace, more: Mapping[str, str]) -> str:
    return record(found.levelname, found.getMessage(), moment, where, found.name, **more)
