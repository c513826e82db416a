"""What a snapshot commit says of itself: subject, body, trailers; written and read back. Pure."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ovn import names
from ovn.clock import rfc3339
from ovn.errors import CorruptObject, InvalidDocument
from ovn.git import trailers
from ovn.git.paths import unquote
from ovn.model import codec, records
from ovn.model.documents import Checkpoint, Omission

if TYPE_CHECKING:
    from ovn.git.objects import CommitInfo


def subject(checkpoint: Checkpoint) -> str:
    """Return the line that ``git log --oneline`` shows."""
    return f"checkpoint({checkpoint.session}): {checkpoint.label or checkpoint.kind}"


def message(checkpoint: Checkpoint) -> str:
    """Return the snapshot commit's message; ``parse`` reads it back."""
    lines = [subject(checkpoint), ""]
    if checkpoint.text:
        lines += [checkpoint.text, ""]
    if checkpoint.omitted:
        lines += [f"left out: {omission.path} ({omission.why})" for omission in checkpoint.omitted] + [""]
    return trailers.add("\n".join(lines), _trailers(checkpoint))


_FIELDS = {
    names.TRAILER_CHECKPOINT: "id",
    names.TRAILER_SESSION: "session",
    names.TRAILER_KIND: "kind",
    names.TRAILER_LABEL: "label",
    names.TRAILER_TAG: "tag",
    names.TRAILER_HEAD: "head",
    names.TRAILER_BRANCH: "branch",
    names.TRAILER_INDEX: "index",
    names.TRAILER_META: "meta",
    names.TRAILER_WORKTREE: "worktree",
    names.TRAILER_IN_PROGRESS: "operation",
}
"""Trailer -> field of the checkpoint, all text."""


def _trailers(checkpoint: Checkpoint) -> list[tuple[str, str]]:
    told = [(key, getattr(checkpoint, field)) for key, field in _FIELDS.items()]
    lines = [(key, value) for key, value in told if value is not None]
    lines.append((names.TRAILER_CHANGED, str(checkpoint.changed)))
    if checkpoint.text:
        lines.append((names.TRAILER_TEXT, json.dumps(checkpoint.text)))
    omitted = (json.dumps(codec.encode(omission), sort_keys=True) for omission in checkpoint.omitted)
    return lines + [(names.TRAILER_OMITTED, line) for line in omitted]


def parse(commit: CommitInfo) -> Checkpoint | None:
    """Return the checkpoint that a snapshot commit tells of; None if it is not one of ours.

    A clone has whatever tags somebody pushed: raises CorruptObject for one that only looks like ours.
    """
    told = trailers.parse(commit.message)
    plain = dict(told)
    fields = {field: plain.get(key) for key, field in _FIELDS.items()}
    if not (fields["id"] and fields["session"] and fields["kind"]):
        return None
    try:
        lines = [json.loads(value) for key, value in told if key == names.TRAILER_OMITTED]
        omitted = tuple(codec.decode(Omission, line) for line in lines)
        text = json.loads(plain[names.TRAILER_TEXT]) if names.TRAILER_TEXT in plain else None
        changed = int(plain.get(names.TRAILER_CHANGED, "0"))
        fields["worktree"] = fields["worktree"] or "main"
        told_of = Checkpoint(
            **fields,  # type: ignore[arg-type]
            at=_when(commit),
            commit=commit.oid,
            tree=commit.tree,
            text=text,
            changed=changed,
            omitted=omitted,
        )
        _must_be_sound(told_of)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError, InvalidDocument) as error:
        raise CorruptObject(f"the snapshot commit '{commit.oid}' has broken trailers: {error}") from error
    return told_of


def _must_be_sound(checkpoint: Checkpoint) -> None:
    """Raise InvalidDocument or ValueError for what no checkpoint of ours can say."""
    records.validate(records.make("checkpoint", codec.encode(checkpoint), at=checkpoint.at, by="runner"))
    for omission in checkpoint.omitted:
        unquote(omission.path)


def _when(commit: CommitInfo) -> str:
    return rfc3339(datetime.fromtimestamp(commit.committer_time, UTC))
