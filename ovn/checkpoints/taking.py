"""Take a checkpoint. Order: objects, sync, ref, tag, record (the commit point), fold."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from ovn import host, names
from ovn.checkpoints import telling
from ovn.checkpoints.finding import newest, numbered
from ovn.clock import parse_rfc3339, rfc3339
from ovn.crash import crash_point
from ovn.errors import RefMoved
from ovn.frozen import dataclass, replace
from ovn.git import snapshot as snapshots
from ovn.git.gc import gc_guard
from ovn.git.run import Git
from ovn.model import codec, records
from ovn.model.documents import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from ovn.git.glance import Glance
    from ovn.git.objects import ObjectStore
    from ovn.git.snapshot import Snapshot
    from ovn.state.store import StateStore


@dataclass(frozen=True, slots=True)
class Limits:
    """What a checkpoint leaves out, and says: a file above one size, all above the other (bytes).

    ``trusted``: filters that the repository's own configuration defines may run.
    """

    file_bytes: int = 50 * 10**6
    total_bytes: int = 1000 * 10**6
    trusted: bool = True


@dataclass(frozen=True, slots=True)
class Taken:
    """A new checkpoint; ``unchanged`` names the earlier one with the same tree, if it is the last."""

    checkpoint: Checkpoint
    unchanged: str | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Request:
    """What to take: in which session, under which name, and why."""

    session: str
    label: str | None = None
    kind: str = "named"
    text: str | None = None
    by: str = "person"


def take(
    store: StateStore,
    request: Request,
    limits: Limits | None = None,
    *,
    generation: int | None = None,
) -> Taken:
    """Take a checkpoint of the work tree and return it, durable and recorded.

    HEAD, index, stash, branches and files are byte for byte as before. Also an automatic one is
    synced: its ref is, and a ref without its objects would stop the user's ``git gc``.
    Raises NotTrusted, NoSpace, StaleLease and the errors of the snapshot.
    """
    return take_asking(store, lambda: (request, generation), limits)


def take_asking(
    store: StateStore,
    ask: Callable[[], tuple[Request, int | None]],
    limits: Limits | None = None,
    begun: Glance | None = None,
) -> Taken:
    """Take a checkpoint as ``take`` does, of which ``ask`` says what it is, and the lease's generation.

    It is asked once, while git reads what changed: to find out may cost as much. ``begun``: git
    looks at the work tree already (``glance.begin``).
    """
    started = store.clock.monotonic()
    asked = cache(ask)
    with gc_guard(store.location):
        shot = look(store, limits, begun, asked)
        request, generation = asked()
        taken = keep(store, request, shot, generation=generation)
    return replace(taken, seconds=store.clock.monotonic() - started)


def look(
    store: StateStore,
    limits: Limits | None = None,
    begun: Glance | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> Snapshot:
    """Write the objects of the work tree as it is now; no ref holds them yet (use gc_guard).

    ``meanwhile`` may be called while git reads what changed, which costs nothing then.
    """
    limits = limits or Limits()

    def wait() -> None:
        host.prepare_to_sync()
        if meanwhile is not None:
            meanwhile()

    git = Git(store.location)
    return snapshots.take(
        git,
        store.objects,
        max_file_bytes=limits.file_bytes,
        max_total_bytes=limits.total_bytes,
        trusted=limits.trusted,
        begun=begun,
        meanwhile=wait,
    )


def keep(store: StateStore, request: Request, shot: Snapshot, *, generation: int | None = None) -> Taken:
    """Make a checkpoint of a snapshot: commit, ref, tag, record."""
    earlier = numbered(store, request.session)
    last = newest(store, request.session, earlier)
    held = _hold(store, request, _unheld(store, request, shot), _next_number(store, request, earlier))
    record = records.make("checkpoint", codec.encode(held), at=held.at, by=request.by)
    store.record(request.session, record, generation=generation)
    crash_point("checkpoint.after_record")
    same = last.id if last and (last.tree, last.head) == (held.tree, held.head) else None
    return Taken(held, same, 0.0)


def _unheld(store: StateStore, request: Request, shot: Snapshot) -> Checkpoint:
    """Return the checkpoint without its id, its tag and its commit."""
    now = store.clock.now().replace(microsecond=0)  # a commit knows no smaller unit
    heads = [shot.head] if shot.head else []
    index = _part(store, shot.index_tree, heads, "index", now)
    meta = _part(store, shot.meta_tree, list(dict.fromkeys([*heads, *shot.keeps])), "unfinished state", now)
    crash_point("checkpoint.after_objects")
    return Checkpoint(
        id="",
        session=request.session,
        label=names.check_name(request.label, "label") if request.label else None,
        kind=request.kind,
        at=rfc3339(now),
        commit="",
        tree=shot.tree,
        worktree=store.location.worktree,
        text=request.text,
        index=index,
        meta=meta,
        head=shot.head,
        branch=shot.branch,
        operation=shot.operation,
        changed=shot.changed,
        omitted=tuple(shot.omitted),
    )


def _part(store: StateStore, tree: str | None, parents: list[str], what: str, when: datetime) -> str | None:
    return store.objects.write_commit(tree, parents, f"{what} of a checkpoint\n", when=when) if tree else None


def _hold(store: StateStore, request: Request, checkpoint: Checkpoint, number: int) -> Checkpoint:
    """Give the snapshot its number, ref and tag; another process may take a number first."""
    while True:
        held = _commit(
            store, _named(store, replace(checkpoint, id=names.checkpoint_id(request.session, number)))
        )
        host.sync_filesystem(store.location.common_dir)
        snapshots.verify(store.objects, held.commit, held.head)
        crash_point("checkpoint.before_ref")
        try:
            store.objects.update_ref(names.checkpoint_ref(held.id), held.commit, None, telling.subject(held))
        except RefMoved:
            number += 1
            continue
        crash_point("checkpoint.after_ref")
        if held.tag:
            write_tag(store.objects, held)
        crash_point("checkpoint.after_tag")
        return held


def _named(store: StateStore, checkpoint: Checkpoint) -> Checkpoint:
    """Give it the tag of its label; a label used before gets a number: ``before_x.2``."""
    if checkpoint.label is None:
        return checkpoint
    taken = store.objects.refs(f"{names.TAG_REFS}{checkpoint.session}/")
    base = names.tag_ref(checkpoint.session, checkpoint.label)
    number = next(n for n in range(1, len(taken) + 2) if _numbered(base, n) not in taken)
    return replace(checkpoint, tag=_numbered(base, number).removeprefix("refs/tags/"))


def _numbered(tag: str, number: int) -> str:
    return tag if number == 1 else f"{tag}.{number}"


def _commit(store: StateStore, checkpoint: Checkpoint) -> Checkpoint:
    parents = [oid for oid in (checkpoint.head, checkpoint.index, checkpoint.meta) if oid]
    when = parse_rfc3339(checkpoint.at)
    return replace(
        checkpoint,
        commit=store.objects.write_commit(checkpoint.tree, parents, telling.message(checkpoint), when=when),
    )


def write_tag(objects: ObjectStore, checkpoint: Checkpoint) -> None:
    """Write the annotated tag of a named checkpoint (also a lost one again)."""
    tag = objects.write_tag(
        checkpoint.commit,
        checkpoint.tag or "",
        telling.message(checkpoint),
        when=parse_rfc3339(checkpoint.at),
    )
    objects.update_ref(f"refs/tags/{checkpoint.tag}", tag, None, telling.subject(checkpoint))


def _next_number(store: StateStore, request: Request, held: Iterable[int]) -> int:
    """Return the first number never used: thinning deletes refs, ids never change hands."""
    known = store.view().session(request.session)
    return max(*held, 0, known.checkpoints if known else 0) + 1
