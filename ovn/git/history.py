"""Commits taken back by new ones, made of objects alone: no work tree, no index, no ref moves.

A commit is inverted by a merge whose base is that commit, with the tip on one side and the
commit's parent on the other: ``git merge-tree`` does it among objects, renames and all. Its
``--merge-base`` came only with git 2.40, so two scratch commits on top of the base stand for
the sides. A conflict leaves the repository as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn import names
from ovn.errors import Conflict, GitFailed, NotFound
from ovn.git import filters, trailers
from ovn.git.encoding import EMPTY_TREE
from ovn.git.paths import quote
from ovn.git.run import As

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ovn.git.encoding import CommitInfo
    from ovn.git.objects import ObjectStore
    from ovn.git.run import Git


def published(objects: ObjectStore, base: str | None, tip: str) -> list[str]:
    """Return the commits between ``base`` and ``tip`` that a remote-tracking branch has, newest first."""
    remote = list(objects.refs("refs/remotes/").values())
    hidden = [base] if base else []
    between = [commit.oid for commit in objects.walk([tip], hide=hidden)]
    unpublished = {commit.oid for commit in objects.walk([tip], hide=[*hidden, *remote])}
    return [oid for oid in between if oid not in unpublished]


def invert(
    git: Git,
    objects: ObjectStore,
    commits: Sequence[str],
    onto: str,
    *,
    when: datetime,
    more: Sequence[tuple[str, str]] = (),
    trusted: bool = True,
) -> list[str]:
    """Return new commits on top of ``onto`` that take ``commits`` back, in that order (newest first).

    A merge is inverted against its first parent, and what it brought with it: its inverse names
    them all. One whose changes are gone already gives no commit. ``more`` are trailers for each.
    Nothing refers to the result yet (use gc_guard).
    Raises Conflict naming commit and paths, NotTrusted for a merge driver of the repository's own.
    """
    guard = filters.guard(git, trusted=trusted, attribute="merge")
    made: list[str] = []
    tip = onto
    gone: set[str] = set()
    for oid in commits:
        if oid in gone:
            continue
        info = objects.commit(oid)
        with_it = _brought(objects, info, commits)
        gone |= with_it
        before = objects.commit(info.parents[0]).tree if info.parents else EMPTY_TREE
        guard.check(change.path for change in objects.changes(before, info.tree))
        tree = _merged(git, objects, tip, info, before=before, when=when)
        if tree == objects.commit(tip).tree:
            continue
        body = f'Revert "{info.subject}"\n\nThis reverts commit {oid}.\n'
        taken = [oid, *(one for one in commits if one in with_it)]
        message = trailers.add(body, [*more, *((names.TRAILER_REVERTS, one) for one in taken)])
        tip = commit_tree(git, tree, [tip], message)
        made.append(tip)
    return made


def _brought(objects: ObjectStore, info: CommitInfo, among: Sequence[str]) -> set[str]:
    """Return those of ``among`` that came in by a merge; none for another commit."""
    if len(info.parents) < 2:
        return set()
    first, *rest = info.parents
    return {commit.oid for commit in objects.walk(rest, hide=[first])} & set(among)


def inverse_of_range(
    git: Git, objects: ObjectStore, old: str, new: str, *, more: Sequence[tuple[str, str]] = ()
) -> str:
    """Return one commit on top of ``new`` whose tree is that of ``old``: cannot conflict.

    Its message names every commit that it takes back. Raises NotFound when ``old`` is no
    ancestor of ``new``.
    """
    if not objects.is_ancestor(old, new):
        raise NotFound(f"commit '{old}' is not in the history of '{new}'")
    dropped = list(objects.walk([new], hide=[old]))
    listing = "".join(f"  {commit.oid[:12]} {commit.subject}\n" for commit in dropped)
    subject = f"Revert {len(dropped)} commits" if len(dropped) > 1 else f'Revert "{dropped[0].subject}"'
    lines = [*more, *((names.TRAILER_REVERTS, commit.oid) for commit in dropped)]
    message = trailers.add(f"{subject}\n\nBack to the tree of {old}; taken back are:\n\n{listing}", lines)
    return commit_tree(git, objects.commit(old).tree, [new], message)


def commit_tree(git: Git, tree: str, parents: Sequence[str], message: str) -> str:
    """Store a commit by the user, or by git ovn where no identity is configured; return its id."""
    known = git.run("var", "GIT_COMMITTER_IDENT", who=As.USER, ok=(0, 128)).code == 0
    above = [part for parent in parents for part in ("-p", parent)]
    who = As.USER if known else As.OVN
    return git.run("commit-tree", *above, "-F", "-", tree, stdin=_encoded(message), who=who).text


def _encoded(message: str) -> bytes:
    return message.encode("utf-8", "surrogateescape")


def _merged(
    git: Git, objects: ObjectStore, tip: str, info: CommitInfo, *, before: str, when: datetime
) -> str:
    """Return the tree of ``tip`` without the changes of a commit. Raises Conflict."""
    tree, named = merged_trees(git, objects, info.tree, objects.commit(tip).tree, before, when=when)
    if tree is not None:
        return tree
    raise Conflict(
        f"commit '{info.oid[:12]}' ({info.subject}) cannot be taken back: later commits changed "
        f"{', '.join(named[:5])}{' ...' if len(named) > 5 else ''}",
        hint="take the later commits back first, or revert it by hand",
        commit=info.oid,
        paths=named,
    )


def merged_trees(
    git: Git, objects: ObjectStore, base: str, ours: str, theirs: str, *, when: datetime
) -> tuple[str | None, list[str]]:
    """Return the tree that has the changes of both sides since ``base``; None and the paths in conflict.

    Raises GitFailed when git cannot tell.
    """
    common = objects.write_commit(base, [], "base", when=when)
    sides = [
        objects.write_commit(tree, [common], word, when=when)
        for tree, word in ((ours, "ours"), (theirs, "theirs"))
    ]
    answer = git.run("merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", *sides, ok=(0, 1))
    tree, *paths = answer.paths()
    if answer.code == 0:
        return tree.decode(), []
    if len(tree) != 40:
        raise GitFailed("git cannot merge these trees", stderr=answer.err.decode(errors="replace"))
    return None, sorted({quote(path) for path in paths if path})
