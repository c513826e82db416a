"""A program leaves its session: orderly, by an error, by a signal, with a handoff or without one."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from ovn import active
from ovn.errors import OvnError
from ovn.model import lifecycle
from ovn.recovery.facts import leases_of
from ovn.session import raised
from ovn.state import layers

if TYPE_CHECKING:
    from ovn.leases import Leases
    from ovn.session.core import Core

_log = logging.getLogger(__name__)

HANDED_OFF = "was handed off"


def leave(core: Core, error: BaseException | None) -> None:
    """Record how the program ended, flush, fold, and give back what it held; always closes the store.

    Raises NonDeterminismError when it ended well without making every call that is recorded.
    """
    try:
        with core.lock:
            if core.over is None:
                _record_end(core, error)
                give_back(core)
    finally:
        core.store.close()


def _record_end(core: Core, error: BaseException | None) -> None:
    """Record the end, unless the disk or the lease failed: then others see a dead process."""
    missed = core.history.unrequested() if error is None else None
    try:
        core.layers.flush()
        if error is not None and not isinstance(error, Exception):
            _forget_the_end(core, error)
        elif error is not None:
            core.append("session.state", {"state": "crashed", "why": raised.line(error)[:1000]})
        core.store.fold(core.id)
    except OvnError as trouble:
        if error is None and core.is_broken(trouble):
            raise
        _log.warning("session '%s' could not say how it ended: %s", core.id, trouble)
    if missed is not None:
        raise core.ended_early(missed, "its end")


def _forget_the_end(core: Core, error: BaseException) -> None:
    """Let a program that was ended go on, when it is resumed, with the call that it was ended in."""
    forget = {call.identity: call.tag() for call in core.unwinding}
    if forget:
        why = raised.line(error)[:1000]
        core.append("interrupted", {"forget": list(forget.values()), "why": why})


# -- leases --------------------------------------------------------------------------------


def give_back(core: Core) -> None:
    """Give back leases, the hooks' file and the beat; a session without a handoff is a debt."""
    local, worktree = core.store.location.local, core.store.location.worktree
    release(leases_of(core.store, core.config), core.id, worktree, core.feature)
    layers.drop(local, core.id)
    if not active.clear(local, worktree, core.id):
        return
    found = core.store.view().session(core.id)
    if found is not None and lifecycle.owes_handoff(found, alive=False):
        active.owe(local, active.Debt(core.id, worktree, core.now()))


def release(known: Leases, session: str, worktree: str, feature: str | None) -> None:
    """Give back what this process holds for the session; what somebody took over is theirs."""
    wanted = [("worktree", worktree), ("session", session)]
    wanted += [("feature", feature)] if feature is not None else []
    for kind, name in wanted:
        held = known.current(kind, name)
        if held is not None and held.lease.session == session and held.lease.holder.pid == os.getpid():
            known.release(held)


def handed_over(core: Core) -> None:
    """Note that the handoff is made, and the leases with it: nothing new can be recorded now."""
    core.over = HANDED_OFF
    layers.drop(core.store.location.local, core.id)


def finish_handoff(core: Core) -> None:
    """End a session whose process died between its handoff and its end."""
    with core.lock:
        if core.over is not None:
            return
        if core.document().ended is None:
            core.append("session.state", {"state": "handed_off"})
        give_back(core)
        handed_over(core)
