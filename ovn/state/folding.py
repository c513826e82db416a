"""Fold journals: read their tails, store the commits as one pack, move the branch, reset.

In this order, so that a crash anywhere leaves either the records in the journal or the
commits on the branch, or both, which the session's ``folded`` number tells apart.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

from ovn import names
from ovn.clock import jitter
from ovn.errors import CorruptObject, InvalidDocument, Locked, NotInitialised, RefMoved, StateConflict
from ovn.git.disk import disk_errors
from ovn.git.locks import break_stale_locks, repository_lock, tidy
from ovn.host import sync_path
from ovn.model.records import MEANINGFUL
from ovn.state import blobs, segments
from ovn.state.branch import Branch
from ovn.state.draft import Draft
from ovn.state.fold import MOST, Aside, Commits, FoldReport, Slice, decode, slices
from ovn.state.journals import Journals
from ovn.state.tip import Cache, Tip
from ovn.state.view import View

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ovn.clock import Clock
    from ovn.git.locate import Location
    from ovn.git.objects import ObjectStore
    from ovn.model.records import Record
    from ovn.state.frames import Tail

TRIES = 50
"""How often a write is made again when somebody without our lock moves the branch."""

ASIDE = "aside"

T = TypeVar("T")


class Folder:
    """Folds the journals of one repository into its state branch."""

    def __init__(self, location: Location, objects: ObjectStore, cache: Cache, clock: Clock) -> None:
        self.location = location
        self.objects = objects
        self.branch = Branch(objects)
        self.journals = Journals(location, self.folded, self.generation)
        self._cache = cache
        self._clock = clock
        self._tidy = False
        self._known: dict[bytes, Record] = {}

    def remember(self, payload: bytes, record: Record) -> None:
        """Keep a step that this process records, so that its fold need not read and check it again.

        Only steps: of them the fold looks at nothing that a caller could have changed since.
        """
        if record["type"] == "step":
            if len(self._known) > MOST:
                self._known.clear()
            self._known[payload] = record

    def tip(self) -> Tip:
        """Return the documents at the tip that readers see."""
        return self.tip_at(self.branch.tip())

    def tip_at(self, commit: str | None) -> Tip:
        """Return the documents at a state commit."""
        return Tip(self.objects, commit, self._cache, self.objects)

    def folded(self, session: str) -> int:
        """Return the number of the session's last folded record."""
        found = self.tip().get(names.session_file(session))
        return found.folded if found is not None else 0

    def generation(self, session: str) -> int:
        """Return the generation of the lease that the session's document knows."""
        found = self.tip().get(names.session_file(session))
        return found.generation if found is not None else 0

    def heal(self) -> tuple[str, ...]:
        """Clear what dead processes left, put back a branch that was lost; return what to say of it."""
        with repository_lock(self.location):
            return self.until_it_holds(self._put_in_order)

    def _put_in_order(self) -> tuple[str, ...]:
        if not self._tidy:
            tidy(self.location)
            self._tidy = True
        break_stale_locks(self.location, names.STATE_REF, names.KEEP_REF)
        return tuple(self.branch.heal())

    def fold(self, session: str | None, timeout: float) -> FoldReport:
        """Fold one session, or all. Raises what ``StateStore.fold`` does.

        Before one session come the others that hold an event: it was acknowledged before, and
        folded later it would win over what this session says of the same feature now.
        """
        with repository_lock(self.location, timeout):
            report = FoldReport(said=self.heal())
            for other in self.journals.sessions():
                if session is None or (other != session and self._holds_event(other)):
                    report += self._session(other)
            if session is not None:
                report += self._session(session)
        return report

    def _holds_event(self, session: str) -> bool:
        tail = self.journals.get(session).read()
        return any(_type(payload) in MEANINGFUL for _, payload in tail.records)

    def until_it_holds(self, write: Callable[[], T]) -> T:
        """Call ``write`` again, with jitter, as long as the branch moves under it; return its result.

        Under the repository lock. A ref's lock that a killed process left is waited for too,
        until it is old enough to be broken. Raises StateConflict when it never holds.
        """
        last: Locked | RefMoved | None = None
        for number in range(TRIES):
            try:
                if number:
                    self._put_in_order()
                return write()
            except (RefMoved, Locked) as error:
                last = error
            self._clock.sleep(jitter(0, 0.002 * (number + 1)))
        raise StateConflict(f"the branch '{names.STATE_BRANCH}' did not stay in place: {last}") from last

    def _session(self, session: str) -> FoldReport:
        journal = self.journals.get(session)
        tail = journal.read()
        report = FoldReport(cut_bytes=tail.cut, lost=tuple((session, seq) for seq in tail.lost))
        if not tail.records and not tail.lost:
            return report
        report += self.until_it_holds(lambda: self._tail(session, tail))
        found = self.tip().get(names.session_file(session))
        journal.reset(max(tail.next - 1, found.folded if found else 0))
        if found is not None and found.ended is not None:
            self.journals.forget(session)
        return report

    def _tail(self, session: str, tail: Tail) -> FoldReport:
        """Fold what a journal holds; on the second call only what the first did not get to."""
        folded = self.folded(session)
        report = FoldReport(set_aside=self._disputed(session, tail, folded))
        parts = list(slices((seq, payload) for seq, payload in tail.records if seq > folded))
        lost = tuple(seq for seq in tail.lost if seq > folded)
        if lost and not parts:
            parts = [[]]
        for part in parts:
            last = part is parts[-1]
            through = tail.next - 1 if last else part[-1][0]
            report += self._slice(session, part, through, lost if last else ())
        return report

    def _slice(
        self, session: str, part: Sequence[tuple[int, bytes]], through: int, lost: tuple[int, ...]
    ) -> FoldReport:
        old = self._writable_tip()
        sound: list[tuple[int, Record]] = []
        lines: dict[int, bytes] = {}
        bad: list[Aside] = []
        for seq, payload in part:
            known = self._known.get(payload)
            if known is not None:
                lines[seq] = payload
                sound.append((seq, known))
                continue
            try:
                sound.append((seq, decode(payload)))
            except InvalidDocument as error:
                bad.append(self._set_aside(session, seq, str(error), payload))
        draft = Draft(self.objects)
        now = self._clock.now()
        commits = Commits(draft, self.objects, self._cache, session, now, old, lines, self._large)
        commits.add(Slice(tuple(sound), through, tuple(bad), lost))
        self.branch.publish(draft.objects(commits.tip), commits.tip, old, f"fold {session}")
        blobs.drop(self.location, blobs.of(record for _, record in sound))
        for payload in lines.values():
            self._known.pop(payload, None)
        asides = (*bad, *commits.without_effect)
        return FoldReport(tuple(commits.made), len(sound), set_aside=asides, said=tuple(commits.said))

    def _large(self, oid: str) -> bytes | None:
        try:
            return blobs.get(self.location, self.objects, oid)
        except CorruptObject:
            return None

    def _writable_tip(self) -> str:
        """Return the tip to build on. Raises NotInitialised, FormatTooNew, StateConflict."""
        tip = self.branch.tip()
        if tip is None:
            raise NotInitialised("this repository has no state yet")
        View(self.tip_at(tip)).project  # noqa: B018 - refuses a branch that is newer than us, or not ours
        return tip

    def _disputed(self, session: str, tail: Tail, folded: int) -> tuple[Aside, ...]:
        """Set aside records whose numbers the branch gave to others: another clone's, by a copied journal.

        Records up to ``folded`` are here only after a crash between the branch and the reset.
        """
        again = {seq: payload for seq, payload in tail.records if seq <= folded}
        if not again:
            return ()
        for seq, record in segments.read(self.tip(), session, min(again) - 1):
            if seq in again and _equal(again[seq], record):
                del again[seq]
        why = "its number belongs to another record"
        return tuple(self._set_aside(session, seq, why, payload) for seq, payload in again.items())

    def _set_aside(self, session: str, seq: int, why: str, payload: bytes) -> Aside:
        """Keep a record's bytes in a file, durably; the same file when it is done again."""
        folder = self.location.local / ASIDE
        path = folder / f"record-{session}-{seq}"
        with disk_errors("cannot set a record aside"):
            folder.mkdir(parents=True, exist_ok=True)
            scratch = path.with_name(f"{path.name}.new")
            scratch.write_bytes(payload)
            sync_path(scratch)
            scratch.replace(path)
            sync_path(folder)
        return Aside(session, seq, why, os.fspath(path))


def _type(payload: bytes) -> str:
    """Return the type of a record without parsing it: the last key of its canonical form."""
    return payload.rpartition(b'"type":"')[2].removesuffix(b'"}').decode("utf-8", "replace")


def _equal(payload: bytes, record: Record) -> bool:
    try:
        return decode(payload) == record
    except InvalidDocument:
        return True  # set aside by the fold that was interrupted, under the same name
