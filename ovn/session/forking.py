"""Time travel: a new session in a work tree and branch of its own, with the history up to a point.

The original is only read. The copy does not repeat its records: it names the session and the
number up to which they are its own past, and ``lineage`` reads them from there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

from ovn import checkpoints, names, operations
from ovn.clock import rfc3339
from ovn.errors import InvalidName, NotFound, OvnError, Refused
from ovn.git import worktrees
from ovn.git.locate import locate
from ovn.git.run import Git
from ovn.model import codec, records
from ovn.session import surroundings
from ovn.state import reducers
from ovn.state.store import StateStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ovn.model.documents import Checkpoint, Session
    from ovn.state.segments import Numbered

BRANCHES = "fork/"
FIRST = 4
"""Records among which a copy says what it is a copy of."""


@dataclass(frozen=True, slots=True)
class Fork:
    """A new session: its id, the folder of its work tree, its branch, and what its files are from."""

    session_id: str
    worktree: Path
    branch: str
    source: str
    through: int
    checkpoint: str | None


@dataclass(frozen=True, slots=True)
class _Point:
    """Where a copy begins: the source's record, and the checkpoint of its files (None: as they are)."""

    through: int
    checkpoint: Checkpoint | None


def fork(
    store: StateStore,
    source: str,
    *,
    at: str | None = None,
    new: str | None = None,
    worktree: Path | None = None,
    by: str = "person",
) -> Fork:
    """Make the copy and return it.

    ``at`` is a checkpoint or a step of ``source`` (``name``, ``name#2``, or a key); without it
    everything recorded counts, and the files are as they are now. ``worktree`` is by default a
    folder beside this one. Raises NotFound, Refused when the folder or the session is there.
    """
    store.fold()
    view = store.view()
    known = view.session(source)
    if known is None:
        raise NotFound(f"no session '{source}'", hint="see 'git ovn session list'")
    name = names.check_name(new, "session") if new is not None else names.new_id(store.clock.now())
    if view.session(name) is not None:
        raise Refused(f"there is a session '{name}' already")
    point = _point(store, known, at)
    path = (worktree or _beside(store, name)).absolute()
    if path.exists() and any(path.iterdir()):
        raise Refused(f"'{path}' is there already", hint="name another folder with --worktree")
    return _made(store, known, name, point, path, by)


def lineage(store: StateStore, session: str) -> Iterator[Numbered]:
    """Yield the records that a program's past is made of: what it was forked from, then its own.

    Its own keep their numbers; those before have numbers below 1, in order.
    """
    own = iter(store.replay(session))
    first = list(islice(own, FIRST))
    origin = _origin(first)
    if origin is not None:
        through = origin["through"]
        for seq, record in lineage(store, origin["session"]):
            if seq > through:
                break
            yield seq - through - 1, _moved(record, -through - 1)
    yield from first
    yield from own


def ancestors(store: StateStore, session: str) -> list[str]:
    """Return the sessions that this one was forked from, the nearest first."""
    origin = _origin(islice(store.replay(session), FIRST))
    return [origin["session"], *ancestors(store, origin["session"])] if origin is not None else []


def _origin(first: Iterable[Numbered]) -> dict[str, Any] | None:
    """Return what a copy's second record says of where it is from; None for what is no copy."""
    return next((record["data"] for _, record in first if record["type"] == "session.forked"), None)


def _moved(record: dict[str, Any], by: int) -> dict[str, Any]:
    """Return a record of the past; one that names the number of another names its new one."""
    if record["type"] == "step" and "signal" in record["data"]:
        return {**record, "data": {**record["data"], "signal": record["data"]["signal"] + by}}
    return record


# -- where it begins -----------------------------------------------------------------------


def _point(store: StateStore, source: Session, at: str | None) -> _Point:
    past = list(lineage(store, source.id))
    last = max((seq for seq, _ in past), default=0)
    if at is None:
        here = source.worktree == store.location.worktree
        return _Point(last, None if here else _newest(store, past, last))
    try:
        known = checkpoints.found(store, source.id)
        target = checkpoints.resolve(at, known, session=source.id, worktree=source.worktree)
    except (NotFound, InvalidName):
        return _at_step(store, past, at, source.id)
    seqs = [
        seq for seq, record in past if record["type"] == "checkpoint" and record["data"]["id"] == target.id
    ]
    return _Point(seqs[-1] if seqs else last, target)


def _at_step(store: StateStore, past: list[Numbered], at: str, source: str) -> _Point:
    name, _, number = at.rpartition("#")
    for seq, record in past:
        data = record["data"]
        if record["type"] != "step":
            continue
        numbered = number.isdecimal() and data["name"] == name and data.get("occurrence", 1) == int(number)
        if data.get("key") == at or (data["name"] == at and data.get("occurrence", 1) == 1) or numbered:
            own = data.get("checkpoint")
            held = _held(store, own) if own is not None else None
            return _Point(seq, held or _newest(store, past, seq))
    raise NotFound(
        f"no checkpoint and no step '{at}' in session '{source}'",
        hint=f"see 'git ovn list --session {source}' and 'git ovn log --session {source}'",
    )


def _newest(store: StateStore, past: list[Numbered], through: int) -> Checkpoint | None:
    """Return the newest checkpoint up to a record that is still here."""
    for seq, record in reversed(past):
        if seq <= through and record["type"] == "checkpoint":
            held = _held(store, record["data"]["id"])
            if held is not None:
                return held
    return None


def _held(store: StateStore, checkpoint: str) -> Checkpoint | None:
    oid = store.objects.resolve(names.checkpoint_ref(checkpoint))
    return checkpoints.parse(store.objects.commit(oid)) if oid is not None else None


def _beside(store: StateStore, name: str) -> Path:
    top = store.location.tree()
    return top.with_name(f"{top.name}-{name}")


# -- making it -----------------------------------------------------------------------------


def _made(store: StateStore, source: Session, name: str, point: _Point, path: Path, by: str) -> Fork:  # noqa: PLR0917
    held = point.checkpoint
    head = held.head if held is not None else store.objects.resolve("HEAD", peel=True)
    if head is None:
        raise Refused("a work tree needs a commit, and this branch has none yet")
    branch = f"{BRANCHES}{name}"
    git = Git(store.location)
    limits = surroundings.limits(store.location, surroundings.read_config(store.location))
    location = worktrees.add(git, path, branch=branch, at=head)
    try:
        _record(store, source, name, point, location.worktree, branch, head, by)
        if held is None:
            request = checkpoints.Request(name, kind="safety", text=f"the files of '{source.id}'", by=by)
            held = checkpoints.take(store, request, limits).checkpoint
        there = StateStore.open(locate(path), store.clock)
        order = operations.Order("restore", name, by=by, target=held.id, limits=limits)
        operations.restore(there, order, held)
        there.close()
    except OvnError:
        worktrees.remove(git, path, force=True)
        raise
    return Fork(name, path, branch, source.id, point.through, held.id)


def _record(  # noqa: PLR0917 - what the copy's first records say
    store: StateStore,
    source: Session,
    name: str,
    point: _Point,
    worktree: str,
    branch: str,
    head: str,
    by: str,
) -> None:
    at = rfc3339(store.clock.now())
    kind = source.kind if source.kind == "python" else "detached"
    created = {
        "kind": kind,
        "worktree": worktree,
        "goal": source.goal,
        "agent": source.agent,
        "branch": f"refs/heads/{branch}",
        "head": head,
        "feature": source.feature,
        "code": source.code,
    }
    then, values = _as_it_was(store, source, point.through)
    forked = {
        "session": source.id,
        "through": point.through,
        "checkpoint": point.checkpoint.id if point.checkpoint else None,
        "notes": list(then.notes),
        "decisions": list(then.decisions),
        "blockers": codec.encode(then.blockers),
        "values": values,
    }
    store.record(name, records.make("session.created", created, at=at, by=by), fold=False)
    store.record(name, records.make("session.forked", forked, at=at, by=by))


class _Memory:
    """Documents that are nowhere but here, for the reducers."""

    def __init__(self) -> None:
        self.known: dict[str, Any] = {}

    def get(self, path: str) -> Any | None:
        return self.known.get(path)

    def names(self, folder: str) -> list[str]:
        return [path.removeprefix(f"{folder}/") for path in self.known if path.startswith(f"{folder}/")]


def _as_it_was(store: StateStore, source: Session, through: int) -> tuple[Session, dict[str, Any]]:
    """Return the session document as it was at a record, and the values of its layer SESSION."""
    docs, count = _Memory(), 0
    past = (record for seq, record in lineage(store, source.id) if seq <= through)
    for is_step, run in groupby(past, lambda record: record["type"] == "step"):
        numbered = list(enumerate(run, count + 1))
        count += len(numbered)
        if is_step:
            docs.known.update(reducers.steps(docs, source.id, numbered))
            continue
        for seq, record in numbered:
            docs.known.update(reducers.apply(docs, source.id, seq, record))
    found = docs.get(names.session_file(source.id))
    layer = docs.get(names.layer_file(source.id))
    return found or replace(source, notes=(), decisions=(), blockers=()), dict(layer.values) if layer else {}
