"""Is the machine fit for a shift? Disk, git, identity, and the project's own checks.

A shift that starts on a full disk, or without a committer, fails hours later in a worse
place. Each check answers with one line for people; the caller decides what to do about it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ovn.errors import GitFailed, OvnError, Unhealthy
from ovn.frozen import dataclass
from ovn.git.run import As, Git

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from ovn.git.locate import Location

DISK_FLOOR = 200 * 10**6
"""Bytes that must be free: a checkpoint, its pack and the logs of an attempt fit in."""

INODE_FLOOR = 1000

Command = str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: one line, and what to do where it is not ``ok``."""

    name: str
    ok: bool
    text: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Ran:
    """How one of the project's own commands ended; ``words`` is the line that sums it up."""

    exit_code: int
    words: str


def disk(free: int, inodes: int | None, floor: int = DISK_FLOOR) -> Finding:
    """Judge what is free: bytes, and files where the file system counts them. Pure."""
    shown = f"{free // 10**6} MB free"
    if free < floor:
        hint = "free some space on the repository's disk"
        return Finding("disk", False, f"{shown}, less than {floor // 10**6} MB", hint)
    if inodes is not None and inodes < INODE_FLOOR:
        return Finding("disk", False, f"room for {inodes} more files only", "delete files on this disk")
    return Finding("disk", True, shown)


def disk_of(folder: Path, floor: int = DISK_FLOOR) -> Finding:
    """Look at the disk that holds ``folder``."""
    found = os.statvfs(folder)
    inodes = found.f_favail if found.f_files else None  # btrfs counts none
    return disk(found.f_bavail * found.f_frsize, inodes, floor)


def git(location: Location) -> Finding:
    """Ask git whether it can read the work tree and write the repository."""
    try:
        Git(location).run("rev-parse", "--verify", "--quiet", "HEAD^{tree}", ok=(0, 1))
        version = Git(location).run("--version").text.removeprefix("git version ")
    except GitFailed as error:
        return Finding("git", False, str(error), error.hint)
    if not os.access(location.common_dir, os.W_OK):
        return Finding("git", False, "the repository is read-only", "make it writable")
    return Finding("git", True, f"git {version}")


def identity(location: Location) -> Finding:
    """Ask git in whose name work commits will be made."""
    try:
        words = Git(location).run("var", "GIT_COMMITTER_IDENT", who=As.USER).text
    except OvnError:
        hint = "set 'git config user.name' and 'git config user.email'"
        return Finding("identity", False, "git does not know who commits", hint)
    return Finding("identity", True, words.rsplit(" ", 2)[0])


def own(commands: Iterable[Command], run: Callable[[Command], Ran]) -> list[Finding]:
    """Run the project's own checks (``commands.health``); each must end with 0."""
    found = []
    for command in commands:
        shown = command if isinstance(command, str) else " ".join(command)
        ran = run(command)
        text = f"'{shown}'" if ran.exit_code == 0 else f"'{shown}' gave {ran.exit_code}: {ran.words}"
        found.append(Finding("health", ran.exit_code == 0, text, None if ran.exit_code == 0 else "mend it"))
    return found


def look(location: Location, commands: Sequence[Command], run: Callable[[Command], Ran]) -> list[Finding]:
    """Return every finding, the built-in ones first."""
    return [disk_of(location.common_dir), git(location), identity(location), *own(commands, run)]


def demand(findings: Iterable[Finding]) -> None:
    """Raise Unhealthy (14) naming the first thing that is not well; the others are its facts."""
    wrong = [finding for finding in findings if not finding.ok]
    if not wrong:
        return
    first = wrong[0]
    raise Unhealthy(
        f"not fit for a shift: {first.name}: {first.text}",
        hint=first.hint,
        findings=[{"name": finding.name, "text": finding.text} for finding in wrong],
    )
