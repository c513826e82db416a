"""Where a night works: a new branch in this work tree, an existing one, or a work tree of its own.

Looks first, refuses by name, then does one thing to the user's branches; nothing of theirs is
moved or committed. Their uncommitted files are kept in a checkpoint where they allow them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ovn import checkpoints, names
from ovn.errors import NeedsPerson, OperationInProgress, Refused, UsageError
from ovn.frozen import dataclass
from ovn.git import worktrees
from ovn.git.run import Git
from ovn.shift.manual import manual_session
from ovn.state.store import StateStore

if TYPE_CHECKING:
    from ovn.git.locate import Location
    from ovn.git.worktrees import Facts


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the caller asked for: at most one of ``current``, ``branch`` and ``worktree``.

    ``worktree`` is "" for a folder beside the repository.
    """

    current: bool = False
    branch: str | None = None
    worktree: str | None = None
    allow_dirty: bool = False

    def __post_init__(self) -> None:
        chosen = [self.current, self.branch is not None, self.worktree is not None]
        if sum(chosen) > 1:
            raise UsageError("--current-branch, --branch and --worktree exclude each other")


@dataclass(frozen=True, slots=True)
class Ground:
    """Where it works: the place, the full ref of its branch, HEAD's commit, what a person must know."""

    location: Location
    branch: str
    base: str
    said: tuple[str, ...] = ()


def take(store: StateStore, wanted: Wanted, run: str, limits: checkpoints.Limits) -> Ground:
    """Prepare the ground of a new run. Raises Refused, NeedsPerson, OperationInProgress, UsageError."""
    git = Git(store.location)
    found = worktrees.facts(git, trusted=limits.trusted)
    if found.head is None:
        raise NeedsPerson("this repository has no commit yet", hint="make the first commit yourself")
    if wanted.worktree is not None:
        return _apart(git, wanted.worktree, run, found.head)
    said = _here(store, found, wanted, limits)
    if wanted.current:
        if found.branch is None:
            raise NeedsPerson("HEAD is on no branch", hint="leave out --current-branch for a new one")
        return Ground(store.location, found.branch, found.head, said)
    return _switched(git, wanted.branch or names.NIGHT_BRANCHES + run, found.head, said)


def _here(store: StateStore, found: Facts, wanted: Wanted, limits: checkpoints.Limits) -> tuple[str, ...]:
    """Refuse a work tree that is not ready for a night; keep what is dirty where that is allowed."""
    if found.operation is not None:
        raise OperationInProgress(
            f"a {found.operation} is in progress", hint=f"finish it, or 'git {found.operation} --abort'"
        )
    if found.clean:
        return ()
    if not wanted.allow_dirty:
        raise Refused(
            "there is uncommitted work in this work tree",
            hint="commit it, use --worktree, or --allow-dirty to keep it in a checkpoint and go on",
        )
    request = checkpoints.Request(
        manual_session(store), label="before-night", text="uncommitted before the night"
    )
    taken = checkpoints.take(store, request, limits).checkpoint
    return (f"uncommitted work of {taken.changed} paths is kept as {taken.tag}; it stays in the files",)


def _switched(git: Git, branch: str, head: str, said: tuple[str, ...]) -> Ground:
    there = git.run("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}^{{commit}}", ok=(0, 1))
    worktrees.switch(git, branch, create=there.code != 0)
    base = git.run("rev-parse", "HEAD").text if there.code == 0 else head
    return Ground(git.location, f"refs/heads/{branch}", base, said)


def _apart(git: Git, folder: str, run: str, head: str) -> Ground:
    """Make a linked work tree, or work in the one that is there already."""
    top = git.location.tree()
    path = Path(folder).resolve() if folder else top.parent / f"{top.name}-night-{run}"
    if any(one.path.resolve() == path.resolve() for one in worktrees.linked(git)):
        raise Refused(f"'{path}' is a work tree already", hint=f"run it there: git -C '{path}' ovn run")
    if path.exists() and any(path.iterdir()):
        raise Refused(f"'{path}' is not empty", hint="name another folder with --worktree DIR")
    branch = names.NIGHT_BRANCHES + run
    location = worktrees.add(git, path, branch=branch, at=head)
    said = (f"the night works in '{path}'; remove it with 'git worktree remove' when it is merged",)
    return Ground(location, f"refs/heads/{branch}", head, said)


def of_run(store: StateStore, branch: str | None) -> None:
    """Check that a run taken up again still stands on its branch. Raises NeedsPerson."""
    now = worktrees.facts(Git(store.location)).branch
    if now != branch:
        short = (branch or "").removeprefix("refs/heads/")
        raise NeedsPerson(
            f"the night's branch is '{short}', which is not checked out here", hint=f"git switch {short}"
        )


def linked_store(ground: Ground, store: StateStore) -> StateStore:
    """Return the store of the ground's work tree: the same state, another place."""
    if ground.location == store.location:
        return store
    return StateStore.open(ground.location, store.clock)
