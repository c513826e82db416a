"""The work commits of a night: whose they are, whether they still stand, what they change."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from ovn.errors import CorruptObject
from ovn.frozen import dataclass
from ovn.git.encoding import EMPTY_TREE
from ovn.git.paths import quote
from ovn.git.run import Git
from ovn.git.sizes import sizes
from ovn.operations.feature import inverted
from ovn.report.model import Commit, Diff

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ovn.git.encoding import CommitInfo
    from ovn.git.sizes import Size
    from ovn.model.documents import Session
    from ovn.state.store import StateStore

MOST = 20_000
"""Commits of the branch that are looked at, where nobody knows when the night began."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Commits that follow each other: the tree before the first, the tree after the last."""

    before: str
    after: str
    commits: tuple[str, ...]


def commits(
    store: StateStore, sessions: Sequence[Session], head: str | None, base: str | None
) -> list[Commit]:
    """Return the commits that these sessions recorded, in their order, as they are now after rewrites.

    ``base`` is where the night began, so that only what came since has to be read.
    """
    first = next((one.head_from for each in sessions for one in each.attempts), None)
    history = _history(store, head, base or first)
    standing = dict.fromkeys((one.oid for one in history), "kept")
    standing |= dict.fromkeys(inverted(history), "reverted")
    found: dict[str, Commit] = {}
    for session in sessions:
        now = {pair.old: pair.new for pair in session.rewrites}
        for work in session.commits:
            oid = _followed(work.commit, now)
            info = info_of(store, oid)
            found[oid] = Commit(
                commit=oid,
                subject=info.subject if info is not None else "",
                kind=work.kind,
                standing=standing.get(oid, "gone" if info is not None else "missing"),
                session=session.id,
                feature=work.feature,
                bypassed=work.bypassed,
            )
    return list(found.values())


def _history(store: StateStore, head: str | None, base: str | None) -> list[CommitInfo]:
    if head is None:
        return []
    hide = [base] if base is not None and store.objects.exists(base) else []
    return list(islice(store.objects.walk([head], hide), MOST))


def _followed(commit: str, now: Mapping[str, str]) -> str:
    """Return what amend and rebase made of a commit."""
    seen = {commit}
    while commit in now and now[commit] not in seen:
        commit = now[commit]
        seen.add(commit)
    return commit


def info_of(store: StateStore, oid: str) -> CommitInfo | None:
    """Return a commit; None for one that is not here (a clone, or long collected)."""
    try:
        return store.objects.commit(oid) if store.objects.exists(oid) else None
    except CorruptObject:
        return None


def stretches(store: StateStore, found: Sequence[Commit]) -> list[Stretch]:
    """Return the stretches of these commits (oldest first): a feature's work without what lies between."""
    made: list[Stretch] = []
    for commit in found:
        info = info_of(store, commit.commit)
        if info is None:
            continue
        first = info.parents[0] if info.parents else None
        if made and first == made[-1].commits[-1]:
            last = made.pop()
            made.append(Stretch(last.before, info.tree, (*last.commits, info.oid)))
            continue
        parent = info_of(store, first) if first is not None else None
        if first is not None and parent is None:
            continue  # the edge of a shallow clone: what it changed cannot be told here
        made.append(Stretch(parent.tree if parent is not None else EMPTY_TREE, info.tree, (info.oid,)))
    return made


def diffs(store: StateStore, wanted: Mapping[str, Sequence[Stretch]]) -> dict[str, Diff]:
    """Return how much each feature changed; one process of git for all of them."""
    order = [(name, one) for name, several in wanted.items() for one in several]
    measured = sizes(Git(store.location), [(one.before, one.after) for _, one in order])
    by_name: dict[str, list[Size]] = {}
    for (name, _), rows in zip(order, measured, strict=True):
        by_name.setdefault(name, []).extend(rows)
    return {name: _sum(rows) for name, rows in by_name.items()}


def _sum(rows: Sequence[Size]) -> Diff:
    return Diff(
        added=sum(row.added or 0 for row in rows),
        deleted=sum(row.deleted or 0 for row in rows),
        paths=tuple(sorted({quote(row.path) for row in rows})),
    )


def outside(changed: Iterable[str], declared: Sequence[str]) -> tuple[str, ...]:
    """Return the paths that none of the declared ones covers; nothing where none are declared. Pure.

    A declared path covers itself, what lies below it, and what it matches as a glob.
    """
    if not declared:
        return ()
    return tuple(path for path in changed if not any(_covers(one, path) for one in declared))


def _covers(declared: str, path: str) -> bool:
    from fnmatch import fnmatchcase

    folder = declared.rstrip("/")
    return path == folder or path.startswith(f"{folder}/") or fnmatchcase(path, declared)
