"""Named crash points, off unless armed (the habit is DBOS').

``OVN_CRASH_POINT=fold.before_ref`` kills this process with SIGKILL when it gets there;
``fold.before_ref:raise`` raises, ``:enospc`` raises ``OSError(ENOSPC)``, ``@3`` at the end
means the third time. The crash tests arm every name in ``POINTS``, one after the other.
"""

from __future__ import annotations

import os

POINTS: dict[str, str] = {
    "journal.before_write": "a record is about to be written",
    "journal.before_sync": "a record is written, not synced",
    "journal.after_sync": "a record is durable, not yet acknowledged",
    "journal.before_reset": "folded, the journal still holds what was folded",
    "pack.before_keep": "nothing of the pack is on disk",
    "pack.before_index": "the pack is there without its index",
    "pack.after_index": "the pack is complete, nothing refers to it",
    "fold.before_ref": "the commits are durable, the ref is old",
    "fold.after_ref": "the ref is new, the journal is not reset",
    "checkpoint.after_objects": "the snapshot's objects are written",
    "checkpoint.before_ref": "objects are durable, no ref",
    "checkpoint.after_ref": "the checkpoint ref is there, no tag",
    "checkpoint.after_tag": "ref and tag are there, no record",
    "checkpoint.after_record": "acknowledged, not folded",
    "operation.after_intent": "the intent of a restore or rollback is recorded",
    "operation.after_files": "files are written, index and branch are old",
    "operation.after_index": "files and index are written, the branch is old",
    "operation.after_branch": "all is applied, the intent is still open",
    "commit.before": "a work commit is about to be made",
    "commit.after": "a work commit is made, not recorded",
    "lease.after_take": "a lease is taken, nothing else done",
    "handoff.after_commit": "the progress commit is made, no handoff recorded",
    "handoff.after_record": "the handoff is recorded, the lease still held",
    "run.after_start": "a run is recorded, no session begun",
    "run.before_launch": "an attempt is recorded, no agent started",
    "run.after_launch": "an agent runs, and nobody watches it yet",
    "run.after_agent": "an agent ended, nothing is verified",
    "run.after_verify": "evidence is recorded, the attempt is not counted",
    "run.before_handoff": "work is over, no handoff",
    "run.before_end": "all is handed off, the run still counts as running",
}

_spec, _, _count = os.environ.get("OVN_CRASH_POINT", "").partition("@")
_armed, _, _how = _spec.partition(":")
_left = int(_count or 1)


def crash_point(name: str) -> None:
    """Do nothing, unless ``name`` is armed and its count is used up: then die or raise."""
    if name != _armed:
        return
    _fire(name)


def _fire(name: str) -> None:
    global _left  # noqa: PLW0603 - one process, one countdown
    _left -= 1
    if _left > 0:
        return
    if _how == "raise":
        raise RuntimeError(f"crash point {name}")
    import errno  # inside, as a hook's 25 ms have no room for 'signal' and its enums
    import signal

    if _how == "enospc":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.kill(os.getpid(), signal.SIGKILL)
