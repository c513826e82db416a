"""Where the repository is, and whether it is one we can work with."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
from pathlib import Path

from ovn import names
from ovn.errors import BareRepository, NotARepository, UnsupportedPlatform, UnsupportedRepository
from ovn.frozen import dataclass
from ovn.git import where
from ovn.git.disk import disk_errors

MINIMUM_GIT = (2, 38)
MAIN = "main"


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
        return MAIN if self.git_dir == self.common_dir else linked_key(self.git_dir.name)

    def tree(self) -> Path:
        """Return the work tree's top folder; raises BareRepository when there is none."""
        if self.top is None:
            raise BareRepository(f"'{self.git_dir}' has no work tree")
        return self.top


def linked_key(name: str) -> str:
    """Return the key of the linked work tree that git calls ``name``.

    A name that is taken or cannot be an id becomes ``linked-`` and the beginning of the blob id
    of the name: what ``git hash-object`` says, so that the hook shim finds the same.
    """
    if names.is_name(name) and name != MAIN:
        return name
    from ovn.git.encoding import object_id

    return "linked-" + object_id("blob", os.fsencode(name))[:10]


def locate(start: Path | None = None, asked: subprocess.Popen[bytes] | None = None) -> Location:
    """Return where the repository around ``start`` (default: here) lies; ``asked``: git was, about it.

    git itself is asked (2 ms), so that ``GIT_DIR``, ``-C``, ``safe.directory``, linked work
    trees and submodules mean what they mean to git. Raises NotARepository,
    UnsupportedRepository, and GitFailed's kin with git's own words for an unsafe owner.
    """
    try:
        asked = asked or where.ask(start)
    except FileNotFoundError as error:
        if start is not None and not Path(start).exists():
            raise NotARepository(f"no such folder: '{start}'") from error
        raise NotARepository("git is not installed", hint="install git 2.38 or later") from error
    except NotADirectoryError as error:
        raise NotARepository(f"not a folder: '{start}'") from error
    out, err = asked.communicate()
    match = _ANSWER.fullmatch(out.decode("utf-8", "surrogateescape"))
    if match is None:
        raise _refusal(err.decode(errors="replace").strip())
    if match["format"] != "sha1":
        raise UnsupportedRepository(
            f"the repository uses the object format '{match['format']}'",
            hint="git ovn works with sha1 repositories until libgit2 can read others",
        )
    here = Path(start) if start is not None else Path.cwd()
    git_dir, common, top = _folders(here, match["folders"], 3 if asked.returncode == 0 else 2)
    return Location(
        top=top if match["bare"] == "false" else None, git_dir=git_dir.resolve(), common_dir=common.resolve()
    )


_ANSWER = re.compile(r"(?P<bare>true|false)\n(?P<format>\w+)\n(?P<folders>/.*)\n", re.DOTALL)


def _folders(here: Path, text: str, count: int) -> tuple[Path, Path, Path | None]:
    """Return git folder, common folder (printed relative to ``here``) and top from their lines.

    A folder's name may hold newlines: of all ways to read the lines, the one that exists.
    """
    lines = text.split("\n")
    for cuts in itertools.combinations(range(1, len(lines)), count - 1):
        ends = zip((0, *cuts), (*cuts, len(lines)), strict=True)
        git_dir, common, *top = (here / "\n".join(lines[begin:end]) for begin, end in ends)
        if (git_dir / "HEAD").exists() and (common / "objects").is_dir() and all(map(Path.is_dir, top)):
            return git_dir, common, top[0] if top else None
    raise NotARepository(f"git names folders that are not there: {text!r}")


def branch(location: Location) -> str | None:
    """Return the full name of the branch that HEAD is on, unborn too; None when detached."""
    with disk_errors("cannot read HEAD"):
        head = (location.git_dir / "HEAD").read_bytes().rstrip(b"\n")
    return head[5:].decode("utf-8", "surrogateescape") if head.startswith(b"ref: ") else None


def git_version() -> tuple[int, ...]:
    """Return the version of the installed git, e.g. ``(2, 39, 5)``."""
    answer = subprocess.run(["git", "version"], capture_output=True, stdin=subprocess.DEVNULL, check=True)
    words = answer.stdout.decode(errors="replace").split()
    return tuple(int(part) for part in words[2].split(".")[:3] if part.isdigit())


def require_git() -> None:
    """Raise UnsupportedPlatform when the installed git is older than the oldest we work with."""
    version = git_version()
    if version < MINIMUM_GIT:
        oldest, found = (".".join(map(str, numbers)) for numbers in (MINIMUM_GIT, version))
        raise UnsupportedPlatform(f"git {found} is too old", hint=f"install git {oldest} or later")


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
