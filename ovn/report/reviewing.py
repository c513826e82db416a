"""Feature by feature after the night: its own diff, a branch and a text for a pull request, what was decided.

Nothing is lost by any of it: a branch is only ever made, never moved, and taking a feature
back is an operation like others (``git ovn undo``). What was decided is a document of the
state branch, so that the next review, here or in a clone, knows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ovn import host, names
from ovn.clock import rfc3339
from ovn.errors import Conflict, NotFound, Refused, UsageError
from ovn.frozen import dataclass
from ovn.git.gc import gc_guard
from ovn.git.picking import pick
from ovn.git.run import Git
from ovn.model.documents import Value
from ovn.report import work
from ovn.report.model import Feature  # noqa: TC001 - codec and tools/outputs.py read the annotations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ovn.report.model import Commit, Night
    from ovn.state.store import StateStore
    from ovn.state.view import View

BRANCHES = "review/"
LAYER = "persistent"
DECISIONS = ("keep", "hold", "roll-back")


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch for a pull request: its short name, its commit, what it starts from.

    ``stands``: ``alone`` on the commit the night began at, ``stacked`` on the features it depends
    on (``below``), ``whole`` where only the night's branch up to its last commit applies.
    ``made`` is False where the branch was there already, and in a dry run.
    """

    name: str
    commit: str
    base: str
    stands: str
    below: tuple[str, ...] = ()
    made: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided on a feature, when, and the branch that was made."""

    feature: str
    decision: str
    at: str
    branch: str | None = None
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A feature to review, and what was decided on it before."""

    feature: Feature
    decided: Decision | None


@dataclass(frozen=True, slots=True)
class Done:
    """What came of one decision: the branch with the text of its pull request, or the operation.

    ``file`` is where the text lies on this machine, None in a dry run.
    """

    feature: str
    decision: str
    dry_run: bool
    branch: Branch | None = None
    text: str | None = None
    file: str | None = None
    operation: str | None = None


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What ``git ovn review --json`` prints: the features that were asked for, or what was done."""

    run: str | None
    features: tuple[Row, ...] = ()
    done: tuple[Done, ...] = ()


def candidates(night: Night) -> list[Feature]:
    """Return the features with commits that still stand, as they were built."""
    order = {one.commit: place for place, one in enumerate(night.commits)}
    wanted = [one for one in night.features if standing(one)]
    return sorted(wanted, key=lambda one: order[standing(one)[0].commit])


def chosen(night: Night, wanted: Sequence[str]) -> list[Feature]:
    """Return the named features, or all candidates for none. Raises NotFound for one without commits."""
    known = {one.id: one for one in candidates(night)}
    if not wanted:
        return list(known.values())
    for one in wanted:
        if one not in known:
            raise NotFound(
                f"no commit of feature '{one}' stands in this night",
                hint=f"those with commits: {', '.join(known)}" if known else "see 'git ovn morning'",
            )
    return [known[one] for one in wanted]


def one_way_each(wanted: Mapping[str, Sequence[str]]) -> None:
    """Raise UsageError for a feature that is given to two ways (``keep``, ``hold``, ...) at once."""
    ways: dict[str, str] = {}
    for way, features in wanted.items():
        for one in features:
            other = ways.setdefault(one, way)
            if other != way:
                raise UsageError(
                    f"feature '{one}' is given to --{other} and to --{way}", hint="decide for one of them"
                )


def standing(feature: Feature) -> list[Commit]:
    """Return the feature's own commits that HEAD's history holds and nothing took back, oldest first."""
    return [one for one in feature.commits if one.standing == "kept"]


def must_be_on_head(store: StateStore, night: Night, feature: Feature) -> None:
    """Raise Refused, naming the branch to go to, where HEAD's history has none of the feature's commits."""
    head = store.objects.resolve("HEAD", peel=True)
    stand = standing(feature)
    if head is None or not stand or store.objects.is_ancestor(stand[-1].commit, head):
        return
    branch = (night.runs[-1].run.branch or "").removeprefix("refs/heads/") if night.runs else ""
    raise Refused(
        f"the commits of feature '{feature.id}' are not on the branch that is checked out",
        hint=f"git switch {branch}" if branch else "switch to the branch that has them",
    )


def patch(store: StateStore, feature: Feature, *, stat: bool = False) -> bytes:
    """Return the feature's own diff, without what others committed between its commits."""
    git = Git(store.location)
    form = "--stat=100" if stat else "--patch"
    switches = ("--no-ext-diff", "--no-textconv", "--no-color", "-M", form)
    parts = work.stretches(store, standing(feature))
    return b"".join(git.run("diff", *switches, one.before, one.after).out for one in parts)


# -- a branch --------------------------------------------------------------------------


def branch(
    store: StateStore, night: Night, feature: Feature, *, trusted: bool, dry_run: bool = False
) -> Branch:
    """Make a branch that holds the feature's commits, and only what they need below them.

    Raises Refused when nothing of the feature stands, NotTrusted. A branch of that name with
    other commits stays as it is: the new one gets a number.
    """
    commits = [one.commit for one in standing(feature)]
    if not commits:
        raise Refused(f"no commit of feature '{feature.id}' stands")
    base = _base(store, night, commits[0])
    with gc_guard(store.location):
        tip, stands, below = _tip(store, night, feature, base, trusted=trusted)
        name, new = _free(store, f"{BRANCHES}{feature.id}", tip)
        if new and not dry_run:
            host.sync_filesystem(store.location.common_dir)
            store.objects.update_ref(f"refs/heads/{name}", tip, None, f"git ovn review: {feature.id}")
    return Branch(name, tip, base, stands, below, made=new and not dry_run)


def _base(store: StateStore, night: Night, first: str) -> str:
    """Return the commit the night began at; without a run, what the feature's first commit follows."""
    begun = night.runs[0].run.base if night.runs else None
    parents = store.objects.commit(first).parents
    base = begun or (parents[0] if parents else None)
    if base is None or not store.objects.exists(base):
        raise Refused("nobody knows what the feature was built on", hint="make the branch by hand")
    return base


def _tip(
    store: StateStore, night: Night, feature: Feature, base: str, *, trusted: bool
) -> tuple[str, str, tuple[str, ...]]:
    """Return the commit for the branch, how it stands, and the features below it."""
    git, when = Git(store.location), store.clock.now()
    below = _below(night, feature)
    order = {one.commit: place for place, one in enumerate(night.commits)}
    several = [one.commit for each in (*below, feature) for one in standing(each)]
    commits = sorted(several, key=order.__getitem__)
    try:
        tip = pick(git, store.objects, commits, base, when=when, trusted=trusted)
    except Conflict:
        return standing(feature)[-1].commit, "whole", ()
    return tip, "stacked" if below else "alone", tuple(one.id for one in below)


def _below(night: Night, feature: Feature) -> list[Feature]:
    """Return the features that it depends on and that were built in the same night, however far down."""
    known = {one.id: one for one in candidates(night)}
    ahead, found = list(feature.depends_on), {}
    while ahead:
        one = known.get(ahead.pop())
        if one is not None and one.id not in found and one.id != feature.id:
            found[one.id] = one
            ahead += one.depends_on
    return [one for one in known.values() if one.id in found]


def _free(store: StateStore, wanted: str, tip: str) -> tuple[str, bool]:
    """Return a branch name that is free, or holds the commit already; and whether it is new."""
    for number in range(1, 1000):
        name = wanted if number == 1 else f"{wanted}-{number}"
        there = store.objects.resolve(f"refs/heads/{name}")
        if there is None:
            return name, True
        if _same(store, there, tip):
            return name, False
    raise Refused(f"there are a thousand branches '{wanted}'", hint="delete those that nobody needs")


def _same(store: StateStore, one: str, other: str) -> bool:
    """Tell whether two commits bring the same tree: a commit made again has another committer date."""
    first, second = (store.objects.commit(oid) for oid in (one, other))
    return first.oid == second.oid or (first.tree, first.message) == (second.tree, second.message)


# -- what was decided --------------------------------------------------------------------


def _key(feature: str) -> str:
    return f"review.{feature}"


def remember(store: StateStore, feature: str, decision: str, made: Branch | None = None) -> Decision:
    """Record what was decided on a feature, durable on return."""
    at = rfc3339(store.clock.now())
    found = Decision(feature, decision, at, made.name if made else None, made.commit if made else None)
    value: dict[str, Any] = {"decision": decision, "branch": found.branch, "commit": found.commit}
    document = Value(1, LAYER, _key(feature), value, at, None, feature)
    path = names.value_file(LAYER, _key(feature))
    where = f", branch {made.name}" if made else ""
    store.transact(
        f"review: {feature}, {decision}{where}",
        "review",
        lambda _: {path: document},
        {names.TRAILER_FEATURE: feature},
    )
    return found


def decided(view: View, feature: str) -> Decision | None:
    """Return what was decided on a feature; None when nobody looked at it yet."""
    found: Value | None = view.get(names.value_file(LAYER, _key(feature)))
    if found is None or not isinstance(found.value, dict):
        return None
    said = {key: found.value.get(key) for key in ("decision", "branch", "commit")}
    texts = {key: value if isinstance(value, str) else None for key, value in said.items()}
    return Decision(feature, texts["decision"] or "", found.at, texts["branch"], texts["commit"])
