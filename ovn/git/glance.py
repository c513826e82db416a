"""A look at the work tree that git begins, so that the caller can do something else meanwhile.

Half of a snapshot's time is git's look, and a program takes as long to be loaded.
"""

from __future__ import annotations

from contextlib import contextmanager

from ovn.frozen import dataclass
from ovn.git import filters, status

TYPE_CHECKING = False  # typing's own would keep git's look waiting
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ovn.git.locate import Location
    from ovn.git.run import Git


@dataclass(frozen=True, slots=True)
class Glance:
    """A look that git has begun; ``index`` is the index's signature before it."""

    guard: filters.Guard
    trusted: bool
    index: tuple[int, int, int] | None
    asked: status.Asked


@contextmanager
def begin(git: Git, *, trusted: bool = True) -> Iterator[Glance]:
    """Let git look at the work tree; at the end of the ``with`` block it looks no more."""
    guard = filters.guard(git, trusted=trusted)
    index = signature(git.location)
    with status.begin(guard.git, into_submodules=trusted, modest=True) as asked:
        yield Glance(guard, trusted, index, asked)


def signature(location: Location) -> tuple[int, int, int] | None:
    """Return what changes whenever git writes the user's index; None when there is none."""
    try:
        found = (location.git_dir / "index").stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def uncommitted(git: Git, *, trusted: bool = False) -> status.Status:
    """Return what differs between HEAD, index and work tree.

    Not ``trusted``: no filter of the repository's own configuration runs, and no git inside its
    submodules; a file that only such a filter shows to be unchanged counts as changed.
    """
    return status.read(filters.guard(git, trusted=trusted).git, into_submodules=trusted)
