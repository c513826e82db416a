"""Is what a night built green where it goes? Done features and the baseline, on the merged tree."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ovn import baseline, features
from ovn.checks import commands, trust, verify
from ovn.errors import NotFound, Refused, Unhealthy
from ovn.frozen import dataclass, field
from ovn.git import locate, worktrees
from ovn.git.run import Git
from ovn.operations.feature import of_feature
from ovn.operations.merging import merge_back
from ovn.runner import sole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ovn.config import Config
    from ovn.git.locate import Location
    from ovn.git.merging import Merged
    from ovn.model.documents import Feature, Run
    from ovn.operations import Order
    from ovn.operations.merging import Joined
    from ovn.state.store import StateStore

HEADS = "refs/heads/"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to merge back, and how: the night's full branch, its tip, the full branch it goes into."""

    night: str
    tip: str
    into: str
    run: str | None = None

    @property
    def message(self) -> str:
        """What a merge commit says."""
        of = f" of run {self.run}" if self.run else ""
        return f"Merge branch '{short(self.night)}'{of} into {short(self.into)}\n"


@dataclass(slots=True)
class Bench:
    """What proving needs: configuration, trust, the person's environment; ``tell`` gets lines for people."""

    store: StateStore
    config: Config
    book: trust.Book
    environ: Mapping[str, str]
    order: Order
    tell: Callable[[str], None] = lambda _: None
    proven: list[str] = field(default_factory=list)


def short(branch: str) -> str:
    """Return a branch as people name it."""
    return branch.removeprefix(HEADS)


def choose(store: StateStore, named: str | None, into: str | None) -> Wanted:
    """Return what is meant: a run, a branch, or nothing for the newest night that ended.

    Raises NotFound, Refused for a night that still works.
    """
    known = store.view().runs()
    run = known.get(named) if named else None
    branch = run.branch if run else (f"{HEADS}{named}" if named else None)
    if branch is None:
        run = _newest(store, list(known.values()))
        branch = run.branch
    run = run or next((one for one in known.values() if one.branch == branch), None)
    tip = store.objects.resolve(branch or "", peel=True)
    if branch is None or tip is None:
        raise NotFound(f"no run and no branch '{named or branch}'", hint="see 'git branch --list night/*'")
    if run is not None and any(one.run == run.id for one in sole.alive(store.location.local)):
        raise Refused(f"run '{run.id}' still works on it", hint="wait for it, or 'git ovn stop'")
    target = f"{HEADS}{into}" if into else (run.onto if run else None) or _here(store, branch)
    return Wanted(branch, tip, target, run.id if run else None)


def _newest(store: StateStore, known: list[Run]) -> Run:
    """Return the newest night with a branch of its own that is still there."""
    for run in sorted(known, key=lambda one: (one.started, one.id), reverse=True):
        if run.branch and run.branch != run.onto and store.objects.resolve(run.branch, peel=True):
            return run
    raise NotFound("no night has a branch that could be merged back")


def _here(store: StateStore, night: str) -> str:
    branch = locate.branch(store.location)
    if branch is None or branch == night:
        raise Refused(f"into which branch shall '{short(night)}' go?", hint="name it with --into BRANCH")
    return branch


def carry_out(bench: Bench, wanted: Wanted, *, always_commit: bool = False) -> Joined:
    """Merge back: switch to the target branch where it is not checked out, prove, move the branch.

    Raises Refused, Unhealthy (14) naming what is red on the merged tree, NotTrusted, Conflict.
    """
    store = bench.store
    if locate.branch(store.location) != wanted.into:
        _switch(bench, wanted)
    unfinished = _unfinished(store, wanted)
    if unfinished:
        raise Refused(
            f"'{short(wanted.night)}' holds commits of '{unfinished[0]}', which is not done",
            hint=f"finish it, or take it back there with 'git ovn rollback --feature {unfinished[0]}'",
            features=unfinished,
        )

    def prove(head: str, merged: Merged) -> None:
        _prove(bench, head, merged)

    return merge_back(store, bench.order, wanted.tip, wanted.message, prove, always_commit=always_commit)


def _switch(bench: Bench, wanted: Wanted) -> None:
    if bench.store.objects.resolve(wanted.into, peel=True) is None:
        raise NotFound(f"no branch '{short(wanted.into)}'", hint="name another with --into BRANCH")
    git = Git(bench.store.location)
    there = next((one for one in worktrees.linked(git) if one.branch == wanted.into), None)
    if there is not None:
        hint = f"run it there: git -C '{there.path}' ovn merge-back"
        raise Refused(f"'{short(wanted.into)}' is checked out in '{there.path}'", hint=hint)
    if bench.order.dry_run:
        raise Refused(
            f"'{short(wanted.into)}' is not checked out here", hint=f"git switch {short(wanted.into)}"
        )
    worktrees.switch(git, short(wanted.into))
    bench.tell(f"switched to branch '{short(wanted.into)}'")


def _unfinished(store: StateStore, wanted: Wanted) -> list[str]:
    """Return the features that are not done and of which the night's branch holds commits."""
    view = store.view()
    base = store.objects.resolve(wanted.into, peel=True)
    history = list(store.objects.walk([wanted.tip], hide=[base] if base else []))
    sessions = list(view.sessions(ended=True).values())
    open_ones = [one for one in features.in_order(view.features().values()) if one.status != "done"]
    return [one.id for one in open_ones if of_feature(one.id, history, sessions)]


# -- the proof -------------------------------------------------------------------------


def _prove(bench: Bench, head: str, merged: Merged) -> None:
    """Raise Unhealthy unless every done feature is green on the merged tree, and no test got worse."""
    store = bench.store
    known = store.view().features()
    done = [one for one in features.in_order(known.values()) if one.status == "done" and one.verify]
    here = [one for one in done if _is_in(bench, one, merged.commit)]
    waiting = [one for one in here if not _holds_already(one, merged.tree)]
    bench.proven += [one.id for one in here]
    setting = _setting(bench)
    if not waiting and setting is None:
        return
    bench.book.check(trust.items(store.location, bench.config, known.values()))
    with _clean(bench, merged.commit) as where:
        for feature in waiting:
            _green(bench, feature, where)
    if setting is not None:
        _no_worse(bench, setting, head, merged)


def _is_in(bench: Bench, feature: Feature, commit: str) -> bool:
    proven = feature.evidence.commit if feature.evidence else None
    objects = bench.store.objects
    return proven is not None and objects.exists(proven) and objects.is_ancestor(proven, commit)


def _holds_already(feature: Feature, tree: str) -> bool:
    """Tell whether its evidence was measured on this very tree."""
    found = feature.evidence
    return found is not None and found.green and found.partial is None and found.tree == tree


def _green(bench: Bench, feature: Feature, where: Location) -> None:
    bench.tell(f"{feature.id}: verifying on the merged tree")
    wanted = verify.at_location(verify.Bench(bench.environ, limits=bench.order.limits), where)
    measured = verify.measure(bench.store, feature, wanted)
    why = verify.not_done(measured)
    if why is not None:
        raise Unhealthy(
            f"'{feature.id}' is not green on the merged tree: {why}",
            hint=f"its output is in '{verify.log_file(where, feature.id)}'",
            feature=feature.id,
        )


def _setting(bench: Bench) -> baseline.Setting | None:
    wanted = bench.config.commands
    if wanted.baseline is None:
        return None
    trusted = bench.order.limits.trusted
    return baseline.Setting(wanted.baseline, wanted.setup, bench.environ, trusted=trusted)


def _no_worse(bench: Bench, setting: baseline.Setting, head: str, merged: Merged) -> None:
    bench.tell("comparing the baseline before and after the merge")
    before, after = (baseline.ensure_at(bench.store, setting, one) for one in (head, merged.commit))
    worse = baseline.compare(before.baseline, after.baseline).newly_failing
    if worse:
        raise Unhealthy(f"the merge breaks what was green: {baseline.describe(worse)}", tests=list(worse))


@contextmanager
def _clean(bench: Bench, commit: str) -> Iterator[Location]:
    """Give a clean work tree of a commit, set up as the project says. Raises Unhealthy when that fails."""
    setup, trusted = bench.config.commands.setup, bench.order.limits.trusted
    with worktrees.worktree_at(Git(bench.store.location), commit, trusted=trusted) as clean:
        if setup is not None:
            ran = commands.run(setup, clean.tree(), commands.environment(bench.environ))
            if ran.exit_code:
                raise Unhealthy(f"the set-up command failed on the merged tree: {ran.summary}")
        yield clean
