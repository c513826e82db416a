"""Which checkpoints are here, and which one a person means."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ovn import names
from ovn.checkpoints.telling import parse
from ovn.errors import Ambiguous, CorruptObject, InvalidName, NotFound
from ovn.warn import warn

_NUMBER = re.compile(r"[0-9]{1,12}")

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ovn.model.documents import Checkpoint
    from ovn.state.store import StateStore


def found(store: StateStore, session: str | None = None) -> list[Checkpoint]:
    """Return the checkpoints that are here, oldest first; of one session, or of all.

    Read from the refs, and from tags whose ref is not here (a clone that fetched tags).
    """
    below = f"{session}/" if session else ""
    held = store.objects.refs(names.CHECKPOINT_REFS + below)
    tagged = store.objects.refs(names.TAG_REFS + below)
    known: dict[str, Checkpoint] = {}
    seen: set[str] = set()
    for ref, oid in [*held.items(), *tagged.items()]:
        commit, checkpoint = _told(store, ref, oid, seen)
        seen.add(commit)
        if checkpoint:
            known.setdefault(checkpoint.id, checkpoint)
    return sorted(known.values(), key=order)


def _told(store: StateStore, ref: str, oid: str, seen: set[str]) -> tuple[str, Checkpoint | None]:
    """Return the commit under a ref and the checkpoint it tells of; None for none, or one seen before.

    What somebody else put there is no reason to hide the others: ``fsck`` tells of it.
    """
    try:
        commit = store.objects.resolve(oid, peel=True) or ""
        return commit, parse(store.objects.commit(commit)) if commit and commit not in seen else None
    except CorruptObject as error:
        warn(__name__, f"'{ref}' is no checkpoint: {error}")
        return "", None


def order(checkpoint: Checkpoint) -> tuple[str, str, int]:
    """Within a session by number; between sessions by time, for display."""
    return checkpoint.at, checkpoint.session, number_of(checkpoint)


def number_of(checkpoint: Checkpoint) -> int:
    """Return the n in ``session/000n``."""
    return int(checkpoint.id.rsplit("/", 1)[1])


def newest(store: StateStore, session: str, held: Mapping[int, str]) -> Checkpoint | None:
    """Return the last of the session's checkpoints (``numbered``) without reading the others."""
    if not held:
        return None
    last = max(held)
    return _told(store, names.checkpoint_id(session, last), held[last], set())[1]


def numbered(store: StateStore, session: str) -> dict[int, str]:
    """Return the session's checkpoint refs, by number: number -> commit. Foreign refs are left out."""
    refs = store.objects.refs(f"{names.CHECKPOINT_REFS}{session}/")
    ends = {ref.rsplit("/", 1)[1]: oid for ref, oid in refs.items()}
    return {int(end): oid for end, oid in ends.items() if _NUMBER.fullmatch(end)}


def resolve(text: str, known: Sequence[Checkpoint], *, session: str | None, worktree: str) -> Checkpoint:
    """Return the checkpoint that ``text`` names: an id, a tag, SESSION/LABEL, a label or ``@{N}``.

    A label means the newest with that label as typed, in ``session``, else in the work tree's
    latest session that has it. Raises NotFound, Ambiguous (listing them), InvalidName.
    """
    if text.startswith("@{") and text.endswith("}"):
        return _nth(text, [one for one in known if one.worktree == worktree and one.kind != "safety"])
    exact = [
        one
        for one in known
        if text in (one.id, one.tag, f"refs/tags/{one.tag}", names.checkpoint_ref(one.id))
    ]
    if exact:
        return exact[-1]
    where, _, label = text.rpartition("/")
    return _labelled(text, label, where or None, known, session=session, worktree=worktree)


def _nth(text: str, known: Sequence[Checkpoint]) -> Checkpoint:
    digits = text[2:-1]
    if not _NUMBER.fullmatch(digits):
        raise InvalidName(
            f"not a checkpoint: {text!r}",
            hint="'@{0}' is the newest of this work tree, '@{1}' the one before",
        )
    newest = sorted(known, key=order, reverse=True)
    if int(digits) >= len(newest):
        raise NotFound(f"no checkpoint {text!r}: this work tree has {len(newest)}", hint="see 'git ovn list'")
    return newest[int(digits)]


def _labelled(
    text: str,
    label: str,
    where: str | None,
    known: Sequence[Checkpoint],
    *,
    session: str | None,
    worktree: str,
) -> Checkpoint:
    meant = _meant(label, known)
    wanted = where or session
    inside = [one for one in meant if one.session == wanted]
    if inside:
        return max(inside, key=number_of)
    if where:
        raise NotFound(f"no checkpoint {text!r}", hint=f"see 'git ovn list --session {where}'")
    here = [one for one in meant if one.worktree == worktree] or meant
    if not here:
        raise NotFound(f"no checkpoint {text!r}", hint="see 'git ovn list'")
    sessions = sorted({one.session for one in here})
    if len(sessions) > 1:
        named = ", ".join(f"'{name}/{label}'" for name in sessions)
        raise Ambiguous(f"several sessions have a checkpoint {text!r}", hint=f"name one of {named}")
    return max(here, key=number_of)


def _meant(label: str, known: Sequence[Checkpoint]) -> list[Checkpoint]:
    """Return the checkpoints with that label as typed, else those whose numbered tag it is."""
    typed = [one for one in known if one.label is not None and one.label in (label, _slug_or_none(label))]
    return typed or [one for one in known if one.tag and one.tag.endswith(f"/{label}")]


def _slug_or_none(text: str) -> str | None:
    try:
        return names.slug(text)
    except InvalidName:
        return None
