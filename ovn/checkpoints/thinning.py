"""Which checkpoints may go, and putting back tags that something deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn import names
from ovn.checkpoints.finding import found, order
from ovn.checkpoints.taking import write_tag

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ovn.model.documents import Checkpoint
    from ovn.state.store import StateStore


def thin(known: Iterable[Checkpoint], *, keep: int, protect: Iterable[str] = ()) -> list[Checkpoint]:
    """Return the checkpoints that may go. Pure.

    Kept are the named ones, those in ``protect`` (ids), the newest ``keep``, and per session the
    newest of each hour of the last day they cover and of each day before it.
    """
    ordered = sorted(known, key=order, reverse=True)
    kept = {one.id for one in ordered if one.tag} | set(protect) | {one.id for one in ordered[:keep]}
    last_day = ordered[0].at[:10] if ordered else ""
    seen: set[tuple[str, str]] = set()
    for one in ordered:
        slot = one.at[:13] if one.at[:10] == last_day else one.at[:10]
        if (one.session, slot) not in seen:
            seen.add((one.session, slot))
            kept.add(one.id)
    return [one for one in ordered if one.id not in kept]


def forget(store: StateStore, gone: Iterable[Checkpoint]) -> int:
    """Delete the refs of thinned checkpoints; return how many. Their ids are never used again."""
    count = 0
    for one in gone:
        store.objects.update_ref(names.checkpoint_ref(one.id), None, one.commit, "thinned")
        count += 1
    return count


def without_tag(store: StateStore) -> list[Checkpoint]:
    """Return the named checkpoints whose tag is gone (``fetch.pruneTags`` deletes local tags)."""
    tags = store.objects.refs(names.TAG_REFS)
    return [one for one in found(store) if one.tag and f"refs/tags/{one.tag}" not in tags]


def tag_again(store: StateStore, lost: Iterable[Checkpoint]) -> None:
    """Write lost tags again."""
    for one in lost:
        write_tag(store.objects, one)
