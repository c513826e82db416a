"""A shift begins, typed in a shell or driven by the runner; its end is ``ovn.shift.closing``.

Leases first: of two starts in one work tree the second takes nothing and writes nothing. What
an earlier session left without a handoff is a debt, and is paid here: its handoff is written
from git, and what it left uncommitted is in a safety checkpoint and stays in the files.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ovn import active, checkpoints, features, names, operations
from ovn.clock import rfc3339
from ovn.errors import NotFound, Refused
from ovn.frozen import dataclass, replace
from ovn.git import inprogress
from ovn.git.locks import interrupted
from ovn.git.run import Git
from ovn.model import codec, lifecycle, records
from ovn.recovery.facts import current_branch, leases_of, uncommitted_paths
from ovn.shift import briefing, claims, closing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ovn.config import Config
    from ovn.leases import Held, Leases
    from ovn.model.documents import Baseline, Feature, Session
    from ovn.state.store import StateStore
    from ovn.state.view import View


@dataclass(frozen=True, slots=True)
class Opening:
    """What is to begin. ``session`` None: a new id; ``feature`` None: the registry's next.

    ``kind`` is ``detached`` for what a person types, ``run`` or ``python`` where the process
    ``pid`` holds the leases. ``take_over`` ends a living shift in this work tree.
    """

    session: str | None = None
    feature: str | None = None
    agent: str | None = None
    goal: str | None = None
    kind: str = "detached"
    pid: int | None = None
    run: str | None = None
    take_over: bool = False
    by: str = "person"
    limits: checkpoints.Limits = checkpoints.Limits()


@dataclass(frozen=True, slots=True)
class Shift:
    """A shift that began: its session, feature, context, and the lease's generation.

    ``paid``: the sessions whose handoff was written from git; ``said``: what else came to light.
    """

    session: Session
    feature: Feature | None
    generation: int
    context: str
    baseline: Baseline | None
    paid: tuple[str, ...] = ()
    said: tuple[str, ...] = ()


def start(
    store: StateStore,
    config: Config,
    opening: Opening,
    *,
    baseline: Callable[[], Baseline | None] | None = None,
    green_before: Callable[[Feature], bool | None] | None = None,
) -> Shift:
    """Begin a shift: leases, debts paid, session and feature recorded, the agent's context.

    ``baseline`` says what the tests said before the work, measuring it if it must;
    ``green_before`` whether the feature's verify commands are green already (None: not looked).
    Raises LeaseHeld, NotFound or Refused for the feature or session, NotInitialised.
    """
    store.require_init()
    store.fold()
    view, known = store.view(), leases_of(store, config)
    session = _session_id(store, view, opening)
    feature = _feature(known, view, opening)
    wish = claims.Wish(
        session,
        store.location.worktree,
        feature.id if feature else None,
        pid=opening.pid or os.getpid(),
        run=opening.run,
        take_over=opening.take_over,
    )
    _save_the_living(store, known, opening)
    held = claims.claim(known, wish)
    reversed_ = _reverse_half_done(store, opening)
    paid = _pay_debts(store, known, session, opening)
    _record_beginning(store, opening, session, feature, held)
    if feature is not None:
        green = green_before(feature) if green_before else None
        actor = features.Actor(opening.by, session, held.generation)
        features.start(store, actor, feature.id, green_before=green)
    if opening.pid is None:
        held = claims.leave_to_shell(known, wish)
    announce(store, config, store.view(), session, held.generation)
    first = baseline() if baseline else None
    if first is not None:
        at = rfc3339(store.clock.now())
        made = records.make("baseline", codec.encode(first), at=at, by=opening.by)
        store.record(session, made, generation=held.generation)
    shift = _begun(store, session, held.generation, first, paid)
    return replace(shift, said=(*reversed_, *shift.said))


def announce(store: StateStore, config: Config, view: View, session: str, generation: int) -> None:
    """Tell the hooks who is at work in this work tree, and leave a sign of life."""
    found = view.session(session)
    if found is None:
        raise NotFound(f"no session '{session}'")
    at_work = active.Active(
        session,
        kind=found.kind,
        generation=generation,
        feature=found.feature,
        run=found.run,
        protect=config.enforcement.protect_registry,
        handoff=config.enforcement.handoff == "required",
    )
    active.write(store.location.local, store.location.worktree, at_work)
    active.beat(store.location.local, session)


def _begun(
    store: StateStore, session: str, generation: int, first: Baseline | None, paid: tuple[str, ...]
) -> Shift:
    view = store.view()
    found = view.session(session)
    if found is None:
        raise NotFound(f"no session '{session}'")
    feature = view.feature(found.feature) if found.feature else None
    told = briefing.brief(store, view, found, notices=notices(store, paid))
    return Shift(found, feature, generation, told, first, paid, said=briefing.render_views(store, view))


def notices(store: StateStore, paid: Sequence[str] = ()) -> list[str]:
    """Return what an agent has to know of the work tree as it is now."""
    git = Git(store.location)
    lines = [f"'{one}' ended without a handoff; what git shows of it was written down" for one in paid]
    lines += briefing.operation_notice(inprogress.operation(store.location.git_dir))
    return lines + briefing.uncommitted_notice(uncommitted_paths(git))


# -- before anything is written --------------------------------------------------------


def _session_id(store: StateStore, view: View, opening: Opening) -> str:
    """Return the id of the session to begin. Raises Refused for one that is there already."""
    if opening.session is None:
        return names.new_id(store.clock.now())
    name = names.check_name(opening.session, "session")
    known = view.session(name)
    if known is None or known.state == "created":
        return name
    if lifecycle.ended(known.state) or known.kind == "manual":
        words = known.state.replace("_", " ") if known.kind != "manual" else "for checkpoints by hand"
        raise Refused(f"session '{name}' is {words}", hint="begin another one with 'git ovn start'")
    raise Refused(f"session '{name}' began before", hint=f"go on with 'git ovn resume {name}'")


def _feature(known: Leases, view: View, opening: Opening) -> Feature | None:
    """Return what to work on: the named feature, else the next that nobody else works on."""
    registry = view.features()
    if opening.feature is not None:
        wanted = features.find(registry, opening.feature)
        features.check_move(wanted, "start")
        why = features.why_not(wanted, registry) if features.missing(wanted, registry) else None
        if why:
            raise Refused(
                f"feature '{wanted.id}' cannot be worked on: {why}", hint="see 'git ovn feature next'"
            )
        return wanted
    free = dict(registry)
    while free and (found := features.choose(registry, list(free))) is not None:
        held = known.current("feature", found.id)
        if held is None or known.dead(held) or held.lease.session == opening.session or opening.take_over:
            return found
        del free[found.id]
    return None


# -- what was there before -------------------------------------------------------------


def _save_the_living(store: StateStore, known: Leases, opening: Opening) -> None:
    """Keep how the files are now before a living shift is taken over."""
    held = known.current("worktree", store.location.worktree)
    if held is None or not opening.take_over or known.dead(held):
        return
    request = checkpoints.Request(
        held.lease.session, kind="safety", text="before it was taken over", by=opening.by
    )
    checkpoints.take(store, request, opening.limits)


def _reverse_half_done(store: StateStore, opening: Opening) -> list[str]:
    """Put back what a killed operation left half done: nobody's work should begin on it."""
    if not interrupted(store.location):
        return []
    done = operations.recover(store, opening.by, opening.limits)
    return [f"operation '{one.id}' ({one.verb}) was half done and is now {one.state}" for one in done]


def _pay_debts(store: StateStore, known: Leases, session: str, opening: Opening) -> tuple[str, ...]:
    """Write the handoffs that are owed in this work tree, which is ours now; return whose."""
    worktree, local = store.location.worktree, store.location.local
    left = [
        one
        for one in store.view().sessions().values()
        if one.worktree == worktree and one.id != session and lifecycle.owes_handoff(one, alive=False)
    ]
    for one in left:
        closing.pay_from_git(store, one, opening.limits)
        closing.release(store, known, one)
    for debt in active.debts(local, worktree):
        if debt.session != session:
            active.pay(local, debt.session)
    return tuple(one.id for one in left)


# -- records ---------------------------------------------------------------------------


def _record_beginning(
    store: StateStore, opening: Opening, session: str, feature: Feature | None, held: Held
) -> None:
    lasting = held.generation if opening.pid else held.generation + 1  # the shell's lease follows ours
    created: dict[str, Any] = {
        "kind": opening.kind,
        "worktree": store.location.worktree,
        "goal": opening.goal or (feature.title if feature else None),
        "agent": opening.agent,
        "branch": current_branch(Git(store.location)),
        "head": store.objects.resolve("HEAD", peel=True),
        "feature": feature.id if feature else None,
        "run": opening.run,
        "generation": lasting,
    }
    at, by, generation = rfc3339(store.clock.now()), opening.by, held.generation
    store.record(
        session, records.make("session.created", created, at=at, by=by), generation=generation, fold=False
    )
    state = {"state": "active", "generation": lasting}
    begun = records.make("session.state", state, at=at, by=by)
    store.record(session, begun, generation=generation, fold=True)
