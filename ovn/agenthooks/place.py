"""Where a hook runs and for whom, found without git: a few small files are read.

As the shim of git's hooks does. ``ovn.git.locate`` asks git itself, which costs a process.
"""

from __future__ import annotations

import os

from ovn import active, names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ovn.active import Active


class Place:
    """The work tree's top, ``.git/ovn``, the tree's key, the session at work there (None: nobody)."""

    __slots__ = ("active", "environ", "local", "top", "worktree")

    def __init__(self, top: str, local: str, worktree: str, environ: Mapping[str, str]) -> None:
        self.top = top
        self.local = local
        self.worktree = worktree
        self.environ = environ
        self.active: Active | None = active.read(local, worktree)

    @property
    def session(self) -> str | None:
        """The session whose process this is; None for nobody's, which is left alone.

        A run's processes carry it; of a shift begun by hand everything in its tree is own.
        """
        told = self.environ.get(names.ENV_SESSION)
        if told:
            return told if names.is_name(told) else None
        if self.active is not None and self.active.owns(None):
            return self.active.session
        return None

    @property
    def at_work(self) -> bool:
        """Whether our session still works here: its handoff ends that."""
        return self.active is not None and self.active.session == self.session

    @property
    def protect(self) -> bool:
        """Whether the registry is guarded."""
        return self.active is None or self.active.protect

    def file(self, folder: str, name: str) -> str:
        """Return the path of a file in a folder of ``.git/ovn``, which exists afterwards."""
        path = os.path.join(self.local, folder)
        os.makedirs(path, exist_ok=True)
        return os.path.join(path, name)


def find(folder: str, environ: Mapping[str, str]) -> Place | None:
    """Return the work tree around a folder; None where there is none that git ovn knows."""
    top = os.path.abspath(folder)
    while not os.path.lexists(os.path.join(top, ".git")):
        above = os.path.dirname(top)
        if above == top:
            return None
        top = above
    git_dir = os.path.join(top, ".git")
    if os.path.isfile(git_dir):
        git_dir = os.path.join(top, _line(git_dir).removeprefix("gitdir: "))
    common, key = git_dir, "main"
    if os.path.isfile(os.path.join(git_dir, "commondir")):
        common = os.path.join(git_dir, _line(os.path.join(git_dir, "commondir")))
        key = _key(os.path.basename(git_dir))
    local = os.path.join(os.path.realpath(common), names.LOCAL_FOLDER)
    return Place(top, local, key, environ) if os.path.isdir(local) else None


def _key(name: str) -> str:
    if names.is_name(name) and name != "main":
        return name
    from ovn.git.locate import linked_key  # slow, and for names that nobody gives

    return linked_key(name)


def _line(path: str) -> str:
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.readline(4096).rstrip("\n")
