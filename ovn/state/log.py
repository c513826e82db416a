"""The story of the state branch: its commits as entries, newest first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ovn import names
from ovn.clock import rfc3339
from ovn.frozen import dataclass
from ovn.git import trailers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ovn.git.objects import CommitInfo, ObjectStore


@dataclass(frozen=True, slots=True)
class Entry:
    """One commit of the state branch. ``event`` is None for one that git ovn did not write."""

    oid: str
    when: str
    event: str | None
    session: str | None
    feature: str | None
    checkpoint: str | None
    evidence: str | None
    subject: str
    body: str


def entries(
    objects: ObjectStore, tip: str, session: str | None = None, feature: str | None = None
) -> Iterator[Entry]:
    """Yield the entries from ``tip`` backwards, those of one session or feature if given."""
    for info in objects.walk([tip]):
        entry = _entry(info)
        if session in (None, entry.session) and feature in (None, entry.feature):
            yield entry


def _entry(info: CommitInfo) -> Entry:
    said = {key.lower(): value for key, value in trailers.parse(info.message)}
    paragraphs = info.message.rstrip("\n").split("\n\n")
    when = datetime.fromtimestamp(info.author_time, UTC)
    return Entry(
        oid=info.oid,
        when=rfc3339(when),
        event=said.get(names.TRAILER_EVENT.lower()),
        session=said.get(names.TRAILER_SESSION.lower()),
        feature=said.get(names.TRAILER_FEATURE.lower()),
        checkpoint=said.get(names.TRAILER_CHECKPOINT.lower()),
        evidence=said.get(names.TRAILER_EVIDENCE.lower()),
        subject=info.subject,
        body="\n\n".join(paragraphs[1 : -1 if said else None]),
    )
