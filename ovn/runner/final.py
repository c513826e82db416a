"""At the end every done feature is proven again, on the last commit, where only commits are.

What a later feature broke, and what only worked because of a file that git ignores, is found
here and not in the morning. The commit that broke it is searched by halving.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ovn import features
from ovn.checks import commands, verify
from ovn.frozen import dataclass
from ovn.git import worktrees
from ovn.git.run import Git
from ovn.runner import standing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ovn.checks.verify import Measured
    from ovn.git.encoding import CommitInfo
    from ovn.git.locate import Location
    from ovn.model.documents import Feature
    from ovn.runner.night import Night

ACTOR = features.Actor("runner")


@dataclass(frozen=True, slots=True)
class Broken:
    """A done feature that does not hold: why, and the commit that broke it where it was found."""

    feature: str
    why: str
    commit: str | None
    subject: str = ""


def verify_again(night: Night) -> tuple[Broken, ...]:
    """Measure on HEAD's commit every feature that was done on its history; red ones become failed.

    Return those. What is done on a branch that is not merged here is no part of this night.
    """
    head = night.store.objects.resolve("HEAD", peel=True)
    known = night.store.view().features()
    every = [one for one in features.in_order(known.values()) if one.status == "done" and one.verify]
    done = [one for one in every if head is not None and _is_here(night, one, head)]
    if len(done) < len(every):
        night.tell(f"{len(every) - len(done)} features are done on another branch, and not looked at here")
    if head is None or not done:
        return ()
    night.check_trust()
    with _clean(night, head) as where:
        if where is None:
            night.tell("the set-up command failed in a clean work tree: verifying in the night's own")
        found = [_one(night, feature, where, head) for feature in done]
    broken = tuple(one for one in found if one is not None)
    night.tell(f"{len(done) - len(broken)} of {len(done)} done features hold on the last commit")
    return broken


def _is_here(night: Night, feature: Feature, head: str) -> bool:
    proven = feature.evidence.commit if feature.evidence else None
    objects = night.store.objects
    return proven is not None and objects.exists(proven) and objects.is_ancestor(proven, head)


def first_bad(commits: Sequence[str], is_bad: Callable[[str], bool]) -> str:
    """Return the first bad one of ``commits``, oldest first, of which the last is known to be bad.

    As in ``git bisect``: once bad, always bad.
    """
    low, high = 0, len(commits) - 1
    while low < high:
        middle = (low + high) // 2
        if is_bad(commits[middle]):
            high = middle
        else:
            low = middle + 1
    return commits[high]


@contextmanager
def _clean(night: Night, commit: str) -> Iterator[Location | None]:
    """Give a clean work tree of a commit, set up; None where set-up does not allow it."""
    setup = night.config.commands.setup
    trusted = night.checkpoint_limits.trusted
    with worktrees.worktree_at(Git(night.store.location), commit, trusted=trusted) as clean:
        if setup is not None:
            with night.stopping.interrupting():
                ran = commands.run(setup, clean.tree(), commands.environment(night.environ))
            yield clean if ran.exit_code == 0 else None
        else:
            yield clean


def _one(night: Night, feature: Feature, where: Location | None, head: str) -> Broken | None:
    measured = _measure(night, feature, where)
    why = verify.not_done(measured)
    if why is not None and where is not None and night.config.commands.setup is None:
        # Nothing was set up there: what is missing may be no part of the code.
        here = _measure(night, feature, None)
        if verify.not_done(here) is None:
            night.tell(f"{feature.id}: green beside files that git ignores, red without them: {why}")
            measured, why = here, None
    features.evidence(night.store, ACTOR, measured.evidence)
    if why is None or measured.evidence.green:
        return None
    return _failed(night, feature, where, head, why)


def _measure(night: Night, feature: Feature, where: Location | None) -> Measured:
    bench = standing.bench(night)
    with night.stopping.interrupting():
        return verify.measure(night.store, feature, verify.at_location(bench, where) if where else bench)


def _failed(night: Night, feature: Feature, where: Location | None, head: str, why: str) -> Broken:
    commit = _breaker(night, feature, where, head)
    subject = commit.subject[:100] if commit else ""
    blame = f"; broken by {commit.oid[:10]} {subject}" if commit else ""
    reason = f"red on the last commit: {why}{blame}"
    features.move(night.store, ACTOR, feature.id, "verify-red", reason=reason)
    night.tell(f"{feature.id}: {reason}")
    return Broken(feature.id, why, commit.oid if commit else None, subject)


def _breaker(night: Night, feature: Feature, where: Location | None, head: str) -> CommitInfo | None:
    """Return the first commit since the feature's evidence on which it is red.

    None where no clean work tree can be had, or when it was never green in one.
    """
    proven = feature.evidence.commit if feature.evidence else None
    objects = night.store.objects
    if where is None or proven is None:
        return None
    since = [one.oid for one in objects.walk([head], [proven])][::-1]
    if not since or _is_red(night, feature, proven):
        return None
    return objects.commit(first_bad(since, lambda commit: _is_red(night, feature, commit)))


def _is_red(night: Night, feature: Feature, commit: str) -> bool:
    with _clean(night, commit) as where:
        return where is None or not _measure(night, feature, where).evidence.green
