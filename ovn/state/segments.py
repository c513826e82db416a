"""A session's records on the state branch: immutable files of JSON lines, one per commit.

Together they hold every record up to the session's ``folded``, in order, but those that were
set aside; so the tip alone has every result, and a clone can replay.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ovn import names
from ovn.errors import InvalidDocument
from ovn.model import canonical

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ovn.model.records import Record
    from ovn.state.tip import Tip

Numbered = tuple[int, "Record"]


def encode(records: Sequence[Numbered], lines: Mapping[int, bytes] | None = None) -> bytes:
    """Return the bytes of the segment that holds these records.

    ``lines`` has the canonical bytes of some of them by number, which then need only theirs.
    """
    known = lines or {}
    return b"".join(_line(seq, record, known.get(seq)) for seq, record in records)


def _line(seq: int, record: Record, line: bytes | None) -> bytes:
    """Return a record's line. The type is its last key, and the number goes before it."""
    if line is None:
        return canonical.dump_line({**record, "seq": seq}) + b"\n"
    at = line.rindex(b',"type":"')
    return b'%b,"seq":%d%b\n' % (line[:at], seq, line[at:])


def decode(data: bytes, what: str) -> Iterator[Numbered]:
    """Yield the records of a segment. Raises InvalidDocument naming ``what`` and the line."""
    for number, line in enumerate(data.splitlines(), 1):
        record = canonical.load(line, f"{what}: line {number}")
        if not isinstance(record, dict) or not isinstance(record.get("seq"), int):
            raise InvalidDocument(f"{what}: line {number}: not a numbered record")
        yield record.pop("seq"), record


def bulk(tip: Tip, session: str) -> Iterator[Numbered]:
    """Yield a session's folded records, parsed a segment at a time. Raises InvalidDocument.

    A segment is one list to the standard library's parser, which needs a tenth of the time that
    strict reading of each line takes.
    """
    for path in _paths(tip, session):
        data = tip.read(path) or b""
        try:
            found = _BULK.decode((b"[" + b",".join(data.splitlines()) + b"]").decode())
            yield from ((record["seq"], record) for record in found)
        except (ValueError, RecursionError, KeyError, TypeError) as error:
            raise InvalidDocument(f"{path}: {error}") from error


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


_BULK = json.JSONDecoder(parse_constant=_no_constant)
"""Made once: a segment of a few records takes no longer than making one."""


def read(tip: Tip, session: str, after: int = 0) -> Iterator[Numbered]:
    """Yield a session's folded records beyond number ``after``, in order. Raises InvalidDocument."""
    paths = list(_paths(tip, session))
    firsts = [int(path.rpartition("/")[2].partition(".")[0]) for path in paths]
    for at, path in enumerate(paths):
        if at + 1 < len(paths) and firsts[at + 1] <= after:
            continue  # all of it is before
        data = tip.read(path)
        for seq, record in decode(data or b"", path):
            if seq > after:
                yield seq, record


def _paths(tip: Tip, session: str) -> Iterator[str]:
    folder = f"{names.session_folder(session)}/journal"
    for group in tip.names(folder):
        for name in tip.names(f"{folder}/{group}"):
            if name.removesuffix(".jsonl").isdigit():
                yield f"{folder}/{group}/{name}"
