"""A session's journal: appended to by several processes at once, read back after any crash.

A record is acknowledged when ``append`` returns: it is on disk (``fdatasync``), behind a
CRC-32 and a number without gaps. The file holds written zeros ahead of its tail, so an
append changes no metadata and costs one synced write. ``ovn.state.frames`` has the bytes,
``ovn.state.journalfile`` the file and its lock; here is what makes it a journal.

Standard library only, without pathlib, typing, contextlib and dataclasses: git hooks load
it under ``python -I -S`` and have 25 ms.
"""

from __future__ import annotations

import os
import time
from _thread import allocate_lock

from ovn.crash import crash_point
from ovn.errors import JournalDamaged, Locked, NotFound, ReadOnlyRepository, StaleLease
from ovn.state import frames
from ovn.state.frames import DATA, FRAME_SIZE, HOLE, Content, Frame, Header, Tail
from ovn.state.journalfile import CHUNK, SHRINK, JournalFile, refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType
    from typing import Literal

HINT_EVERY = 256
WINDOW = 16 * 1024
DAMAGED = "damaged-"
KEPT = 2048
"""Records of its own that a writer keeps in memory until they are folded."""

_NOWHERE = (0, 0, 0, 0, 0)


class Journal:
    """The journal in the folder ``path``; made by the first append.

    ``first`` is the number of the first record of a new journal, ``generation`` that of the
    lease it is fenced by from the beginning; or functions that say it.
    With ``durability="batched"`` a record is acknowledged when written, and on disk at
    ``flush``, ``close`` or anybody's next synced append. ``timeout`` is in seconds, for the
    lock. One object serves several threads, and a forked child too.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        first: int | Callable[[], int] = 1,
        generation: int | Callable[[], int] = 0,
        durability: Literal["sync", "batched"] = "sync",
        timeout: float = 30.0,
    ) -> None:
        self.folder = os.fspath(path)
        self.durability = durability
        self.timeout = timeout
        self._first = first
        self._generation = generation
        self._mutex = allocate_lock()
        self._file = JournalFile(self.folder, timeout)
        self._known = _NOWHERE  # file, epoch, bytes cut, tail and next number when we last looked
        self._unsynced = False
        self._own: list[tuple[int, bytes]] = []  # the last records, if they are ours, without gaps

    # -- writing ---------------------------------------------------------------------------

    def append(
        self, payload: bytes, generation: int | None = None, meanwhile: Callable[[int], None] | None = None
    ) -> int:
        """Acknowledge one record and return its number.

        ``meanwhile`` is called with the number while the disk takes the record: for a check of it,
        or for work that would have to be done after it. What it raises is raised, and no record
        was added; it may be that none was added although it returned.
        Raises StaleLease when ``generation`` is older than the journal's, and Locked,
        NoSpace, DiskFailed or ReadOnlyRepository; then no record was added either.
        """
        if len(payload) > frames.LARGEST:
            raise ValueError(f"a record may hold {frames.LARGEST} bytes")
        with _Hold(self) as found:
            header = found or self._repaired()[0]
            self._fence(header, generation)
            header, tail, seq = self._clean_tail(header)
            self._write(header, tail, seq, payload, meanwhile)
        crash_point("journal.after_sync")
        return seq

    def flush(self) -> None:
        """Return when every record written so far is on disk. Raises DiskFailed."""
        if self._unsynced:
            with _Hold(self):
                self._file.sync()
                self._unsynced = False

    def set_generation(self, generation: int) -> None:
        """Fence off every writer with an older lease generation. Raises StaleLease."""
        with _Hold(self) as found:
            header = found or self._repaired()[0]
            self._fence(header, generation)
            if generation > header.generation:
                self._file.put(header.next(generation=generation))

    def reset(self, through: int) -> None:
        """Forget the records up to number ``through``: they are folded. Later ones stay.

        The epoch changes, so that nothing forgotten can come back. Does nothing when they
        are forgotten already.
        """
        with _Hold(self) as found:
            header, tail, following = self._clean_tail(found or self._repaired()[0])
            if through < header.base:
                return
            crash_point("journal.before_reset")
            self._own.clear()  # what is folded need not be remembered
            fresh = _new_epoch(header).next(base=through + 1, cut=0)
            if following <= through + 1:
                self._clear(fresh, tail)
                return
            kept = [frame for frame in self._repaired()[1].frames if frame.seq > through]
            self._file.replace(fresh, _encoded(fresh.epoch, kept))

    def remove(self) -> bool:
        """Delete the journal if it is empty; return whether it is gone. Its next append starts anew."""
        try:
            with _Hold(self, create=False):
                if self._repaired()[1].frames:
                    return False
                self._file.unlink()
                self._unsynced = False  # else ``close`` would make the file again to sync it
        except NotFound:
            return True
        self.close()
        return True

    # -- reading ---------------------------------------------------------------------------

    def read(self) -> Tail:
        """Return everything the journal holds; one that does not exist holds nothing.

        A damaged journal is put in order first (see ``Tail.lost``). Raises Locked, and
        JournalDamaged when it is damaged and read-only.
        """
        try:
            with _Hold(self, shared=True) as found:
                if found is not None and self._wrote_all(found):
                    return Tail(found, self._own.copy(), self._aside())
                header, content = self._content()
                if header is not None and not content.survivors:
                    tail = Tail.of(header, content, self._aside())
                    if content.frames and not content.torn:
                        self._known = (self._file.opened, header.epoch, header.cut, content.tail, tail.next)
                    return tail
            with _Hold(self, create=False):
                return Tail.of(*self._repaired(), self._aside())
        except NotFound:
            return Tail(self._new_header(), [], self._aside())
        except ReadOnlyRepository as error:
            raise JournalDamaged(f"journal '{self.folder}' is damaged, and read-only") from error

    def count(self) -> int:
        """Return how many records wait to be folded; cheaper than ``read``."""
        try:
            with _Hold(self, shared=True) as header:
                if header is not None:
                    return self._seek(header)[1] - header.base
        except NotFound:
            return 0
        return len(self.read().records)

    def generation(self) -> int:
        """Return the lease generation that writers need at least; 0 without a journal."""
        return self.read().generation

    def close(self) -> None:
        """Flush, and let go of the file; the next call opens it again."""
        self.flush()
        with self._mutex:
            self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    # -- the tail --------------------------------------------------------------------------

    def _seek(self, header: Header) -> tuple[int, int]:
        """Return tail and next number, going on from where we last were, the hint, or the start."""
        tail, seq = self._known[3:] if self._knows(header) else self._from_hint(header)
        while True:
            window = self._file.read(tail, max(WINDOW, frames.wanted(self._file.read(tail, FRAME_SIZE))))
            found = frames.run(window, 0, header.epoch, seq)
            if not found:
                return tail, seq
            tail, seq = tail + found[-1].end, seq + len(found)

    def _knows(self, header: Header) -> bool:
        return self._known[:3] == (self._file.opened, header.epoch, header.cut)

    def _wrote_all(self, header: Header) -> bool:
        """Tell whether every record in the file is one that this object wrote, and nothing is behind them."""
        tail, following = self._known[3:]
        return (
            self._knows(header)
            and len(self._own) == following - header.base > 0
            and self._own[-1][0] == following - 1
            and self._file.read(tail, FRAME_SIZE) == frames.NOTHING
        )

    def _from_hint(self, header: Header) -> tuple[int, int]:
        if header.hint:
            head = self._file.read(header.hint, FRAME_SIZE)
            frame = frames.decode(self._file.read(header.hint, frames.wanted(head)), 0)
            if frame is not None and (frame.epoch, frame.seq) == (header.epoch, header.hint_seq):
                return header.hint, header.hint_seq
        return DATA, header.base

    def _clean_tail(self, header: Header) -> tuple[Header, int, int]:
        """Return header, tail and next number, with nothing but zeros behind the tail.

        The zeros matter: behind a torn frame there may lie a whole one, and a new record as
        long as the torn one would make it count again. Where we have looked or written before,
        one look at the tail is enough: a killed process leaves a beginning, never only a part
        further on. A power cut may leave that, but it ends this process too.
        """
        opened, epoch, cut, tail, seq = self._known
        if epoch == header.epoch and cut == header.cut and opened == self._file.opened:
            ahead = self._file.read(tail, FRAME_SIZE)
            if ahead == frames.NOTHING or not frames.written(ahead):
                return header, tail, seq
        tail, seq = self._seek(header)
        if not frames.written(self._file.read(tail)):
            return header, tail, seq
        header, content = self._repaired()
        return header, content.tail, header.base + len(content.frames)

    # -- putting in order ------------------------------------------------------------------

    def _content(self) -> tuple[Header | None, Content]:
        buffer = self._file.read()
        header = frames.newest_header(buffer[:DATA])
        return header, frames.read(buffer, header or Header())

    def _repaired(self) -> tuple[Header, Content]:
        """Return header and content, cutting off what is torn and replacing what is damaged."""
        header, content = self._content()
        if header is None or content.survivors:
            return self._salvaged(header)
        end = content.tail + frames.written(self._file.read(content.tail))
        if end == content.tail:
            return header, content
        self._file.zero(content.tail, end)
        header = header.next(cut=header.cut + content.torn, stale=0)
        self._file.put(header)
        return header, Content(content.frames, content.tail, 0, [])

    def _salvaged(self, header: Header | None) -> tuple[Header, Content]:
        """Set the file's bytes aside and go on with what is sound in them, in a new file.

        A frame that stands for each lost record keeps the numbers of those behind it.
        """
        self._file.set_aside(f"{DAMAGED}{time.time_ns()}")
        buffer = self._file.read()
        found = header or frames.salvage_header(buffer) or self._new_header()
        content = frames.read(buffer, found)
        sound = {frame.seq: frame for frame in (*content.frames, *content.survivors)}
        numbers = range(found.base, max(sound, default=found.base - 1) + 1)
        kept = [sound.get(seq) or Frame(HOLE, found.epoch, seq, b"", 0) for seq in numbers]
        fresh = _new_epoch(found)
        data = _encoded(fresh.epoch, kept)
        self._file.replace(fresh, data)
        return fresh, Content(kept, DATA + len(data), 0, [])

    def _aside(self) -> list[str]:
        names = os.listdir(self.folder) if os.path.isdir(self.folder) else []
        return [os.path.join(self.folder, name) for name in sorted(names) if name.startswith(DAMAGED)]

    def _new_header(self) -> Header:
        return Header(base=_said(self._first), generation=_said(self._generation))

    # -- bytes -----------------------------------------------------------------------------

    def _fence(self, header: Header, generation: int | None) -> None:
        if generation is not None and generation < header.generation:
            raise StaleLease(
                f"session '{os.path.basename(self.folder)}' was taken over",
                generation=generation,
                holder_generation=header.generation,
            )

    def _write(
        self, header: Header, tail: int, seq: int, payload: bytes, meanwhile: Callable[[int], None] | None
    ) -> None:
        """Write a record at the tail and sync it, or leave the journal as it was and raise."""
        data = frames.encode(header.epoch, seq, payload)
        crash_point("journal.before_write")
        synced = self.durability == "sync"
        size = self._file.size()
        try:
            self._file.grow(tail + len(data), size)
            self._file.write(data, tail)
            if not seq % HINT_EVERY:
                self._file.put(header.next(hint=tail, hint_seq=seq), sync=False)
            crash_point("journal.before_sync")
            if synced and meanwhile is not None:
                self._file.begin_writing(tail, len(data))
            self._known = (self._file.opened, header.epoch, header.cut, tail + len(data), seq + 1)
            self._remember(header, seq, payload)
            if meanwhile is not None:
                meanwhile(seq)
            if synced:
                self._file.sync()
            self._unsynced = not synced
        except Exception:  # not an interrupt: what was written then is a record, though a late one
            self._known = _NOWHERE
            self._own.clear()
            self._file.shrink(size)
            self._file.zero(tail, min(tail + len(data), size))
            raise

    def _remember(self, header: Header, seq: int, payload: bytes) -> None:
        if seq == header.base or len(self._own) == KEPT or (self._own and self._own[-1][0] != seq - 1):
            self._own.clear()
        self._own.append((seq, payload))

    def _clear(self, header: Header, tail: int) -> None:
        """Begin an epoch in place: the header counts at once, the zeros are synced with the next record."""
        header = header.next(stale=tail)
        self._file.put(header)
        if self._file.size() > SHRINK:
            self._file.shrink(DATA + CHUNK)
        self._file.zero(DATA, min(tail, self._file.size()))
        self._file.put(header.next(stale=0), sync=False)


class _Hold:
    """The journal's lock, as a context; what the disk refuses in it becomes an error of ours."""

    __slots__ = ("_create", "_journal", "_shared")

    def __init__(self, journal: Journal, *, shared: bool = False, create: bool = True) -> None:
        self._journal = journal
        self._shared = shared
        self._create = journal._new_header if create and not shared else None  # noqa: SLF001 - one class in two

    def __enter__(self) -> Header | None:
        if not self._journal._mutex.acquire(timeout=self._journal.timeout):  # noqa: SLF001
            raise Locked(f"journal '{self._journal.folder}' was busy for {self._journal.timeout:g} s")
        try:
            return self._journal._file.lock(shared=self._shared, create=self._create)  # noqa: SLF001
        except BaseException as error:
            self._journal._mutex.release()  # noqa: SLF001
            self._translate(error)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        try:
            self._journal._file.unlock()  # noqa: SLF001
        finally:
            self._journal._mutex.release()  # noqa: SLF001
        self._translate(error)

    def _translate(self, error: BaseException | None) -> None:
        if isinstance(error, OSError):
            raise refusal(error, self._journal.folder) from error


def _new_epoch(header: Header) -> Header:
    return header.next(epoch=header.epoch + 1, hint=0, hint_seq=0, stale=0, moved=0)


def _encoded(epoch: int, kept: Sequence[Frame]) -> bytes:
    return b"".join(frames.encode(epoch, frame.seq, frame.payload, frame.mark) for frame in kept)


def _said(value: int | Callable[[], int]) -> int:
    return value() if callable(value) else value
