"""Leases: the right to work on a work tree, a session or a feature, held by one process.

A lease is a ref, ``refs/ovn/lease/<kind>/<name>``, at a commit that holds ``lease.json``. It
moves by compare-and-swap, each commit has a nonce of its own, and the winner reads again: two
that push identical commits would both believe they won. A dead holder is taken over at once,
with the next generation; the generation is written into the session's journal, which from
then on refuses whatever the old holder still appends (a fencing token, as in Kleppmann, "How
to do distributed locking", 2016).
"""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING

from ovn import active, host, names, schema
from ovn.clock import jitter, rfc3339
from ovn.crash import crash_point
from ovn.errors import LeaseHeld, RefMoved, StaleLease, StateConflict
from ovn.frozen import dataclass, replace
from ovn.git.encoding import Entry
from ovn.git.locks import break_stale_locks, repository_lock
from ovn.model.documents import Holder, Lease

if TYPE_CHECKING:
    from ovn.state.store import StateStore

FILE = "lease.json"
KINDS = ("worktree", "session", "feature")
MAX_IDLE_MINUTES = 30.0
HEARTBEAT_MINUTES = 5.0
"""How often the ref of a lease moves where other machines look at it."""

FUTURE = 60.0
"""Seconds; a local sign of life from further ahead than this is a clock set back, not life."""

TRIES = 20


@dataclass(frozen=True, slots=True)
class Held:
    """A lease as it was read or taken: the document, its commit, when the ref last moved (epoch)."""

    lease: Lease
    oid: str
    moved: float

    @property
    def generation(self) -> int:
        """The fencing token: what the holder gives with each append."""
        return self.lease.generation


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides whether a holder is dead, as seen from this machine.

    ``process_start`` is of the holder's pid, None when no such process runs; ``beat``,
    ``moved`` and ``now`` are seconds since the epoch, ``max_idle`` seconds.
    """

    host: str
    boot_id: str
    process_start: str | None
    beat: float | None
    moved: float
    now: float
    max_idle: float


def is_dead(lease: Lease, facts: Facts) -> bool:
    """Tell whether the holder is gone.

    A process of this machine: another boot, or the pid is gone or somebody else's. ``detached``
    (no pid): its beat is too old, or from the future. Another machine: only its heartbeat
    counts, and one from the future is the other clock's doing.
    """
    holder = lease.holder
    if holder.host != facts.host:
        return facts.now - facts.moved > max(facts.max_idle, 3 * 60 * HEARTBEAT_MINUTES)
    if holder.pid is None:
        idle = facts.now - max(facts.moved if facts.beat is None else facts.beat, 0.0)
        return idle > facts.max_idle or idle < -FUTURE
    return (
        holder.boot_id != facts.boot_id
        or facts.process_start in (None, "")
        or (facts.process_start != holder.process_start)
    )


def holder(pid: int | None) -> Holder:
    """Return this machine's process ``pid`` as a holder; None is ``detached``."""
    start = host.process_start(pid) if pid is not None else None
    return Holder(host.hostname(), host.boot_id(), pid, start, os.urandom(16).hex())


class Leases:
    """The leases of one repository. ``max_idle_minutes`` is ``session.max_idle_minutes``."""

    def __init__(self, store: StateStore, *, max_idle_minutes: float = MAX_IDLE_MINUTES) -> None:
        self._store = store
        self._location = store.location
        self._local = store.location.local
        self._clock = store.clock
        self._max_idle = 60 * max_idle_minutes

    # -- looking ---------------------------------------------------------------------------

    def current(self, kind: str, name: str) -> Held | None:
        """Return who holds it, dead or alive. Raises InvalidDocument, FormatTooNew."""
        oid = self._store.objects.resolve(names.lease_ref(kind, name))
        return self._read(names.lease_ref(kind, name), oid) if oid is not None else None

    def all(self) -> list[Held]:
        """Return every lease, by kind and name."""
        return [self._read(ref, oid) for ref, oid in self._store.objects.refs(names.LEASE_REFS).items()]

    def dead(self, held: Held) -> bool:
        """Tell whether the holder is gone, by what this machine can see of it now."""
        pid = held.lease.holder.pid
        return is_dead(
            held.lease,
            Facts(
                host=host.hostname(),
                boot_id=host.boot_id(),
                process_start=host.process_start(pid) if pid is not None else None,
                beat=active.last_beat(self._local, held.lease.session),
                moved=held.moved,
                now=self._clock.now().timestamp(),
                max_idle=self._max_idle,
            ),
        )

    def check(self, held: Held) -> None:
        """Raise StaleLease unless the lease is still the one that was taken."""
        now = self.current(held.lease.kind, held.lease.name)
        if now is None or now.oid != held.oid:
            raise _stale(held, now)

    # -- taking, keeping, giving back ------------------------------------------------------

    def take(
        self,
        kind: str,
        name: str,
        session: str,
        *,
        pid: int | None,
        run: str | None = None,
        take_over: bool = False,
        join: bool = False,
        floor: int = 0,
    ) -> Held:
        """Take a lease that is free, or whose holder is dead; return it.

        ``take_over`` takes it from the living too, ``join`` from a detached holder of the same
        session. The generation is above the last holder's, the journal's and ``floor`` (the
        session document's: a clone has no journal). Raises LeaseHeld, StateConflict.
        """
        if kind not in KINDS:
            raise ValueError(f"no such kind of lease: {kind!r}")
        ref = names.lease_ref(kind, names.check_name(name, kind))
        who = holder(pid)
        with repository_lock(self._location):
            break_stale_locks(self._location, names.LEASE_REFS)
            for _ in range(TRIES):
                old = self.current(kind, name)
                if (
                    old is not None
                    and not take_over
                    and not self._may_join(old, session, join)
                    and not self.dead(old)
                ):
                    raise _held(old)
                generation = 1 + max(floor, old.generation if old else 0, self._least(kind, session))
                lease = Lease(1, kind, name, session, generation, rfc3339(self._clock.now()), who, run)
                if self._swap(ref, lease, old):
                    break
                self._clock.sleep(jitter(0.001, 0.02))
            else:
                raise StateConflict(f"the lease of {kind} '{name}' moved {TRIES} times while it was taken")
            return self._won(lease, old)

    def renew(self, held: Held) -> Held:
        """Leave a sign of life that other machines see, and return the lease as it is now.

        On one machine ``active.beat`` is enough. Raises StaleLease when it was taken over.
        """
        active.beat(self._local, held.lease.session)
        fresh = replace(held.lease.holder, nonce=os.urandom(16).hex())
        lease = replace(held.lease, holder=fresh)
        with repository_lock(self._location):
            break_stale_locks(self._location, names.LEASE_REFS)
            if not self._swap(names.lease_ref(lease.kind, lease.name), lease, held):
                raise _stale(held, self.current(lease.kind, lease.name))
            return self._reread(lease)

    def release(self, held: Held) -> None:
        """Give the lease back. Raises StaleLease when it is no longer ours."""
        lease = held.lease
        ref = names.lease_ref(lease.kind, lease.name)
        with repository_lock(self._location):
            break_stale_locks(self._location, names.LEASE_REFS)
            try:
                self._store.objects.update_ref(ref, None, held.oid, f"ovn: release {lease.kind} {lease.name}")
            except RefMoved:
                raise _stale(held, self.current(lease.kind, lease.name)) from None

    # -- inside ----------------------------------------------------------------------------

    def _may_join(self, old: Held, session: str, join: bool) -> bool:
        return join and old.lease.session == session and old.lease.holder.pid is None

    def _least(self, kind: str, session: str) -> int:
        """Return the generation that the session's journal asks for; 0 where that is no matter."""
        return self._store.journal(session).generation() if kind == "session" else 0

    def _won(self, lease: Lease, old: Held | None) -> Held:
        """Read again, then fence off whoever held it before."""
        won = self._reread(lease)
        crash_point("lease.after_take")
        if lease.kind == "session":
            self._set_fence(lease.session, lease.generation)
        if old is not None and old.lease.session != lease.session:
            other = old.lease.session
            self._set_fence(other, self._store.journal(other).generation() + 1)
        active.beat(self._local, lease.session)
        return won

    def _set_fence(self, session: str, generation: int) -> None:
        """Have the journal refuse older holders, and the hooks too."""
        self._store.journal(session).set_generation(generation)
        active.fence(self._local, session, generation)

    def _reread(self, lease: Lease) -> Held:
        now = self.current(lease.kind, lease.name)
        if now is None or now.lease.holder.nonce != lease.holder.nonce:
            raise (
                _held(now) if now else StaleLease(f"the lease of {lease.kind} '{lease.name}' was taken away")
            )
        return now

    def _swap(self, ref: str, lease: Lease, old: Held | None) -> bool:
        objects = self._store.objects
        blob = objects.write("blob", schema.dump("lease", lease, ref))
        tree = objects.write_tree({FILE.encode(): Entry(0o100644, "blob", blob)})
        what = f"{lease.kind} {lease.name}, generation {lease.generation}"
        commit = objects.write_commit(tree, (), f"lease({lease.session}): {what}\n", when=self._clock.now())
        try:
            objects.update_ref(ref, commit, old.oid if old else None, f"ovn: lease {what}")
        except RefMoved:
            return False
        return True

    def _read(self, ref: str, oid: str) -> Held:
        objects = self._store.objects
        lease: Lease = schema.load("lease", objects.blob(oid, FILE) or b"", ref)
        return Held(lease, oid, float(objects.commit(oid).committer_time))


def describe(held: Held) -> str:
    """Return who holds a lease, for people: session, machine, process, since when."""
    who = held.lease.holder
    process = f"pid {who.pid}" if who.pid is not None else "a shell"
    return f"session '{held.lease.session}' ({process} on '{who.host}', since {held.lease.taken})"


def _held(old: Held) -> LeaseHeld:
    lease = old.lease
    return LeaseHeld(
        f"{_WHAT[lease.kind]} '{lease.name}' is held by {describe(old)}",
        holder=asdict(lease.holder),
        since=lease.taken,
        session=lease.session,
        generation=lease.generation,
    )


def _stale(held: Held, now: Held | None) -> StaleLease:
    lease = held.lease
    by = f" by {describe(now)}" if now else ""
    return StaleLease(f"the lease of {_WHAT[lease.kind]} '{lease.name}' was taken over{by}")


_WHAT = {"worktree": "work tree", "session": "session", "feature": "feature"}
"""Kinds of leases, in words for people."""
