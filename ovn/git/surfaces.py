"""What git itself would run here: hooks, and settings that name programs. Taken, compared, put back.

An agent in a sandbox may still write ``.git/config`` and ``.git/hooks``; whoever runs git outside
of the sandbox afterwards runs what it wrote there. So what stood there before an agent began is
what may run, and nothing else.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from typing import TYPE_CHECKING

from ovn.frozen import dataclass
from ovn.git import settings
from ovn.git.run import Git

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from ovn.git.locate import Location

LARGEST = 1 << 20
"""Bytes of a hook that are kept; a larger one is compared by its size and time."""

PROGRAMS = re.compile(
    r"(core\.(hookspath|fsmonitor|editor|sshcommand|askpass|gitproxy|pager|alternaterefscommand|worktree)"
    r"|sequence\.editor|pager\..+|credential\.(.+\.)?helper|diff\.external|diff\..+\.(command|textconv)"
    r"|interactive\.difffilter|merge\..+\.driver|filter\..+\.(clean|smudge|process)"
    r"|gpg\.(.+\.)?(program|defaultkeycommand)|trailer\..+\.(cmd|command)"
    r"|remote\..+\.(uploadpack|receivepack|vcs|proxy)|url\..+\.(insteadof|pushinsteadof)"
    r"|gc\.recentobjectshook|uploadpack\.packobjectshook|alias\..+|include(if\..+)?\.path"
    r"|submodule\..+\.update|(man|browser|difftool|mergetool)\..+\.(cmd|path)|(commit|tag)\.gpgsign)\Z"
)
"""Keys (as git lists them) whose value is a program, or says which file or program is used."""


@dataclass(frozen=True, slots=True)
class File:
    """A file as it was: its bytes (of a link its target), and its mode."""

    data: bytes
    mode: int


@dataclass(frozen=True, slots=True)
class Surfaces:
    """Settings that name programs, by the repository's own file and as git resolves them; its hooks."""

    config: Mapping[str, tuple[tuple[str, str | None], ...]]
    programs: frozenset[tuple[str, str | None]]
    hooks: Mapping[str, File]


def take(location: Location) -> Surfaces:
    """Return what git would run in a work tree, as it is now."""
    own = settings.read(location).own
    programs = frozenset((key, value) for key, value in own if PROGRAMS.match(key))
    folders = [location.common_dir / "hooks"]
    folders += [_below(location, value) for key, value in own if key == "core.hookspath" and value]
    hooks = {str(path): found for folder in folders for path, found in _files(folder)}
    places = (location.common_dir / "config", location.git_dir / "config.worktree")
    config = {str(path): _named_in(Git(location), path) for path in places}
    return Surfaces(config, programs, hooks)


def differences(before: Surfaces, now: Surfaces) -> list[str]:
    """Return what git would run now and would not have before, or not so: paths and keys. Pure."""
    keys = {key for key, _ in before.programs ^ now.programs}
    paths = before.hooks.keys() | now.hooks.keys()
    changed = [path for path in paths if before.hooks.get(path) != now.hooks.get(path)]
    return sorted(changed) + sorted(keys)


def put_back(location: Location, before: Surfaces, now: Surfaces, aside: Path) -> None:
    """Make hooks and settings in the git folder what they were; what was there goes to ``aside``.

    Settings that name no program stay as they are: somebody else may have made them meanwhile.

    A hook in the work tree, where ``core.hooksPath`` leads there, is the work's own and stays.
    """
    for path in sorted(before.config.keys() | now.config.keys()):
        old, new = before.config.get(path, ()), now.config.get(path, ())
        if old != new:
            _keep_copy(path, aside)
            _set(Git(location), path, old, new)
    for path in sorted(before.hooks.keys() | now.hooks.keys()):  # a folder before what lies in it
        if before.hooks.get(path) != now.hooks.get(path):
            _write(location, path, before.hooks.get(path), aside)


def _named_in(git: Git, path: Path) -> tuple[tuple[str, str | None], ...]:
    """Return the settings in a file that name programs, in its order; none where there is no file."""
    if not path.is_file():
        return ()
    answer = git.run("config", "--file", str(path), "--no-includes", "--list", "-z")
    items = [item.partition("\n") for item in answer.out.decode("utf-8", "surrogateescape").split("\0")[:-1]]
    return tuple((key, value if equals else None) for key, equals, value in items if PROGRAMS.match(key))


def _set(
    git: Git, path: str, old: Sequence[tuple[str, str | None]], new: Sequence[tuple[str, str | None]]
) -> None:
    """Make those settings of a file what they were, and leave the others alone."""
    changed = {key for key, _ in set(old) ^ set(new)}
    for key in sorted(changed):
        git.run("config", "--file", path, "--unset-all", key, ok=(0, 5))
        for value in [value for name, value in old if name == key]:
            git.run("config", "--file", path, "--add", key, "true" if value is None else value)


def _keep_copy(path: str, aside: Path) -> None:
    aside.mkdir(parents=True, exist_ok=True, mode=0o700)
    shutil.copyfile(path, aside / path.rsplit("/", 1)[-1])


def _below(location: Location, value: str) -> Path:
    """Return a hooks folder as git finds it: below the work tree, unless it is absolute."""
    return location.tree() / os.path.expanduser(value)  # noqa: PTH111 - may be no path at all


def _files(folder: Path) -> Iterator[tuple[Path, File]]:
    """Yield what lies in a folder; a link in a folder's place is one file itself."""
    if folder.is_symlink():
        found = _file(folder)
        if found is not None:
            yield folder, found
    elif folder.is_dir():
        for path in sorted(folder.iterdir()):
            found = _file(path)
            if found is not None and not path.name.endswith(".sample"):
                yield path, found


def _file(path: Path) -> File | None:
    try:
        there = path.lstat()
        if stat.S_ISLNK(there.st_mode):
            return File(os.fsencode(path.readlink()), there.st_mode)
        if not stat.S_ISREG(there.st_mode):
            return None
        if there.st_size > LARGEST:
            return File(f"{there.st_size} {there.st_mtime_ns}".encode(), there.st_mode)
        return File(path.read_bytes(), there.st_mode)
    except FileNotFoundError:
        return None


def _write(location: Location, path: str, wanted: File | None, aside: Path) -> None:
    """Put one file back, or take it away, where it lies in the git folder."""
    place = location.common_dir.parent / path
    if not any(place.is_relative_to(folder) for folder in (location.common_dir, location.git_dir)):
        return
    aside.mkdir(parents=True, exist_ok=True, mode=0o700)
    if place.parent.is_symlink():  # never write through it
        place.parent.replace(aside / f"{place.parent.name}.link")
    if os.path.lexists(place):
        place.replace(aside / place.name)
    if wanted is None:
        return
    place.parent.mkdir(exist_ok=True)
    if stat.S_ISLNK(wanted.mode):
        place.symlink_to(os.fsdecode(wanted.data))
        return
    scratch = place.with_name(f"{place.name}.ovn")
    fd = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, stat.S_IMODE(wanted.mode))
    try:
        os.write(fd, wanted.data)
        os.fchmod(fd, stat.S_IMODE(wanted.mode))
    finally:
        os.close(fd)
    scratch.replace(place)
