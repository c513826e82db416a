"""Living with ``git gc``: keep it away while objects are unreferenced, and join our own packs.

``git gc --prune=now`` beside a checkpoint corrupted one in each 15 seconds of trying. It
takes ``gc.pid`` first, so we take it too, the way it does: make ``gc.pid.lock``, look for a
live ``gc.pid``, rename (git's builtin/gc.c, lock_repo_for_gc). git ignores a ``gc.pid`` whose
process is gone. ``git prune`` and ``git repack`` by hand ask nobody; against them a
checkpoint is looked at again before it is acknowledged.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from ovn import host
from ovn.clock import jitter
from ovn.errors import CorruptObject, Locked
from ovn.git import pack
from ovn.git.disk import disk_errors
from ovn.git.locks import Held, repository_lock
from ovn.git.owner import Owner
from ovn.git.run import Git

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ovn.git.locate import Location

MARKS = "gc"
"""``.git/ovn/gc/``: a second link to each ``gc.pid`` of ours; its name says whose it is.

The file itself must read ``PID HOST`` and nothing more, or git takes us for another machine
and waits 12 hours for it."""

LIMIT = 12 * 3600
"""Seconds after which git no longer believes a ``gc.pid``."""

EMPTY = 60
"""Seconds after which an empty ``gc.pid.lock`` is a dead git's: it writes it at once."""

WINDOW = 2
"""Objects that each is compared with for a delta. With git's ten the joining takes four times as
long, beside the work of a night, for 0.01 % of the journals' bytes and 1.5 % of the documents';
``git gc`` compares again."""

_held = Held()


@contextmanager
def gc_guard(location: Location, timeout: float = 600) -> Iterator[None]:
    """Keep ``git gc`` out while it is held; waits for one that runs.

    May be entered again by the thread that holds it. A ``git gc`` meanwhile ends with 'gc is
    already running', an automatic one silently. Raises Locked after ``timeout`` seconds.
    """
    pidfile = location.common_dir / "gc.pid"
    with _held.again(pidfile) as already:
        if already:
            yield
            return
        mark = _acquire(location, pidfile, timeout)
        try:
            yield
        finally:
            with disk_errors("cannot release gc.pid"):
                if _same_file(mark, pidfile):
                    pidfile.unlink(missing_ok=True)
                mark.unlink(missing_ok=True)


def _acquire(location: Location, pidfile: Path, timeout: float) -> Path:
    deadline = time.monotonic() + timeout
    with disk_errors("cannot keep git gc out"):
        mark = _mark(location)
        try:
            _forget_dead(location)
            while not _take(location, mark, pidfile):
                _wait(pidfile, deadline)
        except BaseException:
            mark.unlink(missing_ok=True)
            raise
    return mark


def _wait(pidfile: Path, deadline: float) -> None:
    if time.monotonic() > deadline:
        raise Locked(f"'git gc' does not end: '{pidfile}' names {_named(pidfile)}", path=str(pidfile))
    time.sleep(jitter(0.002, 0.03))


def _mark(location: Location) -> Path:
    me = Owner.me()
    folder = location.local / MARKS
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / f"{me.pid}.{me.start}.{me.boot}.{os.urandom(4).hex()}"
    mark.write_text(f"{me.pid} {host.hostname()}", encoding="utf-8")
    return mark


def _take(location: Location, mark: Path, pidfile: Path) -> bool:
    lock = pidfile.with_name("gc.pid.lock")
    try:
        os.link(mark, lock)  # made whole in one step, unlike git's, so that it always says whose it is
    except FileExistsError:
        with repository_lock(location):  # two of us must not take a lock for dead one after the other
            if not _is_live(location, lock):
                lock.unlink(missing_ok=True)
        return False
    if _is_live(location, pidfile):
        lock.unlink()
        return False
    lock.rename(pidfile)
    return True


def _is_live(location: Location, path: Path) -> bool:
    """Return whether a ``gc.pid`` or its lock belongs to a process that still runs."""
    try:
        text, status = path.read_text(encoding="utf-8", errors="replace"), path.stat()
    except FileNotFoundError:
        return False
    owner = _owner(location, path)
    if owner is not None:
        return owner.alive()
    age = time.time() - status.st_mtime
    match = re.match(r"(\d{1,18}) (\S+)", text)
    if match is None:
        return path.suffix == ".lock" and age < EMPTY
    if age > LIMIT:
        return False
    return match[2] != host.hostname() or _exists(int(match[1]))


def _owner(location: Location, path: Path) -> Owner | None:
    """Return which process of ours made the file; None when git did."""
    return next((owner for mark, owner in _marks(location) if _same_file(mark, path)), None)


def _marks(location: Location) -> Iterator[tuple[Path, Owner]]:
    for mark in (location.local / MARKS).glob("*.*.*.*"):
        pid, start, boot, _ = mark.name.split(".", 3)
        yield mark, Owner(int(pid), start, boot)


def _forget_dead(location: Location) -> None:
    """Remove the marks of dead processes that no ``gc.pid`` is a link to any more."""
    for mark, owner in _marks(location):
        if not owner.alive() and _links(mark) == 1:
            mark.unlink(missing_ok=True)


def _same_file(one: Path, other: Path) -> bool:
    with suppress(FileNotFoundError):
        return one.samefile(other)
    return False


def _links(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_nlink
    return 0


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def _named(pidfile: Path) -> str:
    with suppress(OSError):
        return f"'{pidfile.read_text(encoding='utf-8', errors='replace')}'"
    return "nobody"


def rollup(location: Location, *, minimum: int = 2) -> int:
    """Join the small packs that we made into one and return how many were joined.

    The user's packs, and those of ours that a process is still storing, are left alone; so
    are those a multi-pack-index counts on, and one bigger than all smaller ones together
    twice over (rewriting that each time would make the cost grow with the history). For a
    process of its own: it takes seconds, and keeps ``git gc`` out meanwhile.
    """
    with gc_guard(location):
        small = _small(location)
        if len(small) < max(minimum, 2):
            return 0
        joined = _join(location, small)
        with repository_lock(location):
            rest = [name for name in _listed(location) if name not in (*small, joined)]
            _rewrite(location, [*rest, joined])
        for name in small:
            if name != joined:  # it is, when the others held nothing that this one lacks
                _remove(pack.folder(location), name)
        host.sync_path(pack.folder(location))
        return len(small)


def _listed(location: Location) -> list[str]:
    """Return the names of our packs that are still there."""
    try:
        lines = (location.local / pack.LIST).read_text(encoding="ascii", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    wanted = [line for line in dict.fromkeys(lines) if re.fullmatch(r"pack-[0-9a-f]{40}", line)]
    return [name for name in wanted if (pack.folder(location) / f"{name}.idx").exists()]


def _rewrite(location: Location, packs: list[str]) -> None:
    whole = location.local / f"{pack.LIST}.tmp"
    whole.write_text("".join(f"{name}\n" for name in packs), encoding="ascii")
    whole.replace(location.local / pack.LIST)


def _small(location: Location) -> list[str]:
    where = pack.folder(location)
    counted = b""
    with suppress(FileNotFoundError):
        counted = (where / "multi-pack-index").read_bytes()
    free = [n for n in _listed(location) if not (where / f"{n}.keep").exists() and n.encode() not in counted]
    sizes = sorted(((where / f"{name}.pack").stat().st_size, name) for name in free)
    while len(sizes) > 1 and sizes[-1][0] > 2 * sum(size for size, _ in sizes[:-1]):
        sizes.pop()
    return [name for _, name in sizes]


def _join(location: Location, packs: list[str]) -> str:
    """Write one pack of all these packs' objects, synced, and return its name."""
    where = pack.folder(location)
    oids = sorted({oid for name in packs for oid in pack.read_index((where / f"{name}.idx").read_bytes())})
    answer = Git(location).run(
        *("-c", "pack.threads=1", "-c", f"pack.window={WINDOW}"),
        *("pack-objects", "--quiet", "--delta-base-offset", str(where / "pack")),
        stdin="".join(f"{oid}\n" for oid in oids).encode(),
    )
    joined = f"pack-{answer.text}"
    there = set(pack.read_index((where / f"{joined}.idx").read_bytes()))
    if not there.issuperset(oids):
        raise CorruptObject(f"'{joined}' does not hold what it was made from")
    for kind in ("pack", "idx"):
        host.sync_path(where / f"{joined}.{kind}")
    host.sync_path(where)
    return joined


def _remove(where: Path, name: str) -> None:
    """Remove a pack, its index first, so that nobody finds an index without its pack."""
    with disk_errors("cannot remove a joined pack"):
        for kind in ("idx", "rev", "bitmap", "pack"):
            (where / f"{name}.{kind}").unlink(missing_ok=True)
