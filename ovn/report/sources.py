"""Where a line of the report comes from, and how long something took."""

from __future__ import annotations

from ovn.clock import parse_rfc3339
from ovn.report.model import Source


def document(path: str) -> Source:
    """Return the source of what a document of the state branch says."""
    return Source("document", path)


def commit(oid: str) -> Source:
    """Return the source of what a commit says, of the work or of the state."""
    return Source("commit", oid)


def checkpoint(name: str) -> Source:
    """Return the source of what a checkpoint holds."""
    return Source("checkpoint", name)


def tag(name: str) -> Source:
    """Return the source of what an annotated tag says; ``name`` is its full ref."""
    return Source("tag", name)


def between(started: str | None, ended: str | None) -> float | None:
    """Return the seconds between two times for display; None while one is missing.

    A clock that was set back gives 0, not less.
    """
    if started is None or ended is None:
        return None
    seconds = (parse_rfc3339(ended) - parse_rfc3339(started)).total_seconds()
    return round(max(seconds, 0.0), 3)
