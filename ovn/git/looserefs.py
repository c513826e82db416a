"""Refs of the plain kind, read and moved as files; whatever is odd is left to libgit2.

The files backend (gitrepository-layout, refs/files-backend.c): a ref is the file of its name,
else a line of ``packed-refs``; who holds ``NAME.lock`` may change it. A loose one is looked at
first, since ``git pack-refs`` writes the packed one before it removes the other.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from ovn import names
from ovn.errors import Locked
from ovn.git.basis import is_ours, moved
from ovn.git.disk import disk_errors
from ovn.git.run import IDENTITY
from ovn.host import sync_path

if TYPE_CHECKING:
    from pathlib import Path

    from ovn.git.locate import Location

_PLAIN = re.compile(r"HEAD|refs(/(?!\.)[A-Za-z0-9._@+=-]+)+")
_REFUSED = ("..", "@{", "./", ".lock", "refs/bisect/", "refs/worktree/", "refs/rewritten/")
"""What git takes in no name, and what lies elsewhere in a linked work tree."""

_OID = re.compile(rb"([0-9a-f]{40})\n?")
_PACKED = re.compile(rb"^([0-9a-f]{40}) (refs/[^\n]+)$", re.MULTILINE)
_DEPTH = 5
"""Symbolic refs that git follows one after the other."""


class Odd(Exception):
    """Not a plain case."""


def target(location: Location, name: str) -> str | None:
    """Return the id that a ref means, symbolic ones followed; None when there is none. Raises Odd."""
    for _ in range(_DEPTH):
        _must_be_plain(name)
        content = _content(location, name)
        if content is None or not content.startswith(b"ref: "):
            return _oid(content) if content is not None else _packed(location).get(name)
        name = content[5:].strip().decode("utf-8", "surrogateescape")
    raise Odd(name)


def below(location: Location, prefix: str) -> dict[str, str]:
    """Return all refs whose full name begins with ``prefix``, by name, sorted. Raises Odd."""
    folder = location.common_dir / prefix.rpartition("/")[0]
    loose = {}
    for name in _files(folder, prefix.rpartition("/")[0] + "/"):
        content = _content(location, name) if name.startswith(prefix) else None
        if content is not None:
            loose[name] = _oid(content)
    packed = {name: oid for name, oid in _packed(location).items() if name.startswith(prefix)}
    return dict(sorted((packed | loose).items()))


def move(location: Location, ref: str, new: str, expected: str | None, reason: str) -> None:
    """Move one of our refs from ``expected`` to ``new``, synced; None: it must not exist.

    Raises RefMoved, Locked, Odd, NoSpace, ReadOnlyRepository; then it is where it was.
    """
    log = location.common_dir / "logs" / ref
    _must_be_plain(ref)
    if not is_ours(ref) or not (log.exists() or ref != names.STATE_REF):
        raise Odd(ref)  # a branch may need its first reflog, which is a question of configuration
    path = location.common_dir / ref
    lock = path.with_name(path.name + ".lock")
    with disk_errors(f"cannot move ref '{ref}'"):
        with os.fdopen(_lock(path, lock), "wb") as file:
            try:
                _expect(location, ref, expected)
                file.write(new.encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
                _tell(log, expected, new, reason)
                _install(file.fileno(), lock, path)
            except BaseException:
                if _is_still(lock, file.fileno()):
                    lock.unlink(missing_ok=True)
                raise
        try:
            sync_path(path.parent)
        except FileNotFoundError:  # 'git pack-refs' took ref and folder away a moment later
            sync_path(location.common_dir / "packed-refs")
            sync_path(location.common_dir)


def _must_be_plain(name: str) -> None:
    if not _PLAIN.fullmatch(name) or name.endswith(".") or any(part in name for part in _REFUSED):
        raise Odd(name)


def _expect(location: Location, ref: str, expected: str | None) -> None:
    content = _content(location, ref)
    found = _oid(content) if content is not None else _packed(location).get(ref)
    if found != expected:
        raise moved(ref, found, expected)


def _lock(path: Path, lock: Path) -> int:
    while True:
        try:
            return os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except FileExistsError as error:
            raise Locked(f"failed to lock file '{lock}'", path=str(lock)) from error
        except FileNotFoundError:
            _make_folder(path.parent)  # also when 'git pack-refs' has just removed it
        except NotADirectoryError as error:
            raise Odd(str(path)) from error


def _make_folder(folder: Path) -> None:
    with suppress(FileExistsError):
        try:
            folder.mkdir()
        except FileNotFoundError:
            _make_folder(folder.parent)
            folder.mkdir()
        except NotADirectoryError as error:
            raise Odd(str(folder)) from error
        sync_path(folder.parent)


def _install(fd: int, lock: Path, path: Path) -> None:
    """Give the lock file its ref's name.

    Whoever was stopped for longer than a second may have been taken for dead, and the lock be
    another's by now. Raises Locked, Odd.
    """
    gone = f"the lock '{lock}' was taken for a dead process'"
    if not _is_still(lock, fd):
        raise Locked(gone, path=str(lock))
    try:
        lock.rename(path)
    except FileNotFoundError as error:
        raise Locked(gone, path=str(lock)) from error
    except IsADirectoryError as error:  # empty, or with refs in it
        raise Odd(str(path)) from error


def _is_still(lock: Path, fd: int) -> bool:
    try:
        return os.path.samestat(lock.stat(), os.fstat(fd))
    except FileNotFoundError:
        return False


def _tell(log: Path, old: str | None, new: str, reason: str) -> None:
    """Add a line to the reflog, where there is one."""
    try:
        fd = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    who = f"{IDENTITY['GIT_COMMITTER_NAME']} <{IDENTITY['GIT_COMMITTER_EMAIL']}>"
    line = f"{old or '0' * 40} {new} {who} {int(time.time())} +0000\t{' '.join(reason.split())}\n"
    with os.fdopen(fd, "wb") as file:
        file.write(line.encode("utf-8", "replace"))


def _content(location: Location, name: str) -> bytes | None:
    folder = location.git_dir if name == "HEAD" else location.common_dir
    try:
        with open(f"{folder}/{name}", "rb", buffering=0) as file:  # noqa: PTH123  quicker, for many
            return file.read()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise Odd(name) from error


def _oid(content: bytes) -> str:
    match = _OID.fullmatch(content)
    if match is None:
        raise Odd(repr(content[:60]))
    return match[1].decode()


def _packed(location: Location) -> dict[str, str]:
    try:
        data = (location.common_dir / "packed-refs").read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Odd("packed-refs") from error
    return {name.decode("utf-8", "surrogateescape"): oid.decode() for oid, name in _PACKED.findall(data)}


def _files(folder: Path, prefix: str) -> list[str]:
    """Return the names of the loose refs below a folder."""
    found, waiting = [], [(os.fspath(folder), prefix)]
    while waiting:
        where, above = waiting.pop()
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(where) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((entry.path, f"{above}{entry.name}/"))
                elif not entry.name.endswith(".lock"):
                    found.append(above + entry.name)
    return found
