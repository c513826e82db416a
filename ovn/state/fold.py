"""Commits from a session's records, made in memory; ``ovn.state.store`` packs them and moves the ref.

Each event with a meaning is a commit, the plain records before it share one. At every commit
the session's segments hold exactly what its document counts as folded, so that any commit of
the branch is a whole state.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import groupby
from typing import TYPE_CHECKING, Any

from ovn import names, schema
from ovn.clock import parse_rfc3339, rfc3339
from ovn.errors import InvalidDocument
from ovn.frozen import dataclass, field, replace
from ovn.model import canonical, records
from ovn.state import blobs, reducers, segments, subjects
from ovn.state.subjects import Words
from ovn.state.tip import Cache, Overlay, Tip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from ovn.git.objects import ObjectStore
    from ovn.state.draft import Draft
    from ovn.state.frames import Tail
    from ovn.state.segments import Numbered

MOST = 1000
"""Records of one pack."""

MOST_BYTES = 8 << 20
"""Bytes of records of one pack, beyond which memory would grow with what is pending."""


@dataclass(frozen=True, slots=True)
class Aside:
    """A record without effect: ``why``, and the file that keeps it if it is in no segment."""

    session: str
    seq: int
    why: str
    path: str | None = None

    def __str__(self) -> str:
        return f"record {self.seq} of session '{self.session}' is set aside: {self.why}"


@dataclass(frozen=True, slots=True)
class FoldReport:
    """What folds did.

    ``cut_bytes`` were torn writes that nobody had acknowledged; ``lost`` are acknowledged
    records whose bytes the disk changed, as (session, number); ``said`` are sentences for
    people: the branch was put back, a document could not be read.
    """

    commits: tuple[str, ...] = ()
    records: int = 0
    cut_bytes: int = 0
    set_aside: tuple[Aside, ...] = ()
    lost: tuple[tuple[str, int], ...] = ()
    said: tuple[str, ...] = ()

    def __add__(self, other: FoldReport) -> FoldReport:
        return FoldReport(
            self.commits + other.commits,
            self.records + other.records,
            self.cut_bytes + other.cut_bytes,
            self.set_aside + other.set_aside,
            self.lost + other.lost,
            self.said + other.said,
        )


@dataclass(frozen=True, slots=True)
class Slice:
    """What goes into one pack: sound records, those without, and the last number of them all."""

    records: tuple[Numbered, ...]
    through: int
    set_aside: tuple[Aside, ...] = ()
    lost: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """What goes into one commit; ``event`` says that one of its records has a meaning."""

    records: tuple[Numbered, ...]
    event: bool


def chunks(numbered: Iterable[Numbered]) -> Iterator[Chunk]:
    """Yield the records by commit, in order.

    Steps get a commit of their own before an event; other plain records (a note, a launch)
    go with the event they lead to, and at the end with the one that they follow, so that a
    night reads without them.
    """
    last: Chunk | None = None
    run: list[Numbered] = []
    for seq, record in numbered:
        run.append((seq, record))
        if not records.is_event(record):
            continue
        if last is not None:
            yield last
        if any(one["type"] == "step" for _, one in run):
            yield Chunk(tuple(run[:-1]), event=False)
            run = run[-1:]
        last, run = Chunk(tuple(run), event=True), []
    if last is not None and not any(one["type"] == "step" for _, one in run):
        last, run = Chunk((*last.records, *run), event=True), []
    if last is not None:
        yield last
    if run:
        yield Chunk(tuple(run), event=False)


def slices(payloads: Iterable[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    """Yield the payloads by pack."""
    now: list[tuple[int, bytes]] = []
    size = 0
    for seq, payload in payloads:
        if now and (len(now) >= MOST or size + len(payload) > MOST_BYTES):
            yield now
            now, size = [], 0
        now.append((seq, payload))
        size += len(payload)
    if now:
        yield now


def decode(payload: bytes) -> records.Record:
    """Return the record in a journal's frame. Raises InvalidDocument."""
    record = canonical.load(payload, "record")
    if not isinstance(record, dict):
        raise InvalidDocument("record: not an object")
    records.validate(record)
    return record


def readable(tail: Tail) -> Iterator[Numbered]:
    """Yield the records of a journal; what cannot be read is set aside, and said, by the next fold."""
    for seq, payload in tail.records:
        with suppress(InvalidDocument):
            yield seq, decode(payload)


@dataclass(slots=True)
class Commits:
    """The commits of one slice, one on top of the other."""

    draft: Draft
    history: ObjectStore
    cache: Cache
    session: str
    now: datetime
    stored: str
    lines: Mapping[int, bytes] = field(default_factory=dict)
    large: Callable[[str], bytes | None] = lambda _: None
    made: list[str] = field(default_factory=list)
    without_effect: list[Aside] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    @property
    def tip(self) -> str:
        """The commit to build on."""
        return self.made[-1] if self.made else self.stored

    def add(self, piece: Slice) -> None:
        """Make the commits of a slice. Raises FormatTooNew, CorruptObject."""
        planned = list(chunks(piece.records))
        if not planned:
            self._commit((), piece, _said_aside(self.session, piece))
        for chunk in planned:
            words = _words(self.session, chunk)
            self._commit(chunk.records, piece if chunk is planned[-1] else None, words)

    def _commit(self, numbered: Sequence[Numbered], last: Slice | None, words: Words) -> None:
        tip = Tip(self.draft, self.tip, self.cache, self.history, stored=self.stored)
        at = numbered[-1][1]["at"] if numbered else rfc3339(self.now)
        through = last.through if last else numbered[-1][0]
        docs, without = self._effects(tip, numbered, through, at)
        edits = {tip.place(path): data for path, data in encode(docs.changed).items()}
        if numbered:
            segment = names.segment_file(self.session, numbered[0][0])
            edits[tip.place(segment)] = segments.encode(numbered, self.lines)
            edits |= {tip.place(path): data for path, data in self._large(numbered)}
        tree = self._at_home(tip, self.draft.edit(tip.tree(), edits), docs)
        notes = [*without, *(last.set_aside if last else ())]
        lost = [f"record {seq} was damaged in the journal" for seq in (last.lost if last else ())]
        message = replace(words, body=[*words.body, *map(str, notes), *lost]).message()
        self.made.append(self.draft.commit(tree, self.tip, message, _in_range(parse_rfc3339(at))))
        self.without_effect += without
        self.said += map(str, tip.damaged.values())

    def _large(self, numbered: Sequence[Numbered]) -> Iterator[tuple[str, bytes]]:
        """Yield the results that are too large for their records, as files of the state branch."""
        for oid in blobs.of(record for _, record in numbered):
            data = self.large(oid)
            if data is None:
                self.said.append(f"session '{self.session}': the recorded result '{oid}' is missing")
            else:
                yield names.result_file(self.session, numbered[0][0], oid), data

    def _effects(
        self, tip: Tip, numbered: Sequence[Numbered], through: int, at: str
    ) -> tuple[Overlay, list[Aside]]:
        """Return the documents as the records leave them, and the records that would break one."""
        docs = Overlay(tip)
        for is_step, run in groupby(numbered, lambda one: one[1]["type"] == "step"):
            if is_step:
                docs.put(reducers.steps(docs, self.session, list(run)))
            else:
                for seq, record in run:
                    docs.put(reducers.apply(docs, self.session, seq, record))
        docs.put(reducers.passed(docs, self.session, through, at))
        try:
            encode(docs.changed)
        except InvalidDocument:
            return self._one_by_one(tip, numbered, through, at)
        return docs, []

    def _one_by_one(
        self, tip: Tip, numbered: Sequence[Numbered], through: int, at: str
    ) -> tuple[Overlay, list[Aside]]:
        """Do the same record by record: one that makes a document invalid has no effect."""
        docs, without = Overlay(tip), []
        for seq, record in numbered:
            changes = reducers.apply(docs, self.session, seq, record)
            try:
                encode(changes)
            except InvalidDocument as error:
                without.append(Aside(self.session, seq, str(error)))
            else:
                docs.put(changes)
        docs.put(reducers.passed(docs, self.session, through, at))
        return docs, without

    def _at_home(self, tip: Tip, tree: str, docs: Overlay) -> str:
        """Return the tree with the session's folder where its state says it belongs."""
        session = docs.get(names.session_file(self.session))
        home = names.session_folder(self.session)
        if session is not None and session.ended is not None:
            home = names.ended_folder(session.ended[:7], self.session)
        return self.draft.move(tree, tip.home(self.session), home) if home != tip.home(self.session) else tree


def encode(documents: Mapping[str, Any]) -> dict[str, bytes | None]:
    """Return the documents' canonical bytes. Raises InvalidDocument, also for one too large to read."""
    return {path: _encode(path, document) for path, document in documents.items()}


def _encode(path: str, document: Any) -> bytes | None:
    if document is None:
        return None
    kind = schema.kind_of(path)
    if kind is None:
        raise ValueError(f"no document is kept at {path!r}")
    data = schema.dump(kind, document, path)
    if len(data) > canonical.MAX_BYTES:
        raise InvalidDocument(f"{path}: {len(data)} bytes, the limit is {canonical.MAX_BYTES}")
    return data


def _words(session: str, chunk: Chunk) -> Words:
    if chunk.event:
        return subjects.of_event(session, *next(one for one in chunk.records if records.is_event(one[1])))
    numbers = [seq for seq, _ in chunk.records]
    return subjects.of_plain(session, numbers, [record for _, record in chunk.records])


def _said_aside(session: str, piece: Slice) -> Words:
    count = len(piece.set_aside) + len(piece.lost)
    text = f"set-aside({session}): {count} record{'s' if count > 1 else ''} that cannot be read"
    return Words(text, "set-aside", (), {names.TRAILER_SESSION: session})


def _in_range(when: datetime) -> datetime:
    """Return a time that a commit can carry: an agent's clock may be anywhere."""
    return max(when, parse_rfc3339("1970-01-02T00:00:00.000Z"))
