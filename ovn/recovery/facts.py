"""Find out what is so with a session that stopped: the facts that the recovery table asks for.

Reading only. What it costs does not depend on the length of the history: the documents of the
sessions that are not over, one journal, one ``git status``, and the commits since the
session's last checkpoint.
"""

from __future__ import annotations

import os
from itertools import islice
from typing import TYPE_CHECKING

from ovn import active, host, leases, names
from ovn.clock import parse_rfc3339
from ovn.errors import CorruptObject, NotFound
from ovn.frozen import dataclass, replace
from ovn.git import glance, inprogress, locate, mending, paths, trailers
from ovn.git.locks import interrupted
from ovn.git.run import Git
from ovn.model.lifecycle import resumable
from ovn.recovery.diagnosis import Facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from ovn.config import Config
    from ovn.git.encoding import CommitInfo
    from ovn.git.locate import Location
    from ovn.model.documents import Attempt, Baseline, Feature, Operation, Session
    from ovn.state.store import StateStore
    from ovn.state.view import View

GRACE = 30.0
"""Seconds after the last sign of life in which a change still counts as the agent's own."""

MOST_COMMITS = 1000
"""Commits looked at for whose they are; if there are more, some count as foreign."""


@dataclass(frozen=True, slots=True)
class Us:
    """Who asks: the session and run of this process (``OVN_SESSION``, ``OVN_RUN_ID``), its pid.

    ``pid`` is the holder's where a process holds the lease itself (the runner, a
    ``DurableSession``), None for what a person types.
    """

    session: str | None = None
    run: str | None = None
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The facts, and what they were read from; ``session`` None when nothing is to be resumed.

    ``others``: unfinished sessions of this work tree that were not chosen, newest first.
    ``uncommitted``: paths (quoted) that HEAD does not hold as they are, ignored ones aside.
    ``index_damage``: why git cannot read the index; then nothing is known of the files.
    """

    facts: Facts
    session: Session | None = None
    others: tuple[str, ...] = ()
    uncommitted: tuple[str, ...] = ()
    operations: tuple[Operation, ...] = ()
    index_damage: str | None = None


def choose(view: View, local: Path, worktree: str, wanted: str | None) -> tuple[Session | None, list[str]]:
    """Return the session to resume, and the ids of the others of this work tree.

    The wanted one; else the one at work here as the hooks know it, also when it ended with its
    lease held; else the newest. Raises NotFound.
    """
    if wanted is not None:
        session = view.session(wanted)
        if session is None:
            raise NotFound(f"no session '{wanted}'", hint="see 'git ovn session list'")
        return session, []
    here = [one for one in view.sessions().values() if one.worktree == worktree and resumable(one)]
    here.sort(key=lambda one: (one.created, one.generation, one.id), reverse=True)
    at_work = active.read(local, worktree)
    first = view.session(at_work.session) if at_work else None
    chosen = first or next(iter(here), None)
    return chosen, [one.id for one in here if chosen is None or one.id != chosen.id]


def gather(store: StateStore, config: Config, wanted: str | None = None, *, us: Us = Us()) -> Found:  # noqa: B008 - frozen
    """Return the facts about the session to resume. Raises NotFound, NotInitialised."""
    location = store.location
    view = store.view()
    session, others = choose(view, location.local, location.worktree, wanted)
    if session is None:
        return Found(Facts())
    git = Git(location)
    damage = mending.damage(location)
    uncommitted = () if damage else uncommitted_paths(git)
    half_done = _half_done(view, location)
    facts = _of_session(view, session, config)
    facts = _of_journal(facts, store, session)
    facts = _of_lease(facts, leases_of(store, config), session, location.worktree, us)
    facts = _of_agents(facts, session, us)
    facts = _of_tree(facts, store, git, session, uncommitted)
    facts = replace(
        facts,
        dirty=bool(uncommitted or damage),
        work=facts.work or bool(uncommitted),
        operation=bool(half_done),
        operation_name=half_done[0].verb if half_done else "",
    )
    return Found(facts, session, tuple(others), uncommitted, half_done, damage)


def leases_of(store: StateStore, config: Config) -> leases.Leases:
    """Return the repository's leases, with the patience that the configuration sets."""
    return leases.Leases(store, max_idle_minutes=config.session.max_idle_minutes)


# -- the documents ---------------------------------------------------------------------


def _of_session(view: View, session: Session, config: Config) -> Facts:
    feature = view.feature(session.feature) if session.feature else None
    first = view.baseline(session.baseline) if session.baseline else None
    run = view.run(session.run) if session.run else None
    attempt = last_attempt(session, feature)
    waiting, until = _waiting(view, session)
    own = {work.feature for work in session.commits if work.kind == "own"}
    return Facts(
        session=session.id,
        state=session.state,
        kind=session.kind,
        feature=session.feature or "",
        feature_status=feature.status if feature else "",
        work=session.feature in own,
        baseline_red=first is not None and _says_nothing(first),
        attempt=attempt,
        attempts_left=attempts_left(session, feature, config.budget.max_attempts_per_feature),
        crash_loop=run is not None and run.crashes > config.recovery.max_restarts,
        crashes=run.crashes if run else 0,
        waiting=waiting,
        until=until,
        branch=(session.branch or "").removeprefix("refs/heads/"),
    )


def _says_nothing(first: Baseline) -> bool:
    from ovn.baseline import broken  # what runs commands and work trees comes with it

    return broken(first)


def last_attempt(session: Session, feature: Feature | None) -> str:
    """Return what became of the last attempt at the session's feature; pure.

    An agent that exited with 0 has only ended: it failed if the feature counts it as used,
    which verification does.
    """
    tried = _attempts(session)
    if not tried:
        return "none"
    if tried[-1].ended is None:
        return "open"
    counted = feature.attempts if feature else 0
    return "failed" if tried[-1].exit_code != 0 or counted >= len(tried) else "passed"


def attempts_left(session: Session, feature: Feature | None, most: int) -> int:
    """Return how many attempts the feature still has; an interrupted one does not count. Pure."""
    failed = sum(one.ended is not None and one.exit_code != 0 for one in _attempts(session))
    return max(most - max(failed, feature.attempts if feature else 0), 0)


def _attempts(session: Session) -> Sequence[Attempt]:
    return [one for one in session.attempts if one.feature == session.feature]


def _waiting(view: View, session: Session) -> tuple[bool, str]:
    """Tell whether what the session waits for is still to come, and what it is."""
    if session.state != "waiting":
        return False, ""
    asked = [one for one in view.questions().values() if one.session == session.id and one.answer is None]
    if asked:
        return True, f"question '{asked[0].id}' is answered"
    return session.until is not None, session.until or ""


def is_over(until: str, now: float) -> bool:
    """Tell whether a moment that a session waits for has come; ``now`` in seconds since 1970."""
    try:
        return parse_rfc3339(until).timestamp() <= now
    except ValueError:  # not a moment: a question, which only its answer ends
        return False


def _half_done(view: View, location: Location) -> tuple[Operation, ...]:
    """Return the operations of this work tree that did not end; all are read only where one was cut short."""
    if not interrupted(location):
        return ()
    found = view.operations().values()
    return tuple(one for one in found if one.state == "open" and one.worktree == location.worktree)


# -- this machine ----------------------------------------------------------------------


def _of_journal(facts: Facts, store: StateStore, session: Session) -> Facts:
    tail = store.journal(session.id).read()
    over = facts.waiting and is_over(facts.until, store.clock.now().timestamp())
    return replace(
        facts,
        waiting=facts.waiting and not over,
        journal_pending=bool(tail.records),
        journal_torn=tail.cut > 0,
        journal_lost=bool(tail.lost),
    )


def _of_lease(facts: Facts, known: leases.Leases, session: Session, worktree: str, us: Us) -> Facts:
    standing, who = standing_of(known, session.id, worktree, us)
    return replace(facts, lease=standing, holder=who)


def standing_of(known: leases.Leases, session: str, worktree: str, us: Us) -> tuple[str, str]:
    """Return whose the leases of a session and its work tree are, and the holder in words.

    ``alive`` if a live process that is not us holds one, else ``dead`` if a holder is gone,
    else ``ours``, or ``free`` where one is not held at all.
    """
    found = [known.current("worktree", worktree), known.current("session", session)]
    states = [_standing(known, held, session, us) for held in found]
    state = next((word for word in ("alive", "dead", "free") if word in states), "ours")
    held = next((held for held, word in zip(found, states, strict=True) if word == state and held), None)
    return state, leases.describe(held) if held else ""


def _standing(known: leases.Leases, held: leases.Held | None, session: str, us: Us) -> str:
    if held is None:
        return "free"
    if known.dead(held):
        return "dead"
    who = held.lease.holder
    here = who.host == host.hostname()
    typed = who.pid is None and here
    ours = held.lease.session == session and (typed or us.session == session or (here and who.pid == us.pid))
    return "ours" if ours else "alive"


def _of_agents(facts: Facts, session: Session, us: Us) -> Facts:
    """Look for agents that outlived their runner; a process of the run itself does not ask this."""
    if facts.lease == "alive" or (session.run is not None and us.run == session.run):
        return facts
    pids = {pid for one in session.attempts[-1:] if (pid := living(one)) is not None}
    if session.run is not None:
        pids |= set(host.processes_with_environment(f"{names.ENV_RUN}={session.run}")) - {os.getpid()}
    return replace(facts, agent_alive=bool(pids), pids=tuple(sorted(pids)))


def living(attempt: Attempt) -> int | None:
    """Return the pid of the attempt's process if that very process still lives."""
    if attempt.ended is not None or attempt.pid is None or attempt.boot_id != host.boot_id():
        return None
    return attempt.pid if host.process_start(attempt.pid) == attempt.process_start else None


# -- the work tree ---------------------------------------------------------------------


def uncommitted_paths(git: Git, *, trusted: bool = False) -> tuple[str, ...]:
    """Return what HEAD does not hold, as quoted paths, sorted; ``trusted``: filters of the repository run."""
    found = glance.uncommitted(git, trusted=trusted)
    every = {one.path for one in found.changed} | set(found.unmerged) | set(found.untracked)
    return tuple(paths.quote(path) for path in sorted(every))


def _of_tree(
    facts: Facts, store: StateStore, git: Git, session: Session, uncommitted: Sequence[str]
) -> Facts:
    head = store.objects.resolve("HEAD", peel=True)
    branch = current_branch(git)
    in_progress = inprogress.operation(store.location.git_dir)
    name, base, valid = _checkpoint(store, session)
    return replace(
        facts,
        checkpoint=name,
        checkpoint_valid=valid,
        git_operation=in_progress is not None,
        git_operation_name=in_progress or "",
        branch_moved=session.kind == "run" and in_progress is None and branch != session.branch,
        foreign_commits=bool(foreign_commits(store, session, head, base)),
        foreign_changes=_foreign_changes(store, session, uncommitted),
    )


def current_branch(git: Git) -> str | None:
    """Return the branch that HEAD is on, as a full ref; None when it is detached."""
    return locate.branch(git.location)


def _checkpoint(store: StateStore, session: Session) -> tuple[str, str | None, bool]:
    """Return the checkpoint to go back to: its name, the commit HEAD was at, whether it is whole.

    It is the one from before the feature, as a run labels it; else the session's last.
    """
    name, oid = session.checkpoint or "", None
    if session.feature is not None:
        label = names.slug(f"before-{session.feature}")
        oid = store.objects.resolve(names.tag_ref(session.id, label), peel=True)
        name = f"{session.id}/{label}" if oid is not None else name
    if oid is None and session.checkpoint is not None:
        oid = store.objects.resolve(names.checkpoint_ref(session.checkpoint))
    since = next((one.head_from for one in session.attempts), session.head)
    try:
        commit = store.objects.commit(oid) if oid is not None else None
        valid = commit is not None and store.objects.exists(commit.tree)
    except CorruptObject:
        return name, since, False
    head = trailers.value(commit.message, names.TRAILER_HEAD) if commit is not None else None
    return name, head or since, valid


def foreign_commits(store: StateStore, session: Session, head: str | None, base: str | None) -> list[str]:
    """Return the commits since ``base`` that are not the session's own, newest first.

    Of a session begun by a plain ``start`` every commit in its tree is its own. Of others
    those are that a hook or the runner recorded so, what amend and rebase made of them, and
    those that carry the session's trailer.
    """
    if session.kind == "detached" or head is None or base is None or not store.objects.exists(base):
        return []
    own = _own(session)
    commits = islice(store.objects.walk([head], [base]), MOST_COMMITS + 1)
    return [one.oid for one in commits if one.oid not in own and not _claims(one, session.id)]


def _own(session: Session) -> set[str]:
    own = {work.commit for work in session.commits if work.kind == "own"}
    for pair in session.rewrites:
        if pair.old in own:
            own.add(pair.new)
    return own


def _claims(commit: CommitInfo, session: str) -> bool:
    return trailers.value(commit.message, names.TRAILER_SESSION) == session


def _foreign_changes(store: StateStore, session: Session, uncommitted: Iterable[str]) -> bool:
    """Tell whether a file changed after the last sign of life: then no agent did it.

    Seen by the inode's own time, which nothing but the clock sets. Where a session never gave
    a sign of life on this machine, every uncommitted change is somebody else's.
    """
    if session.kind == "detached":
        return False
    beat = active.last_beat(store.location.local, session.id)
    top = store.location.tree()
    for path in uncommitted:
        try:
            changed = os.lstat(os.fsencode(top) + b"/" + paths.unquote(path)).st_ctime
        except OSError:  # deleted: nobody knows when
            continue
        if beat is None or changed > beat + GRACE:
            return True
    return False
