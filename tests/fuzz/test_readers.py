"""Hostile input to every reader: read, or refused in our own words; quick, small, never raw on a terminal."""

from __future__ import annotations

import io
import os
import random
import resource
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from ovn import active, checkpoints, config, schema
from ovn.checkpoints import telling
from ovn.cli.output import Output
from ovn.earlier.configuration import configuration
from ovn.errors import InvalidName, OvnError
from ovn.features import exchange, progress
from ovn.git import encoding, paths, trailers
from ovn.git.objects import CommitInfo
from ovn.git.owner import Owner
from ovn.model import canonical, documents, records
from ovn.names import slug
from ovn.state import fold, frames, segments
from ovn.state.journal import Journal

from .mutation import mutate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LONG = os.environ.get("OVN_TEST_SIZE") == "long"
OID = "0123456789abcdef0123456789abcdef01234567"
AT = "2026-11-22T23:00:00.000Z"
SECONDS, GROWN_KB = 1.0, 200_000
"""What one input may take of the processor, and all of them of memory."""

FEATURE = documents.Feature(version=2, id="a-thing", number=1, title="A thing", created=AT)
HELD = documents.Checkpoint(
    id="s/0001", session="s", label="x", kind="named", at=AT, commit=OID, tree=OID, worktree="main",
    text="why", head=OID, branch="refs/heads/main", tag="ovn/s/x",
    omitted=(documents.Omission("big", "too big", 5000, "0" * 64),),
)  # fmt: skip
RECORD = records.make("note", {"text": "a note"}, at=AT, by="agent")
PROGRESS = "# Session: s\n# Goal: g\n\n## THINGS 1: first (P0)\n\n- [x] one\n- [ ] two\n  a note\n"
CONFIG = b"""\
project: p
session: {max_runtime_hours: 8}
commands:
  baseline: make
  health: [a, b]
agent:
  name: command
"""
REGISTRY = canonical.dump(exchange.registry("p", [FEATURE]))
LIST = b'[{"category": "functional", "description": "it works", "steps": ["a"], "passes": false}]'


def _commit(data: bytes) -> CommitInfo:
    return encoding.decode_commit(OID, data)


def _told(data: bytes) -> object:
    message = data.decode("utf-8", "replace")
    return telling.parse(CommitInfo(OID, OID, (OID,), "a", "b", 0, 0, message))


def _label(data: bytes) -> object:
    return checkpoints.resolve(data.decode("utf-8", "surrogateescape"), [HELD], session="s", worktree="main")


def _read_frames(data: bytes) -> object:
    header = frames.newest_header(data[: frames.DATA]) or frames.salvage_header(data) or frames.Header()
    return frames.read(data, header)


def _journal_bytes() -> bytes:
    header = frames.Header(base=1)
    body = bytearray(frames.DATA)
    code = header.encode()
    body[header.slot() : header.slot() + len(code)] = code
    for number in range(1, 4):
        body += frames.encode(header.epoch, number, canonical.dump_line(RECORD))
    return bytes(body) + bytes(64)


def _text(read: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: read(data.decode("utf-8", "replace"))


COMMIT = encoding.encode_commit(OID, [OID], "x\n", datetime(2026, 1, 2, tzinfo=UTC))
MESSAGE = telling.message(HELD).encode()
READERS: dict[str, tuple[Callable[[bytes], object], tuple[bytes, ...]]] = {
    "json": (canonical.load, (canonical.dump({"a": [1, 2.5, None, "x"]}),)),
    "feature": (lambda data: schema.load("feature", data, "it"), (schema.dump("feature", FEATURE, "it"),)),
    "record": (fold.decode, (canonical.dump_line(RECORD),)),
    "segment": (lambda data: list(segments.decode(data, "it")), (segments.encode([(1, RECORD)]),)),
    "yaml": (lambda data: config.parse(data, {"OVN_X": "y"}), (CONFIG,)),
    "label": (_label, (b"x", b"s/x", b"s/0001", b"ovn/s/x", b"@{0}")),
    "slug": (lambda data: slug(data.decode("utf-8", "surrogateescape")), (b"Fix the parser!",)),
    "journal": (_read_frames, (_journal_bytes(),)),
    "trailers": (_text(trailers.parse), (MESSAGE,)),
    "snapshot commit": (_told, (MESSAGE,)),
    "commit object": (_commit, (COMMIT,)),
    "registry": (lambda data: exchange.read(data, "it"), (REGISTRY, LIST, PROGRESS.encode())),
    "earlier configuration": (lambda data: configuration(data, "it", {}), (CONFIG,)),
    "progress": (_text(progress.parse), (PROGRESS.encode(),)),
    "quoted path": (_text(paths.unquote), (b'"a\\tb\\303\\274"', b"plain")),
    "owner": (_text(Owner.read), (Owner.me().line.encode(),)),
}
"""Reader -> what reads, and sound inputs to begin from."""

COUNTS = [25, pytest.param(500_000 if LONG else 1250, marks=pytest.mark.slow)]
"""Inputs of each reader: 16 readers make 20,000 in CI."""


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("name", READERS)
def test_hostile_input_is_read_or_refused_in_our_own_words(name: str, count: int) -> None:
    """And refused without a control character of its own, within a second."""
    read, sound = READERS[name]
    chance = random.Random(f"{name} {count}")
    every = [seed for _, seeds in READERS.values() for seed in seeds]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    taken = refused = 0
    for seed in sound:
        read(seed)
    for _ in range(count):
        data = mutate(chance.choice(sound), chance, every)
        started = time.thread_time()
        try:
            read(data)
            taken += 1
        except OvnError as error:
            refused += 1
            _must_be_tame(error)
        except ValueError:  # documented: its callers check what they do not know
            assert name == "quoted path"
            refused += 1
        assert time.thread_time() - started < SECONDS, data
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < GROWN_KB
    assert taken + refused == count


def _must_be_tame(error: OvnError) -> None:
    """What a terminal gets of an error steers nothing: no control but tabs and the line's own end."""
    out, err = io.StringIO(), io.StringIO()
    said = Output(out, err, colour=lambda: False)
    said.error(str(error))
    said.hint(error.hint or "")
    said.line(str(error))
    shown = out.getvalue() + err.getvalue()
    assert all(char in "\n\t" or (ord(char) >= 0x20 and not 0x7F <= ord(char) < 0xA0) for char in shown)
    assert not set(shown) & set(
        "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u2028\u2029"
    )


@pytest.mark.parametrize("count", [40, pytest.param(100_000 if LONG else 400, marks=pytest.mark.slow)])
def test_a_journal_file_of_anything_is_put_in_order_and_written_on(tmp_path: Path, count: int) -> None:
    """Whatever the file holds, what is read is a record of before, and the next append works."""
    chance = random.Random(count)
    whole = _journal_bytes()
    for number in range(count):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "records").write_bytes(mutate(whole, chance, [whole, b"\0" * 500]))
        journal = Journal(folder)
        try:
            before = journal.read()
            seq = journal.append(b'"next"')
            after = journal.read()
        except OvnError:
            continue
        finally:
            journal.close()
        assert after.records[: len(before.records)] == before.records
        assert after.records[-1] == (seq, b'"next"')
        assert seq == before.next


@pytest.mark.parametrize("count", [200, pytest.param(2000, marks=pytest.mark.slow)])
def test_the_files_that_say_who_is_at_work_may_hold_anything(tmp_path: Path, count: int) -> None:
    """Hooks and verbs read them at every call."""
    chance = random.Random(count)
    at_work = active.Active("s", kind="run", generation=3, feature="f", run="r", protect=True)
    active.write(str(tmp_path), "main", at_work)
    path = next(found for found in tmp_path.rglob("*") if found.is_file())
    whole = path.read_bytes()
    for _ in range(count):
        path.write_bytes(mutate(whole, chance, [whole, b"session=\n"]))
        try:
            active.read(str(tmp_path), "main")
        except InvalidName:
            continue
