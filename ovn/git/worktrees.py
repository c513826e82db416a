"""The user's branches, commits and linked work trees: what git ovn does to them, and only when told."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ovn import host, names
from ovn.errors import CommitRefused, GitFailed, GitTimeout, NotFound, OperationInProgress, Refused
from ovn.frozen import dataclass
from ovn.git import filters, inprogress, meta, treeedit, writing
from ovn.git import index as indexes
from ovn.git.disk import disk_errors
from ovn.git.glance import uncommitted
from ovn.git.locate import Location, branch, locate
from ovn.git.run import As

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ovn.git.objects import ObjectStore
    from ovn.git.run import Git
    from ovn.git.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Facts:
    """What a work tree is like: ``clean`` but for ignored files, where HEAD is, what is in progress."""

    clean: bool
    head: str | None
    branch: str | None
    operation: str | None
    unmerged: tuple[bytes, ...]
    nested: tuple[bytes, ...]


def facts(git: Git, *, trusted: bool = False) -> Facts:
    """Return what the work tree is like; nested repositories, which no commit takes, count as clean.

    ``trusted``: as for ``uncommitted``.
    """
    found = uncommitted(git, trusted=trusted)
    nested = tuple(path for path in found.untracked if path.endswith(b"/"))
    clean = not (found.changed or found.unmerged or len(found.untracked) > len(nested))
    return Facts(
        clean=clean,
        head=found.head,
        branch=branch(git.location),
        operation=inprogress.operation(git.location.git_dir),
        unmerged=tuple(found.unmerged),
        nested=nested,
    )


def switch(git: Git, branch: str, *, create: bool = False) -> None:
    """Switch to a branch (``create``: a new one at HEAD), the user's hooks running.

    Files that differ stay as they are; raises GitFailed with git's words where that cannot be.
    """
    git.run("switch", "--no-guess", *(["--create"] if create else []), branch, who=As.USER)


def move_branch(git: Git, new: str, expected: str, reason: str) -> None:
    """Move what HEAD is on (its branch, or HEAD itself) from ``expected`` to ``new``, reflogs written.

    Files and index stay. Raises GitFailed when it is not at ``expected``.
    """
    git.run("update-ref", "-m", reason, "HEAD", new, expected)


def commit_all(
    git: Git,
    objects: ObjectStore,
    shot: Snapshot,
    message: str,
    *,
    env: Mapping[str, str] | None = None,
    timeout: float = 600,
) -> str | None:
    """Commit all that ``shot``, just taken, holds, as the user would; return the commit, None for nothing.

    The user's hooks, identity and signing, with stdin closed. What the snapshot left out and what
    git was told not to look at (assume-unchanged, skip-worktree) stays uncommitted. Raises
    CommitRefused with the hooks' words, GitTimeout, OperationInProgress, Locked; then the index is
    as before, and files are as the hooks left them.
    """
    if shot.operation not in (None, "bisect"):
        raise OperationInProgress(
            f"a {shot.operation} is in progress",
            hint=f"finish it, or end it with 'git {shot.operation} --abort'",
        )
    with indexes.private_folder(git.location) as folder:
        before, new = folder / "before", folder / "new"
        there = indexes.copy(git.location, before)
        if _stage(git, objects, shot, new) == (objects.commit(shot.head).tree if shot.head else None):
            return None
        _install(git.location, folder / "first", new)
        started = time.time()
        try:
            git.run(
                *("commit", "--quiet", "-F", "-"),
                stdin=message.encode("utf-8", "surrogateescape"),
                who=As.USER,
                env=env,
                timeout=timeout,
            )
        except GitFailed as error:
            if isinstance(error, GitTimeout):
                _unlock(git.location, started)
            _put_back(git.location, folder, before if there else None)
            if isinstance(error, GitTimeout):
                raise
            words = str(error.facts.get("stderr") or error)
            raise CommitRefused(f"the commit was refused: {words.splitlines()[-1]}", output=words) from error
    return objects.resolve("HEAD", peel=True)


def _stage(git: Git, objects: ObjectStore, shot: Snapshot, new: Path) -> str:
    """Make ``new`` an index of all in the snapshot; return its tree."""
    rows = [row for row in meta.parse(objects, shot.meta_tree).rows if not row.stage]
    tree, trees = treeedit.edit(objects.tree, shot.tree, {row.path: row.entry for row in rows})
    for data in trees.values():
        objects.write("tree", data)
    writing.build_index(git, tree, meta.Meta(tuple(rows)), new)
    return tree


def _install(location: Location, room: Path, new: Path) -> None:
    room.mkdir()
    with indexes.index_lock(location, room) as lock:
        lock.install(new)


def _unlock(location: Location, since: float) -> None:
    """Remove the lock that our own git, ended for its time, left behind; nobody has it open."""
    lock = location.git_dir / "index.lock"
    with suppress(FileNotFoundError):
        if lock.stat().st_mtime >= since - 1 and not host.processes_with_open(lock):
            lock.unlink()


def _put_back(location: Location, folder: Path, before: Path | None) -> None:
    """Make the index what it was."""
    if before is not None:
        _install(location, folder / "second", before)
    else:
        with disk_errors("cannot put the index back"):
            (location.git_dir / "index").unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Linked:
    """A work tree of the repository; ``branch`` is a full ref, ``gone`` says its folder is missing."""

    path: Path
    head: str | None
    branch: str | None
    locked: bool
    gone: bool


def linked(git: Git) -> list[Linked]:
    """Return the repository's work trees, the main one first."""
    found = []
    for block in git.run("worktree", "list", "--porcelain", "-z").out.split(b"\0\0"):
        lines = dict(line.partition(b" ")[::2] for line in block.strip(b"\0").split(b"\0"))
        if b"worktree" not in lines:
            continue
        head, branch = lines.get(b"HEAD", b"").decode(), lines.get(b"branch")
        found.append(
            Linked(
                path=Path(os.fsdecode(lines[b"worktree"])),
                head=head if head.strip("0") else None,
                branch=os.fsdecode(branch) if branch else None,
                locked=b"locked" in lines,
                gone=b"prunable" in lines,
            )
        )
    return found


def add(git: Git, path: Path, *, branch: str | None = None, at: str = "HEAD") -> Location:
    """Make a linked work tree at ``path``: on a new ``branch``, or detached; return where it lies."""
    how = ["-b", branch, "--no-track"] if branch else ["--detach"]
    git.run("worktree", "add", "--quiet", *how, "--", str(path), at)
    return locate(path)


def remove(git: Git, path: Path, *, force: bool = False) -> None:
    """Remove a linked work tree; raises Refused when it holds work, unless ``force``."""
    known = {one.path.resolve() for one in linked(git)[1:]}
    if path.resolve() not in known:
        raise NotFound(f"no linked work tree at '{path}'")
    try:
        git.run("worktree", "remove", *(["--force"] if force else []), "--", str(path))
    except GitFailed as error:
        if not force and "--force" in str(error.facts.get("stderr", "")):
            raise Refused(f"the work tree '{path}' holds uncommitted work", hint="commit it first") from error
        raise


@contextmanager
def worktree_at(git: Git, commit: str, *, trusted: bool = False) -> Iterator[Location]:
    """Give a clean linked work tree of ``commit``, removed at the end with all that was made in it.

    Not ``trusted``: files that filters of the repository's own configuration make are as git stores them.
    """
    git = filters.guard(git, trusted=trusted).git
    with disk_errors("cannot make a work tree"):
        parent = git.location.local / "worktrees"
        parent.mkdir(parents=True, exist_ok=True)
        path = Path(tempfile.mkdtemp(prefix=f"{names.LOCAL_FOLDER}-", dir=parent))
    try:
        yield add(git, path, at=commit)
    finally:
        with suppress(GitFailed):
            git.run("worktree", "remove", "--force", "--force", "--", str(path))
        shutil.rmtree(path, ignore_errors=True)
        git.run("worktree", "prune")
