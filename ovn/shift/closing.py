"""The end of a shift: the progress commit, the handoff, the lease given back; debts paid from git.

Order: commit or checkpoint, rules, the handoff's record (the commit point), the session's end,
leases. A process that dies in between leaves a session that can be handed off again, or one
that has ended and holds a lease which the next command releases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ovn import active, checkpoints, features, operations
from ovn.clock import rfc3339
from ovn.crash import crash_point
from ovn.errors import CommitRefused, GitTimeout, HandoffRefused, NotFound, OperationInProgress
from ovn.frozen import dataclass, replace
from ovn.git.run import Git
from ovn.model import codec, lifecycle, records
from ovn.model.documents import Handoff
from ovn.recovery.facts import Us, current_branch, leases_of, standing_of, uncommitted_paths
from ovn.redaction import redact
from ovn.shift import briefing, claims, handoff
from ovn.shift.handoff import Broken, Shown, Situation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ovn.config import Config
    from ovn.leases import Leases
    from ovn.model.documents import Session
    from ovn.state.store import StateStore
    from ovn.state.view import View


@dataclass(frozen=True, slots=True)
class Closing:
    """Who hands off what. ``said`` has any of ``handoff.SAID``; None: git tells (author runner).

    ``wip``: uncommitted work is kept in a checkpoint and stays uncommitted. ``limits`` are the
    checkpoint's, ``generation`` is the lease's as the caller knows it.
    """

    session: str
    author: str = "person"
    said: Mapping[str, tuple[str, ...]] | None = None
    wip: bool = False
    us: Us = Us()
    generation: int | None = None
    limits: checkpoints.Limits = checkpoints.Limits()


@dataclass(frozen=True, slots=True)
class Closed:
    """What a handoff left: the handoff, the progress commit if one was made, the next feature.

    ``said`` is what else came to light, in sentences.
    """

    handoff: Handoff
    commit: str | None
    next: str | None
    said: tuple[str, ...] = ()


def hand_off(store: StateStore, config: Config, closing: Closing) -> Closed:
    """End the shift of a session and return its last words.

    Raises HandoffRefused with each rule that failed (nothing is recorded then; a progress
    commit that was already made stays), NotFound, Refused when the session is over, StaleLease.
    """
    store.fold()
    session = _session(store.view(), closing.session)
    lifecycle.check_move(session.id, session.state, "handed_off")
    git, known = Git(store.location), leases_of(store, config)
    words = _words(store, closing, session)
    # Before anything is committed: what would be refused in any case.
    handoff.check(replace(words, wip=True), _situation(store, git, known, closing, session))
    commit, words = None, replace(words, wip=False)
    if uncommitted_paths(git, trusted=closing.limits.trusted):
        words, commit = _keep(store, closing, session, words)
        crash_point("handoff.after_commit")
    session = _session(store.view(), closing.session)
    words = _placed(store, git, closing, session, words)
    handoff.check(words, _situation(store, git, known, closing, session))
    _record(store, words, closing.generation, by=_writer(closing.author))
    crash_point("handoff.after_record")
    release(store, known, session)
    view = store.view()
    left = features.choose(view.features())
    return Closed(words, commit, left.id if left else None, briefing.render_views(store, view))


def pay_from_git(store: StateStore, session: Session, limits: checkpoints.Limits | None = None) -> Handoff:
    """Write the handoff of a session that left without one, from what git shows; return it.

    Uncommitted work goes into a safety checkpoint and stays where it is. The caller has made
    sure that nobody works in the session; whoever still thinks so is fenced off.
    """
    git = Git(store.location)
    here = session.worktree == store.location.worktree
    paths = uncommitted_paths(git, trusted=limits is None or limits.trusted) if here else ()
    checkpoint = session.checkpoint
    if paths:
        request = checkpoints.Request(
            session.id, kind="safety", text="its shift ended without a handoff", by="runner"
        )
        checkpoint = checkpoints.take(store, request, limits).checkpoint.id
    words = _redacted(handoff.from_git(_shown(store, session, checkpoint, len(paths), git if here else None)))
    _record(store, words, None, by="runner")
    active.pay(store.location.local, session.id)
    return words


def release(store: StateStore, known: Leases, session: Session) -> None:
    """Give back what a session holds: leases, the active file, its beat, its debt."""
    local = store.location.local
    claims.let_go(known, session.id)
    active.clear(local, session.worktree, session.id)
    active.drop_beat(local, session.id)
    active.pay(local, session.id)


# -- the words -------------------------------------------------------------------------


def _session(view: View, name: str) -> Session:
    found = view.session(name)
    if found is None:
        raise NotFound(f"no session '{name}'", hint="see 'git ovn session list'")
    return found


def _words(store: StateStore, closing: Closing, session: Session) -> Handoff:
    if closing.said is None:
        told = handoff.from_git(_shown(store, session, session.checkpoint, 0, Git(store.location)))
        return _redacted(replace(told, author=closing.author))
    at = rfc3339(store.clock.now())
    empty = Handoff(version=1, session=session.id, at=at, author=closing.author)
    said: dict[str, Any] = {key: tuple(texts) for key, texts in closing.said.items()}
    return _redacted(replace(empty, **said))


def _redacted(words: Handoff) -> Handoff:
    """Return the words without secrets: a handoff is pushed, rendered and shown to everybody."""
    texts: dict[str, Any] = {key: tuple(redact(text) for text in getattr(words, key)) for key in handoff.SAID}
    return replace(words, **texts)


def _shown(
    store: StateStore, session: Session, checkpoint: str | None, uncommitted: int, git: Git | None
) -> Shown:
    """Return what git and the records show; without ``git`` the work tree is not this one."""
    return Shown(
        session=session,
        at=rfc3339(store.clock.now()),
        head=store.objects.resolve("HEAD", peel=True) if git else session.head,
        branch=current_branch(git) if git else session.branch,
        commits=briefing.subjects(store, session),
        features=features.pending(store.view().features()),
        checkpoint=checkpoint,
        uncommitted=uncommitted,
    )


def _placed(store: StateStore, git: Git, closing: Closing, session: Session, words: Handoff) -> Handoff:
    """Return the words with where the work stands now, which a checkpoint holds."""
    request = checkpoints.Request(
        session.id, kind="automatic", text="the end of the shift", by=_writer(closing.author)
    )
    held = words.checkpoint if words.wip else None
    if held is None:
        held = checkpoints.take(store, request, closing.limits, generation=closing.generation).checkpoint.id
    head = store.objects.resolve("HEAD", peel=True)
    return handoff.with_state(words, head=head, branch=current_branch(git), checkpoint=held)


def _situation(store: StateStore, git: Git, known: Leases, closing: Closing, session: Session) -> Situation:
    standing, holder = standing_of(known, session.id, session.worktree, closing.us)
    registry = store.view().features()
    head = store.objects.resolve("HEAD", peel=True)

    def is_on_head(commit: str) -> bool:
        return head is not None and store.objects.exists(commit) and store.objects.is_ancestor(commit, head)

    return Situation(
        lease_ours=standing == "ours",
        holder=holder or None,
        uncommitted=uncommitted_paths(git, trusted=closing.limits.trusted),
        proofs={one.id: handoff.proof(one, is_on_head) for one in registry.values()},
        pending=tuple(one.id for one in features.pending(registry)),
    )


# -- what is uncommitted ---------------------------------------------------------------


def _keep(
    store: StateStore, closing: Closing, session: Session, words: Handoff
) -> tuple[Handoff, str | None]:
    """Commit what is uncommitted, or with ``wip`` keep it in a checkpoint."""
    if not closing.wip:
        return words, _progress_commit(store, closing, session, words)
    request = checkpoints.Request(
        session.id, label="wip", text="uncommitted at the handoff", by=_writer(closing.author)
    )
    taken = checkpoints.take(store, request, closing.limits, generation=closing.generation)
    return replace(words, checkpoint=taken.checkpoint.id, wip=True), None


def _progress_commit(store: StateStore, closing: Closing, session: Session, words: Handoff) -> str | None:
    """Commit all of it as the person, with their hooks; undone like any commit of git ovn."""
    first = next((text.strip().splitlines()[0] for text in words.accomplished if text.strip()), None)
    order = operations.Order(
        "commit",
        session.id,
        by=_writer(closing.author),
        feature=session.feature,
        generation=closing.generation,
        limits=closing.limits,
    )
    subject = f"progress({session.id}): {(first or session.feature or 'work')[:72]}"
    try:
        return operations.commit_work(store, order, subject)
    except (CommitRefused, GitTimeout, OperationInProgress) as error:
        raise _not_committed(session.id, str(error)) from error


def _not_committed(session: str, why: str) -> HandoffRefused:
    rule = next(rule for rule in handoff.RULES if rule.name == "clean")
    failed = Broken(rule.name, rule.sentence, f"the progress commit was not made: {why}")
    return HandoffRefused(
        f"the handoff of '{session}' is not valid\n{failed.rule}: {failed.sentence}, but: {failed.detail}",
        hint="mend that, or keep the work in a checkpoint with --wip",
        rules=[{"rule": failed.rule, "sentence": failed.sentence, "detail": failed.detail}],
    )


# -- records ---------------------------------------------------------------------------


def _record(store: StateStore, words: Handoff, generation: int | None, *, by: str) -> None:
    at = rfc3339(store.clock.now())
    made = records.make("handoff", codec.encode(words), at=at, by=by)
    store.record(words.session, made, generation=generation, fold=False)
    over = records.make("session.state", {"state": "handed_off"}, at=at, by=by)
    store.record(words.session, over, generation=generation)


def _writer(author: str) -> str:
    """Return who writes the records, as the journal names them."""
    return author if author in records.WRITERS else "person"
