"""Two branches joined among objects alone: no work tree, no index, no ref moves before it is proven."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn.errors import Conflict, GitFailed, NotFound
from ovn.frozen import dataclass
from ovn.git import filters
from ovn.git.history import commit_tree
from ovn.git.paths import quote

if TYPE_CHECKING:
    from ovn.git.objects import ObjectStore
    from ovn.git.run import Git


@dataclass(frozen=True, slots=True)
class Merged:
    """What a branch will be: the commit, its tree, whether it only moves forward to the other's."""

    commit: str
    tree: str
    fast_forward: bool


def merge(
    git: Git,
    objects: ObjectStore,
    ours: str,
    theirs: str,
    message: str,
    *,
    always_commit: bool = False,
    trusted: bool = True,
) -> Merged | None:
    """Return the merge of the commit ``theirs`` into ``ours``; None when there is nothing to merge.

    A fast-forward where that can be, unless ``always_commit``; else a commit with two parents by
    the user. Nothing refers to it yet (use gc_guard). Raises Conflict naming the paths, NotFound
    for histories without a common commit, NotTrusted for a merge driver of the repository's own.
    """
    if objects.is_ancestor(theirs, ours):
        return None
    if objects.is_ancestor(ours, theirs):
        if not always_commit:
            return Merged(theirs, objects.commit(theirs).tree, fast_forward=True)
        tree = objects.commit(theirs).tree
    else:
        tree = _merged(git, objects, ours, theirs, trusted=trusted)
    return Merged(commit_tree(git, tree, [ours, theirs], message), tree, fast_forward=False)


def _merged(git: Git, objects: ObjectStore, ours: str, theirs: str, *, trusted: bool) -> str:
    base = git.run("merge-base", ours, theirs, ok=(0, 1))
    if base.code:
        raise NotFound("the two branches have no commit in common")
    guard = filters.guard(git, trusted=trusted, attribute="merge")
    sides = [objects.changes(base.text, side) for side in (ours, theirs)]
    guard.check(change.path for changes in sides for change in changes)
    answer = git.run(
        "merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", ours, theirs, ok=(0, 1)
    )
    tree, *paths = answer.paths()
    if answer.code == 0:
        return tree.decode()
    if len(tree) != 40:
        raise GitFailed("cannot merge", stderr=answer.err.decode(errors="replace"))
    named = sorted({quote(path) for path in paths if path})
    raise Conflict(
        f"both sides changed {', '.join(named[:5])}{' ...' if len(named) > 5 else ''}",
        hint="merge them by hand: git merge",
        paths=named,
    )
