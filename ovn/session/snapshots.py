"""Steps that change files: what the step returned and the files after it are one.

A checkpoint before, one after; the step's record names the second, and is the commit point.
Where the process died before that record the files are put back to the first, and the step
runs again; after it, they are brought to the second. Never over somebody else's work.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ovn import checkpoints, names, operations
from ovn.errors import NeedsPerson, NotFound
from ovn.git import paths
from ovn.git.run import Git
from ovn.recovery import facts
from ovn.session.core import BY

if TYPE_CHECKING:
    from ovn.model.documents import Checkpoint
    from ovn.session.calls import Call, Past
    from ovn.session.core import Core


def take(core: Core, call: Call, when: str) -> Checkpoint:
    """Keep the files as they are before or after a step, durably."""
    request = checkpoints.Request(core.id, kind="safety", text=f"{when} {call}"[:500], by=BY)
    with core.lock:
        return checkpoints.take(core.store, request, core.limits, generation=core.generation).checkpoint


def put_back(core: Core, call: Call, checkpoint: str) -> None:
    """Put files, index and branch back to what they were before a step that did not end.

    Raises NeedsPerson where somebody else changed something since.
    """
    with core.lock:
        target = _held(core, checkpoint)
        shot = checkpoints.look(core.store, core.limits)
        if (shot.tree, shot.head) == (target.tree, target.head):
            return
        _refuse_over_others(core, call, target)
        order = operations.Order(
            "rollback", core.id, by=BY, target=target.id, generation=core.generation, limits=core.limits
        )
        with core.calling(call):
            operations.rollback(core.store, order, target)


def bring_back(core: Core, past: Past) -> None:
    """Bring the files of the program's last finished step back, where a crash lost some of them.

    Does nothing when something was recorded after it, or where somebody changed files since.
    """
    name = (past.data or {}).get("checkpoint")
    with core.lock:
        if name is None or not core.is_last():
            return
        target = _held(core, name)
        shot = checkpoints.look(core.store, core.limits)
        if shot.tree == target.tree or shot.head != target.head or _changed_by_others(core):
            return
        order = operations.Order(
            "restore", core.id, by=BY, target=target.id, generation=core.generation, limits=core.limits
        )
        operations.restore(core.store, order, target)


def _held(core: Core, checkpoint: str) -> Checkpoint:
    oid = core.store.objects.resolve(names.checkpoint_ref(checkpoint))
    found = checkpoints.parse(core.store.objects.commit(oid)) if oid is not None else None
    if found is None:
        raise NotFound(f"checkpoint '{checkpoint}' is gone", hint="see 'git ovn fsck'")
    return found


def _refuse_over_others(core: Core, call: Call, target: Checkpoint) -> None:
    head = core.store.objects.resolve("HEAD", peel=True)
    strange = facts.foreign_commits(core.store, core.document(), head, target.head)
    if strange or _changed_by_others(core):
        what = f"commit {strange[0][:10]}" if strange else "a change of files"
        raise NeedsPerson(
            f"{call} was interrupted, and {what} came after it",
            hint=f"keep what you need, then 'git ovn rollback {target.id}', and start again",
        )


def _changed_by_others(core: Core) -> bool:
    """Tell whether a file changed after the last sign of life of the process before this one."""
    top, beat = core.store.location.tree(), core.last_beat
    if beat is None:
        return False
    for path in facts.uncommitted_paths(Git(core.store.location)):
        try:
            changed = os.lstat(os.fsencode(top) + b"/" + paths.unquote(path)).st_ctime
        except OSError:  # deleted: nobody knows when
            continue
        if beat + facts.GRACE < changed < core.began:
            return True
    return False
