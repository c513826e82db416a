"""What the operating system says of a disk, as errors a person can act on."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager, suppress

from ovn.errors import NoSpace, OvnError, ReadOnlyRepository

TYPE_CHECKING = False  # typing's own would keep git's look waiting
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MEANINGS: dict[int | None, type[OvnError]] = {
    errno.ENOSPC: NoSpace,
    errno.EDQUOT: NoSpace,
    errno.EFBIG: NoSpace,
    errno.EROFS: ReadOnlyRepository,
    errno.EACCES: ReadOnlyRepository,
    errno.EPERM: ReadOnlyRepository,
}


@contextmanager
def disk_errors(what: str) -> Iterator[None]:
    """Raise an OSError from within as NoSpace, ReadOnlyRepository or OvnError; ``what`` begins its sentence.

    A FileNotFoundError passes: another process was quicker, which is the caller's to judge.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _MEANINGS.get(error.errno, OvnError)(f"{what}: {error}") from error


def remove_tree(folder: Path) -> None:
    """Remove a folder of ours and all in it, following no link; what will not go stays.

    As ``shutil.rmtree``, which brings three archive formats along, 4 ms.
    """
    for where, folders, files in os.walk(folder, topdown=False):
        with suppress(OSError):
            for name in files:
                os.unlink(os.path.join(where, name))  # noqa: PTH108, PTH118
            for name in folders:
                inner = os.path.join(where, name)  # noqa: PTH118
                os.unlink(inner) if os.path.islink(inner) else os.rmdir(inner)  # noqa: PTH106, PTH108, PTH114
    with suppress(OSError):
        folder.rmdir()


def create(path: Path, data: bytes, *, synced: bool = True) -> None:
    """Write a new read-only file. Raises OSError, also where one is there already."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        if synced:
            os.fsync(fd)
    finally:
        os.close(fd)
