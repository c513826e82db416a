"""Where the repository is, and whether it is one we can work with."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ovn import names
from ovn.errors import BareRepository, NotARepository, UnsupportedRepository

MINIMUM_GIT = (2, 38)


@dataclass(frozen=True, slots=True)
class Location:
    """The folders of one work tree: ``top`` (None when bare), its git folder, the shared one."""

    top: Path | None
    git_dir: Path
    common_dir: Path

    @property
    def local(self) -> Path:
        """``.git/ovn/``: what this machine knows; shared by all linked work trees."""
        return self.common_dir / names.LOCAL_FOLDER

    @property
    def worktree(self) -> str:
        """The work tree's key: ``main``, or the name git gave to a linked one."""
        return "main" if self.git_dir == self.common_dir else self.git_dir.name

    def tree(self) -> Path:
        """Return the work tree's top folder; raises BareRepository when there is none."""
        if self.top is None:
            raise BareRepository(f"'{self.git_dir}' has no work tree")
        return self.top


def locate(start: Path | None = None) -> Location:
    """Return where the repository around ``start`` (default: here) lies.

    git itself is asked (2 ms), so that ``GIT_DIR``, ``-C``, ``safe.directory``, linked work
    trees and submodules mean what they mean to git. Raises NotARepository,
    UnsupportedRepository, and GitFailed's kin with git's own words for an unsafe owner.
    """
    question = ["git", "rev-parse", "--absolute-git-dir", "--git-common-dir", "--is-bare-repository"]
    question += ["--is-inside-work-tree", "--show-object-format"]
    try:
        answer = subprocess.run(
            question, cwd=start, capture_output=True, stdin=subprocess.DEVNULL, check=False
        )
    except FileNotFoundError as error:
        raise NotARepository("git is not installed", hint="install git 2.38 or later") from error
    except NotADirectoryError as error:
        raise NotARepository(f"not a folder: '{start}'") from error
    if answer.returncode != 0:
        raise _refusal(answer.stderr.decode(errors="replace").strip())
    git_dir, common, bare, inside, object_format = answer.stdout.decode(
        "utf-8", "surrogateescape"
    ).splitlines()
    location = _location(start, Path(git_dir), common, bare=bare == "true", inside=inside == "true")
    if object_format != "sha1":
        raise UnsupportedRepository(
            f"the repository uses the object format '{object_format}'",
            hint="git ovn works with sha1 repositories until libgit2 can read others",
        )
    return location


def _location(start: Path | None, git_dir: Path, common: str, *, bare: bool, inside: bool) -> Location:
    here = Path(start) if start is not None else Path.cwd()
    common_dir = Path(os.path.normpath(here / common)).resolve()
    top = _top(start, inside=inside) if not bare else None
    return Location(top=top, git_dir=git_dir.resolve(), common_dir=common_dir)


def _top(start: Path | None, *, inside: bool) -> Path | None:
    if not inside:  # started in .git itself: the work tree is the folder around it, if git says so
        return None
    answer = subprocess.run(
        ["git", "rev-parse", "--show-toplevel"],
        cwd=start,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=True,
    )
    return Path(answer.stdout.decode("utf-8", "surrogateescape").removesuffix("\n"))


def _refusal(stderr: str) -> NotARepository | UnsupportedRepository:
    """Tell 'no repository' from 'one that this git cannot read', keeping git's own words."""
    words = stderr.removeprefix("fatal: ")
    if "not a git repository" in words:
        return NotARepository("not a git repository")
    if "dubious ownership" in words:
        return NotARepository(
            words.splitlines()[0],
            hint="add it to safe.directory in your own git configuration if you trust it",
        )
    if "extension" in words or "repository version" in words or "repository format" in words:
        return UnsupportedRepository(words.splitlines()[0])
    return NotARepository(words.splitlines()[0] if words else "not a git repository")
