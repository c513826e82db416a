"""Begin a program's session, or go on with it: leases, what is left, what is recorded.

The order: fold what is left, take the leases (a second holder gets no further), read the
history, and only then record that the program is at work. No file of the person's changes.
"""

from __future__ import annotations

import logging
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ovn import active, features, names
from ovn.clock import SYSTEM, rfc3339
from ovn.errors import NotFound, Refused, VersionMismatch
from ovn.git.locate import locate
from ovn.git.run import Git
from ovn.model import records
from ovn.recovery.facts import current_branch, leases_of
from ovn.session.core import BY, Core
from ovn.session.ending import HANDED_OFF, release
from ovn.session.forking import lineage
from ovn.session.replay import History
from ovn.session.surroundings import read_config
from ovn.shift import claims
from ovn.state.store import StateStore

if TYPE_CHECKING:
    from ovn.clock import Clock
    from ovn.config import Config
    from ovn.git.locate import Location
    from ovn.leases import Held, Leases
    from ovn.model.documents import Session
    from ovn.state.view import View

Durability = Literal["sync", "batched"]
OnVersion = Literal["warn", "resume", "refuse"]

_log = logging.getLogger(__name__)


class VersionChanged(UserWarning):
    """A session is resumed by another version of the program than the one that recorded it."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What is to begin; as ``DurableSession.start`` says."""

    session: str
    repo: str | os.PathLike[str] = "."
    goal: str | None = None
    feature: str | None = None
    durability: Durability = "sync"
    version: str | None = None
    on_version: OnVersion = "warn"
    retry_failed: bool = False
    clock: Clock = SYSTEM

    def __post_init__(self) -> None:
        """Refuse words that mean nothing; raises ValueError, InvalidName."""
        names.check_name(self.session, "session")
        if self.durability not in ("sync", "batched"):
            raise ValueError(f"no such durability: {self.durability!r}")
        if self.on_version not in ("warn", "resume", "refuse"):
            raise ValueError(f"on_version is 'warn', 'resume' or 'refuse', not {self.on_version!r}")


def begin(wish: Opening) -> Core:
    """Return the core of a session that this process holds now.

    Raises NotInitialised, LeaseHeld, NotFound or Refused for feature and session,
    VersionMismatch, NotARepository and its kin.
    """
    location = locate(Path(wish.repo))
    store = StateStore.open(location, wish.clock)
    try:
        return _begun(wish, store, location)
    except BaseException:
        store.close()
        raise


def _begun(wish: Opening, store: StateStore, location: Location) -> Core:
    store.fold()
    view = store.view()
    known = view.session(wish.session)
    if known is not None:
        _check(wish, known, location)
        _check_version(wish, known)
    if known is not None and known.ended is not None:
        return _over(store, view, known)
    beat = active.last_beat(location.local, wish.session)
    config = read_config(location)
    leases = leases_of(store, config)
    held = _claim(wish, leases, known, location)
    try:
        store.journal(wish.session).durability = wish.durability
        session = _record(wish, store, known, held)
        core = _core(store, session, config, held.generation)
        core.last_beat = beat
        _forget(core, wish, died=known is not None and known.state == "crashed")
        _cut(core, view)
        _announce(store, config, session, held.generation)
    except BaseException:
        release(leases, wish.session, location.worktree, session_feature(known, wish))
        raise
    return core


# -- may it begin --------------------------------------------------------------------------


def _check(wish: Opening, known: Session, location: Location) -> None:
    """Refuse a session that is not a program's, or not of this work tree, or was given up."""
    if known.kind != "python":
        raise Refused(
            f"session '{wish.session}' is not a program's, its kind is '{known.kind}'",
            hint="choose another name for this one",
        )
    if known.worktree != location.worktree:
        raise Refused(
            f"session '{wish.session}' belongs to the work tree '{known.worktree}'",
            hint="start it there, or fork it: 'git ovn session fork'",
        )
    if known.ended is not None and known.state != "handed_off":
        words = known.state.replace("_", " ")
        raise Refused(f"session '{wish.session}' is {words}", hint="begin another one")


def _check_version(wish: Opening, known: Session) -> None:
    """Say that another version of the program goes on with what an earlier one recorded."""
    if wish.version in (None, known.code):
        return
    words = (
        f"session '{known.id}' was recorded by version {known.code or 'none'!r} of the program, "
        f"and is resumed by version {wish.version!r}"
    )
    if wish.on_version == "refuse":
        raise VersionMismatch(words)
    if wish.on_version == "warn":
        fork = f"to keep what is recorded apart, fork it: 'git ovn session fork {known.id}'"
        warnings.warn(f"{words}; {fork}", VersionChanged, stacklevel=6)
        _log.warning("%s; %s", words, fork)


def _over(store: StateStore, view: View, known: Session) -> Core:
    """Return the core of a session that has ended: it gives what is recorded, and nothing new."""
    core = Core(
        store,
        known,
        History(lineage(store, known.id)),
        generation=None,
        config=read_config(store.location),
        seed=view.project.project_id,
        values=view.layer(known.id),
    )
    core.over = HANDED_OFF
    return core


# -- leases --------------------------------------------------------------------------------


def _claim(wish: Opening, leases: Leases, known: Session | None, location: Location) -> Held:
    return claims.claim(
        leases,
        claims.Wish(
            wish.session,
            location.worktree,
            session_feature(known, wish),
            pid=os.getpid(),
            floor=known.generation if known is not None else 0,
        ),
    )


def session_feature(known: Session | None, wish: Opening) -> str | None:
    """Return the feature that the session works on."""
    return wish.feature or (known.feature if known is not None else None)


# -- records -------------------------------------------------------------------------------


def _record(wish: Opening, store: StateStore, known: Session | None, held: Held) -> Session:
    """Record that the program is at work; a new session is told about, and its feature begun."""
    at, generation = rfc3339(store.clock.now()), held.generation

    def put(kind: str, data: dict[str, Any]) -> None:
        made = records.make(kind, data, at=at, by=BY)
        store.record(wish.session, made, generation=generation, fold=False)

    if known is None:
        put("session.created", _created(wish, store, generation))
    elif wish.version not in (None, known.code):
        put("session.code", {"code": wish.version, "previous": known.code})
    put("session.state", {"state": "active", "generation": generation})
    if wish.feature is not None and (known is None or known.feature != wish.feature):
        _begin_feature(store, wish, generation)
    if known is None:
        store.fold(wish.session)
    found = store.view().session(wish.session)
    if found is None:
        raise NotFound(f"no session '{wish.session}'")
    return found


def _created(wish: Opening, store: StateStore, generation: int) -> dict[str, Any]:
    git = Git(store.location)
    return {
        "kind": "python",
        "worktree": store.location.worktree,
        "goal": wish.goal,
        "branch": current_branch(git),
        "head": store.objects.resolve("HEAD", peel=True),
        "generation": generation,
        "code": wish.version,
    }


def _begin_feature(store: StateStore, wish: Opening, generation: int) -> None:
    feature = wish.feature or ""
    found = features.find(store.view().features(), feature)
    actor = features.Actor(BY, wish.session, generation, guarded=True)
    if found.status != "in_progress":
        features.start(store, actor, feature)
    made = records.make("session.feature", {"feature": feature}, at=rfc3339(store.clock.now()), by=BY)
    store.record(wish.session, made, generation=generation, fold=False)


def _core(store: StateStore, session: Session, config: Config, generation: int) -> Core:
    view = store.view()
    return Core(
        store,
        session,
        History(lineage(store, session.id)),
        generation=generation,
        config=config,
        seed=view.project.project_id,
        values=view.layer(session.id),
    )


def _forget(core: Core, wish: Opening, *, died: bool) -> None:
    """Let the program's last call be made again where it failed and that is wished.

    Also a verb that failed, where the program died of it: it has changed nothing, and nothing
    was recorded after it.
    """
    call = core.history.last_failure()
    if call is None or not (wish.retry_failed or (died and call.verb not in FINAL)):
        return
    why = "retry_failed" if wish.retry_failed else "a verb that failed is tried again"
    core.append("interrupted", {"forget": [call.tag()], "why": why})
    core.history.forget(call)


FINAL = frozenset(("step", "retry", "ask", "wait_for"))
"""Calls whose recorded failure stands until a person says otherwise."""


def _cut(core: Core, view: View) -> None:
    """Note rollbacks to this session's checkpoints that other sessions recorded since, and begin anew.

    A rollback typed while no program runs is recorded in the session for checkpoints by hand.
    """
    ours = f"{core.id}/"
    missed = [
        one
        for one in view.operations().values()
        if one.verb == "rollback"
        and one.state == "done"
        and one.undone_by is None
        and one.session != core.id
        and (one.target or "").startswith(ours)
        and one.id not in core.history.cuts
    ]
    for one in sorted(missed, key=lambda one: (one.at, one.id)):
        core.append("cut", {"checkpoint": one.target, "operation": one.id})
    if missed:
        core.history = History(lineage(core.store, core.id))


def _announce(store: StateStore, config: Config, session: Session, generation: int) -> None:
    """Tell the hooks who is at work here, leave a sign of life, pay the debt."""
    at_work = active.Active(
        session.id,
        kind=session.kind,
        generation=generation,
        feature=session.feature,
        protect=config.enforcement.protect_registry,
        handoff=config.enforcement.handoff == "required",
    )
    active.write(store.location.local, store.location.worktree, at_work)
    active.beat(store.location.local, session.id)
    active.pay(store.location.local, session.id)
    if session.private is not None:
        active.hide(store.location.local, session.id, session.private)
