"""When nobody worked, and why: limits, questions, crashes. Pure, over a session's records."""

from __future__ import annotations

import re
from datetime import timedelta
from math import floor
from typing import TYPE_CHECKING, Any

from ovn.clock import parse_rfc3339, rfc3339
from ovn.report import sources
from ovn.report.model import Gap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ovn.model.documents import Run
    from ovn.model.records import Record
    from ovn.report.model import Source

RESUMING = frozenset(("head", "session.state", "checkpoint", "recovery"))
"""What a resume itself records before it says what it found."""

STILL = frozenset(("slept", "paused"))
"""What the watchdog calls a time in which nothing ran."""

_SECONDS = re.compile(r"for ([0-9]{1,9}) s")


def of_watch(run: Run, path: str) -> Iterator[Gap]:
    """Yield the times in which the machine slept or stood still, as the run's document has them."""
    for seen in run.watch:
        took = _SECONDS.search(seen.text) if seen.what in STILL else None
        if took is None:
            continue
        seconds = float(took[1])
        started = rfc3339(parse_rfc3339(seen.at) - timedelta(seconds=seconds))
        source = sources.document(path)
        yield Gap("sleep", seen.session or run.id, started, source, seen.at, seconds, seen.text)


def gaps(session: str, records: Sequence[Record], source: Source) -> list[Gap]:
    """Return the gaps of one session, in order, from all of its records."""
    found = [*_waits(session, records, source), *_crashes(session, records, source)]
    return sorted(found, key=lambda gap: gap.started)


def _waits(session: str, records: Sequence[Record], source: Source) -> Iterator[Gap]:
    for at, record in enumerate(records):
        if not _is_wait(record):
            continue
        why = str(record["data"].get("why") or "")
        after = next((one for one in records[at + 1 :] if not _is_wait(one)), None)
        ended = after["at"] if after is not None else None
        seconds = sources.between(record["at"], ended)
        yield Gap(_kind(why, record["data"]), session, record["at"], source, ended, seconds, why or None)


def _is_wait(record: Record) -> bool:
    return bool(record["type"] == "session.state" and record["data"]["state"] == "waiting")


def _kind(why: str, data: dict[str, Any]) -> str:
    if why.startswith("question "):
        return "question"
    return "wait" if why.startswith("signal ") or not data.get("until") else "limit"


def _crashes(session: str, records: Sequence[Record], source: Source) -> Iterator[Gap]:
    """Yield what a dead process cost: from the last sign of life to the end of its recovery."""
    for at, record in enumerate(records):
        if record["type"] != "recovery":
            continue
        data = record["data"]
        facts = data.get("facts", {})
        if facts.get("lease") != "dead":
            continue
        before = _last_sign(records[:at], record)
        started = before["at"] if before is not None else record["at"]
        yield Gap(
            kind="crash",
            session=session,
            started=started,
            source=source,
            ended=record["at"],
            seconds=sources.between(started, record["at"]),
            why="the process that held the lease was gone",
            row=data["row"],
            resume_seconds=data["seconds"],
        )


def _last_sign(before: Sequence[Record], recovery: Record) -> Record | None:
    """Return the last record of the process that died: what the resume recorded is younger."""
    began = parse_rfc3339(recovery["at"]).timestamp() - recovery["data"]["seconds"]
    began = floor(began)  # a checkpoint's time is its commit's: whole seconds
    for record in reversed(before):
        of_resume = record["type"] in RESUMING and parse_rfc3339(record["at"]).timestamp() >= began
        if not of_resume:
            return record
    return None
