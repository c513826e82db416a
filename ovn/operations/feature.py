"""Take one feature's commits back by inverse commits, and keep the later ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn import names
from ovn.clock import rfc3339
from ovn.errors import NotFound, Refused
from ovn.frozen import replace
from ovn.git import trailers
from ovn.git.history import invert
from ovn.git.run import Git
from ovn.model import records
from ovn.operations.change import Change, moved_on
from ovn.operations.transaction import Order, Outcome, carry_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from collections.abc import Set as AbstractSet

    from ovn.git.objects import CommitInfo
    from ovn.git.snapshot import Snapshot
    from ovn.model.documents import Session
    from ovn.state.store import StateStore


def rollback_feature(store: StateStore, order: Order, feature: str) -> Outcome:
    """Invert the commits of ``feature`` on HEAD's history, newest first, and mark it rolled back.

    Uncommitted work elsewhere stays. Raises Refused when no commit is left to invert, Conflict
    naming what stands against it; then the repository is as it was.
    """
    view = store.view()
    if view.feature(feature) is None:
        raise NotFound(f"no feature {feature!r}", hint="see 'git ovn feature list'")
    head = store.objects.resolve("HEAD", peel=True)
    history = list(store.objects.walk([head])) if head else []
    commits = of_feature(feature, history, view.sessions(ended=True).values(), _published(store))
    if not commits:
        raise Refused(f"no commit of feature {feature!r} is left on this branch")
    wanted = replace(order, feature=feature, commits=tuple(commits))
    outcome = carry_out(store, wanted, lambda shot: _inversion(store, wanted, shot))
    if outcome.operation is not None:
        data = {
            "feature": feature,
            "status": "rolled_back",
            "reason": f"rolled back by {outcome.operation.id}",
        }
        record = records.make("feature.status", data, at=rfc3339(store.clock.now()), by=order.by)
        store.record(order.session, record, generation=order.generation)
    return outcome


def _inversion(store: StateStore, order: Order, shot: Snapshot) -> Change:
    """Return the change that adds the inverse commits and leaves all other work as it is."""
    tip = shot.head or ""
    more = [(names.TRAILER_SESSION, order.session), (names.TRAILER_FEATURE, order.feature or "")]
    made = invert(
        Git(store.location),
        store.objects,
        order.commits,
        tip,
        when=store.clock.now(),
        more=more,
        trusted=order.limits.trusted,
    )
    head = made[-1] if made else tip
    what = f"taking back {order.feature!r}"
    return moved_on(store, shot, head, what=what, trusted=order.limits.trusted)


def of_feature(
    feature: str,
    history: Sequence[CommitInfo],
    sessions: Iterable[Session],
    published: frozenset[str] = frozenset(),
) -> list[str]:
    """Return the feature's commits in ``history`` (newest first), newest first. Pure.

    A commit belongs to it by its trailer, by what a session recorded (followed through amend
    and rebase), or because HEAD passed it during one of its attempts, unless it carries
    another feature's trailer, is somebody else's, or was published without being named. So does
    a merge that brought nothing but its commits: no hook tells of one. Inverted ones are left out.
    """
    sessions = list(sessions)
    told = {commit.oid: dict(trailers.parse(commit.message)) for commit in history}
    gone = inverted(history)
    recorded, foreign = _recorded(feature, sessions)
    passed = _passed(feature, history, sessions) - foreign - published
    found = []
    for commit in history:
        named = told[commit.oid].get(names.TRAILER_FEATURE)
        if commit.oid in gone or _inverts(commit):
            continue
        if named == feature or commit.oid in recorded or (named is None and commit.oid in passed):
            found.append(commit.oid)
    unnamed = [commit for commit in history if names.TRAILER_FEATURE not in told[commit.oid]]
    return _with_merges(history, unnamed, set(found), gone | foreign | published)


def _with_merges(
    history: Sequence[CommitInfo], unnamed: Sequence[CommitInfo], own: set[str], others: AbstractSet[str]
) -> list[str]:
    """Return ``own`` and each merge whose other sides brought nothing else, newest first.

    Inverting the merge takes back what its conflicts were resolved to, too.
    """
    parents = {commit.oid: commit.parents for commit in history}
    merges = [one for one in unnamed if len(one.parents) > 1 and one.oid not in others and not _inverts(one)]
    joined = {one.oid for one in merges if (brought := _brought(one, parents)) and brought <= own}
    return [commit.oid for commit in history if commit.oid in own | joined]


def _inverts(commit: CommitInfo) -> list[str]:
    """Return the commits that this one takes back."""
    return [value for key, value in trailers.parse(commit.message) if key == names.TRAILER_REVERTS]


def inverted(history: Sequence[CommitInfo]) -> set[str]:
    """Return the commits that a commit takes back which is itself not taken back."""
    gone: set[str] = set()
    for commit in history:  # newest first: a revert of a revert is seen before what it revives
        if commit.oid not in gone:
            gone.update(_inverts(commit))
    return gone


def _recorded(feature: str, sessions: Iterable[Session]) -> tuple[set[str], set[str]]:
    """Return (commits that sessions recorded for the feature, commits recorded as foreign)."""
    own: set[str] = set()
    foreign: set[str] = set()
    for session in sessions:
        now = {rewrite.old: rewrite.new for rewrite in session.rewrites}
        for work in session.commits:
            target = foreign if work.kind == "foreign" else own if work.feature == feature else None
            if target is not None:
                target.update(_followed(work.commit, now))
    return own, foreign


def _followed(commit: str, now: dict[str, str]) -> set[str]:
    """Return the commit and everything that amend and rebase made of it."""
    found = {commit}
    while commit in now and now[commit] not in found:
        commit = now[commit]
        found.add(commit)
    return found


def _passed(feature: str, history: Sequence[CommitInfo], sessions: Iterable[Session]) -> set[str]:
    """Return the commits between where HEAD was before and after each attempt at the feature."""
    parents = {commit.oid: commit.parents for commit in history}
    found: set[str] = set()
    for session in sessions:
        for attempt in session.attempts:
            if attempt.feature == feature and attempt.head_to in parents:
                found |= _between(attempt.head_from, attempt.head_to or "", parents)
    return found


def _brought(merge: CommitInfo, parents: dict[str, tuple[str, ...]]) -> set[str]:
    """Return the commits that a merge's first parent did not have."""
    first, *rest = merge.parents
    return {oid for one in rest for oid in _between(first, one, parents)}


def _between(old: str | None, new: str, parents: dict[str, tuple[str, ...]]) -> set[str]:
    """Return the commits of ``new`` that ``old`` does not have (as ``git log old..new``)."""
    return _reachable(new, parents) - (_reachable(old, parents) if old else set())


def _reachable(tip: str, parents: dict[str, tuple[str, ...]]) -> set[str]:
    seen: set[str] = set()
    ahead = [tip]
    while ahead:
        oid = ahead.pop()
        if oid not in seen and oid in parents:
            seen.add(oid)
            ahead.extend(parents[oid])
    return seen


def _published(store: StateStore) -> frozenset[str]:
    """Return the commits that a remote-tracking branch has."""
    tips = list(store.objects.refs("refs/remotes/").values())
    return frozenset(commit.oid for commit in store.objects.walk(tips)) if tips else frozenset()
