"""The work tree's files by relative paths of bytes, never through a symlink.

A path from a tree may lead through a folder that has become a symlink out of the work tree;
whoever writes or deletes by such a path writes outside. So folders are opened one after the
other with O_NOFOLLOW, relative to the work tree's own descriptor, which also has no limit of
4,096 bytes on the whole path.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


class Disk:
    """A work tree, open. Paths are relative, of bytes, with ``/`` between."""

    def __init__(self, top: str | os.PathLike[str]) -> None:
        self._top = os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._folders: dict[bytes, bool] = {b"": True}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._top)

    def lstat(self, path: bytes) -> os.stat_result | None:
        """Return the status of what lies at ``path``; None when there is nothing.

        A path that leads through a symlink or a file is nothing: not the work tree's.
        Raises OSError for a folder that may not be searched.
        """
        try:
            with self._parent(path) as (folder, name):
                return os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise

    def quick_lstat(self, path: bytes) -> os.stat_result | None:
        """Return the status at ``path`` where git has just said that no symlink is on the way."""
        try:
            return os.stat(path, dir_fd=self._top, follow_symlinks=False)
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise

    def readable(self, path: bytes) -> bool:
        """Return whether this process may read the file at ``path``; one that is gone counts as readable."""
        try:
            os.close(os.open(path, _READ, dir_fd=self._top))
        except PermissionError:
            return False
        except OSError:  # gone or replaced: whoever reads it finds out
            return True
        return True

    def real_folder(self, path: bytes) -> bool:
        """Return whether ``path`` is a folder with no symlink on the way; remembered."""
        known = self._folders.get(path)
        if known is None:
            above, _, _ = path.rpartition(b"/")
            known = self.real_folder(above) if above.count(b"/") < 500 else self.obstacle(path) is None
            known = known and _is_folder(self.lstat(path))
            self._folders[path] = known
        return known

    def obstacle(self, path: bytes) -> bytes | None:
        """Return the nearest part above ``path`` that is there and no folder; None when the way is free."""
        at = path.find(b"/")
        while at != -1:
            found = self.lstat(path[:at])
            if found is None:
                return None
            if not _is_folder(found):
                return path[:at]
            at = path.find(b"/", at + 1)
        return None

    def open(self, path: bytes) -> int:
        """Return a descriptor of the regular file at ``path``, to read. Raises OSError."""
        with self._parent(path) as (folder, name):
            return os.open(name, _READ, dir_fd=folder)

    def readlink(self, path: bytes) -> bytes:
        """Return where the symlink at ``path`` points. Raises OSError."""
        with self._parent(path) as (folder, name):
            return os.readlink(name, dir_fd=folder)

    def unlink(self, path: bytes) -> None:
        """Remove a file or symlink; nothing there is fine. Raises OSError, also for a folder."""
        try:
            with self._parent(path) as (folder, name):
                os.unlink(name, dir_fd=folder)
        except OSError as error:
            if error.errno not in _ABSENT:
                raise

    def remove_empty(self, path: bytes) -> bool:
        """Remove the folder at ``path`` if it is one and empty; return whether it is gone."""
        try:
            with self._parent(path) as (folder, name):
                os.rmdir(name, dir_fd=folder)
        except OSError as error:
            return error.errno in _ABSENT and self.lstat(path) is None
        return True

    def remove_empty_tree(self, path: bytes) -> bool:
        """Remove a folder that holds nothing but empty folders; return whether it is gone."""
        found, waiting = [], [path]
        while waiting:
            folder = waiting.pop()
            found.append(folder)
            inner = [folder + b"/" + name for name in self.names(folder)]
            waiting += [one for one in inner if self.is_folder(one)]
        gone = [self.remove_empty(folder) for folder in reversed(found)]
        return all(gone)

    def make_folders(self, path: bytes) -> None:
        """Make a folder and those above it, where they are missing. Raises OSError."""
        at = path.find(b"/")
        while True:
            folder = path if at == -1 else path[:at]
            if not self.is_folder(folder):
                with self._parent(folder) as (above, name):
                    os.mkdir(name, dir_fd=above)
            if at == -1:
                return
            at = path.find(b"/", at + 1)

    def is_folder(self, path: bytes) -> bool:
        """Return whether a folder, no symlink to one, lies at ``path``."""
        return _is_folder(self.lstat(path))

    def move_out(self, path: bytes, to: bytes) -> None:
        """Rename what lies at ``path`` to the absolute path ``to``. Raises OSError (EXDEV too)."""
        with self._parent(path) as (folder, name):
            os.rename(name, to, src_dir_fd=folder)

    def below(self, path: bytes) -> Iterator[bytes]:
        """Yield the files, symlinks and repositories (as ``name/``) under the folder ``path``."""
        waiting = [path]
        while waiting:
            folder = waiting.pop()
            names = sorted(self.names(folder))
            if b".git" in names:
                yield folder + b"/"
                continue
            for name in names:
                inner = folder + b"/" + name
                if _is_folder(self.lstat(inner)):
                    waiting.append(inner)
                else:
                    yield inner

    def names(self, path: bytes) -> list[bytes]:
        """Return what the folder ``path`` holds. Raises OSError."""
        with self._parent(path) as (above, name):
            folder = os.open(name, _FOLDER, dir_fd=above)
        try:
            return [os.fsencode(name) for name in os.listdir(folder)]  # noqa: PTH208  by descriptor
        finally:
            os.close(folder)

    @contextmanager
    def _parent(self, path: bytes) -> Iterator[tuple[int, bytes]]:
        """Open the folder above ``path``, no symlink followed; give it with the last name."""
        *folders, name = path.split(b"/")
        at = self._top
        try:
            for folder in folders:
                inner = os.open(folder, _FOLDER, dir_fd=at)
                if at != self._top:
                    os.close(at)
                at = inner
            yield at, name
        finally:
            if at != self._top:
                os.close(at)


def _is_folder(found: os.stat_result | None) -> bool:
    return found is not None and stat.S_ISDIR(found.st_mode)
