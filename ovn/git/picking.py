"""Commits put on top of another one, made of objects alone: no work tree, no index, no ref moves.

What ``git cherry-pick`` does, by ``git merge-tree`` among objects; author and message stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn.errors import Conflict
from ovn.git import filters
from ovn.git.encoding import EMPTY_TREE
from ovn.git.history import merged_trees
from ovn.git.run import As

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ovn.git.encoding import CommitInfo
    from ovn.git.objects import ObjectStore
    from ovn.git.run import Git


def pick(
    git: Git,
    objects: ObjectStore,
    commits: Sequence[str],
    onto: str,
    *,
    when: datetime,
    trusted: bool = True,
) -> str:
    """Return the last of new commits on top of ``onto`` that change what ``commits`` do (oldest first).

    A commit that follows ``onto`` as it is, is taken as it is; one that changes nothing there is
    left out; a merge counts as what it changes in its first parent. Nothing refers to the result
    yet (use gc_guard). Raises Conflict naming commit and paths, NotTrusted for a merge driver of
    the repository's own.
    """
    guard = filters.guard(git, trusted=trusted, attribute="merge")
    tip = onto
    for oid in commits:
        info = objects.commit(oid)
        if info.parents == (tip,):
            tip = oid
            continue
        before = objects.commit(info.parents[0]).tree if info.parents else EMPTY_TREE
        guard.check(change.path for change in objects.changes(before, info.tree))
        onto_tree = objects.commit(tip).tree
        tree, paths = merged_trees(git, objects, before, onto_tree, info.tree, when=when)
        if tree is None:
            shown = ", ".join(paths[:5])
            raise Conflict(
                f"commit '{oid[:12]}' ({info.subject}) does not apply without what came before it: {shown}",
                commit=oid,
                paths=paths,
            )
        if tree != onto_tree:
            tip = _commit(git, tree, tip, info)
    return tip


def _commit(git: Git, tree: str, parent: str, info: CommitInfo) -> str:
    """Store a commit like ``info`` with another parent: its author, its message, the user as committer."""
    known = git.run("var", "GIT_COMMITTER_IDENT", who=As.USER, ok=(0, 128)).code == 0
    author = {
        "GIT_AUTHOR_NAME": info.author_name or "unknown",
        "GIT_AUTHOR_EMAIL": info.author_email,
        "GIT_AUTHOR_DATE": f"@{info.author_time} +0000",
    }
    who = As.USER if known else As.OVN
    message = info.message.encode("utf-8", "surrogateescape")
    return git.run("commit-tree", "-p", parent, "-F", "-", tree, stdin=message, env=author, who=who).text
