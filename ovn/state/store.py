"""The state of one repository: what is acknowledged goes to a journal, then into commits.

``record`` acknowledges what happens in a session; ``transact`` changes documents outside of
any; ``fold`` makes commits of the journals; ``view`` shows both. All writers of a repository
take turns under one lock and build on the tip they find; the branch moves by compare-and-swap.
"""

from __future__ import annotations

import os
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from ovn import names
from ovn.clock import SYSTEM, rfc3339
from ovn.errors import InvalidDocument, NotInitialised, OvnError
from ovn.git.locks import repository_lock
from ovn.git.opening import open_store
from ovn.model import canonical, records
from ovn.model.documents import FORMAT, Project
from ovn.state import log, reducers, rollup, segments
from ovn.state.draft import Draft
from ovn.state.fold import FoldReport, encode, readable
from ovn.state.folding import Folder
from ovn.state.subjects import Words
from ovn.state.tip import Cache, Overlay
from ovn.state.view import View
from ovn.warn import warn

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Mapping

    from ovn.clock import Clock
    from ovn.git.locate import Location
    from ovn.git.objects import ObjectStore
    from ovn.model.records import Record
    from ovn.state.journal import Journal
    from ovn.state.segments import Numbered

FOLD_RECORDS = 1000
FOLD_SECONDS = 10.0
"""A session's journal is folded at this many records, or this long after its last fold."""

PATIENCE = 5.0
"""Seconds that a fold on the way of a record waits for another process: the record is safe."""


class StateStore:
    """The state of one repository. For one thread; any number of processes.

    ``deferred`` is the error of the last fold that ``record`` put off, None when none was: the
    records are acknowledged, and any later command folds them. While ``call`` is set, every
    record says that this call of a program made it.
    """

    def __init__(self, location: Location, clock: Clock = SYSTEM) -> None:
        self.location = location
        self.clock = clock
        self.deferred: OvnError | OSError | None = None
        self.call: dict[str, Any] | None = None
        self._folds: dict[str, tuple[int, float]] = {}
        self._checked = False
        self._child: subprocess.Popen[bytes] | None = None

    @classmethod
    def open(cls, location: Location, clock: Clock = SYSTEM) -> StateStore:
        """Return the store of a repository. Nothing is read before it is asked for."""
        return cls(location, clock)

    @cached_property
    def objects(self) -> ObjectStore:
        """The repository's objects and refs. Raises UnsupportedRepository."""
        return open_store(self.location)

    @cached_property
    def _folder(self) -> Folder:
        return Folder(self.location, self.objects, Cache(), self.clock)

    # -- reading ---------------------------------------------------------------------------

    def tip(self) -> str | None:
        """Return the state commit that readers see, None before ``init``.

        Where the branch was deleted or set back by accident, the last one we wrote.
        """
        return self._folder.branch.tip()

    def view(self, *, pending: bool = True) -> View:
        """Return the documents at the tip; with ``pending`` also what is acknowledged since.

        Raises FormatTooNew when a newer git ovn wrote the branch, StateConflict when it is
        somebody else's, JournalDamaged, Locked.
        """
        # The journals first: what is folded meanwhile is then in both, and its number tells.
        tails = dict(self._folder.journals.tails()) if pending else {}
        tip = self._folder.tip()
        docs = Overlay(tip)
        counts = {session: len(tail.records) for session, tail in tails.items()}
        for session, tail in tails.items():
            for seq, record in readable(tail):
                docs.put(reducers.apply(docs, session, seq, record))
        view = View(tip, docs, counts)
        if view.commit is not None:
            view.project  # noqa: B018 - refuses a branch that is newer than us, or not ours
        return view

    def pending(self) -> dict[str, int]:
        """Return how many records of each session wait to be folded."""
        return self._folder.journals.pending()

    def records(self, session: str) -> Iterator[tuple[int, Record]]:
        """Yield all records of a session with their numbers, in order: folded, then pending.

        Raises InvalidDocument at a segment that cannot be read.
        """
        tail = self.journal(session).read()  # first: what is folded meanwhile is then in both
        last = 0
        for seq, record in segments.read(self._folder.tip(), session):
            last = seq
            yield seq, record
        yield from ((seq, record) for seq, record in readable(tail) if seq > last)

    def replay(self, session: str) -> Iterator[Numbered]:
        """Yield the same as ``records``, ten times faster and without a look at every field.

        For a program that goes on: what is read here was checked when it was recorded, and
        again by the fold. Raises InvalidDocument.
        """
        tail = self.journal(session).read()
        last = 0
        for numbered in segments.bulk(self._folder.tip(), session):
            last = numbered[0]
            yield numbered
        yield from ((seq, record) for seq, record in readable(tail) if seq > last)

    def since(self, session: str, seq: int) -> list[Numbered]:
        """Return the session's records beyond number ``seq``; cheap when there are none."""
        tail = self.journal(session).read()
        if tail.next <= seq + 1:
            return []
        folded = list(segments.read(self._folder.tip(), session, seq))
        last = folded[-1][0] if folded else seq
        return [*folded, *((number, record) for number, record in readable(tail) if number > last)]

    def log(
        self, session: str | None = None, feature: str | None = None, limit: int | None = None
    ) -> list[log.Entry]:
        """Return the story of the state branch, newest first. Raises NotInitialised."""
        tip = self.tip()
        if tip is None:
            raise NotInitialised("this repository has no state yet")
        return list(islice(log.entries(self.objects, tip, session, feature), limit))

    # -- writing ---------------------------------------------------------------------------

    def init(self, project: str) -> str:
        """Make the state branch, or take the one that a remote has; return its tip.

        Idempotent. Raises RefClash beside a branch named ``overnight``, Ambiguous when remotes
        differ, StateConflict when the branch is somebody else's, FormatTooNew.
        """
        with repository_lock(self.location):
            tip = self.adopt()
            if tip is not None:
                self.view(pending=False)
                return tip
            document = Project(FORMAT, os.urandom(16).hex(), project, rfc3339(self.clock.now()))
            words = Words(f"init: {project}", "init")
            return self._folder.until_it_holds(
                lambda: self._commit(None, {names.PROJECT_FILE: document}, words)
            )

    def adopt(self) -> str | None:
        """In a clone, make the state branch from the one remote that has it; return the tip.

        None when there is neither a branch nor a remote with one. Raises Ambiguous.
        """
        with repository_lock(self.location):
            self.heal()
            return self._folder.until_it_holds(lambda: self.tip() or self._folder.branch.adopt())

    def record(
        self, session: str, record: Record, *, generation: int | None = None, fold: bool | None = None
    ) -> int:
        """Acknowledge a record and return its number: it is on disk, in order, and in every view.

        It is folded at once when its type has a meaning; ``fold`` says otherwise. A fold that
        fails is no failure of the record: see ``deferred``.
        Raises StaleLease when ``generation`` was taken over, InvalidDocument, InvalidName,
        NotInitialised, FormatTooNew, NoSpace, DiskFailed, ReadOnlyRepository, Locked; then
        nothing was recorded.
        """
        if self.call is not None:
            record = {**record, "call": self.call}
        payload = records.payload(record)
        if len(payload) > canonical.MAX_BYTES:
            raise InvalidDocument(
                f"record {record['type']!r}: {len(payload)} bytes, the limit is {canonical.MAX_BYTES}"
            )
        self.require_init()

        due = fold

        def meanwhile(seq: int) -> None:
            nonlocal due
            records.validate(record)
            self._folder.remember(payload, record)
            if fold is None and session in self._folds:
                due = self._is_due(session, seq, record)

        seq = self.journal(session).append(payload, generation, meanwhile)
        if due is None:  # the first record of a session: to know it the journal has to be read
            due = self._is_due(session, seq, record)
        if due:
            self._fold_or_defer(session, seq)
        return seq

    def transact(
        self,
        subject: str,
        event: str,
        change: Callable[[View], Mapping[str, Any]],
        trailers: Mapping[str, str] | None = None,
    ) -> str:
        """Change documents outside of any session; return the commit, which is durable.

        ``change`` is a function from the state to the documents that differ, by path (None
        takes one away); it is called again when the branch moved meanwhile. When nothing
        differs nothing is written and the tip is returned.
        Raises StateConflict, InvalidDocument, and what ``fold`` and ``change`` raise.
        """

        def attempt() -> str:
            self._folder.fold(None, PATIENCE)
            view = self.view(pending=False)
            if view.commit is None:
                raise NotInitialised("this repository has no state yet")
            return self._commit(view.commit, change(view), Words(subject, event, (), trailers or {}))

        with repository_lock(self.location):
            return self._folder.until_it_holds(attempt)

    def fold(self, session: str | None = None) -> FoldReport:
        """Make commits of what the journals hold, of one session or of all.

        Harmless to repeat, also after a crash at any point. Raises NotInitialised,
        FormatTooNew, NoSpace, ReadOnlyRepository, Locked, StateConflict; then the journals
        are as they were.
        """
        report = self._folder.fold(session, timeout=30.0)
        self._after_fold()
        return report

    def heal(self) -> tuple[str, ...]:
        """Put back a state branch that was deleted, set back or replaced; return what to say of it."""
        return self._folder.heal()

    def journal(self, session: str) -> Journal:
        """Return the journal of a session: for its lease generation and its durability."""
        return self._folder.journals.get(session)

    def close(self) -> None:
        """Flush and close the journals, and let go of the objects."""
        self._folder.journals.close()
        self.objects.close()

    # -- how -------------------------------------------------------------------------------

    def _commit(self, tip: str | None, changes: Mapping[str, Any], words: Words) -> str:
        documents = self._folder.tip_at(tip)
        draft = Draft(self.objects)
        before = documents.tree()
        edits = {documents.place(path): data for path, data in encode(changes).items()}
        tree = draft.edit(before, edits)
        if tip is not None and tree == before:
            return tip
        commit = draft.commit(tree, tip, words.message(), self.clock.now())
        self._folder.branch.publish(draft.objects(commit), commit, tip, words.event)
        return commit

    def require_init(self) -> None:
        """Raise NotInitialised, before anything is acknowledged or taken that no fold could ever write."""
        if not self._checked:
            if self.view(pending=False).commit is None:
                raise NotInitialised("this repository has no state yet")
            self._checked = True

    def _is_due(self, session: str, seq: int, record: Record) -> bool:
        now = self.clock.monotonic()
        if session not in self._folds:
            self._folds[session] = (seq - self.journal(session).count(), now)
        folded, when = self._folds[session]
        return records.is_event(record) or seq - folded >= FOLD_RECORDS or now - when >= FOLD_SECONDS

    def _fold_or_defer(self, session: str, seq: int) -> None:
        try:
            self._folder.fold(session, PATIENCE)
        except (OvnError, OSError) as error:
            self.deferred = error
            self._folds[session] = (seq, self.clock.monotonic())  # not again with every record
            warn(__name__, f"session '{session}' is not folded yet: {error}")
            return
        self.deferred = None
        self._folds.pop(session, None)
        self._after_fold()

    def _after_fold(self) -> None:
        try:
            if (self._child is None or self._child.poll() is not None) and rollup.due(self.location):
                self._child = rollup.start(self.location)
        except OSError as error:  # the fold stands; the packs are joined after a later one
            warn(__name__, f"the packs are not joined: {error}")
