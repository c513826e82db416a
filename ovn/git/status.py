"""What differs between HEAD, index and work tree: one ``git status``, read as data.

One process gives everything a snapshot needs to know (HEAD, staged, edited, unmerged,
untracked, nested repositories as ``name/``, dirty submodules) from one reading of the index;
with ``GIT_OPTIONAL_LOCKS=0`` it writes nothing. A second, quick one lists the flags.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager

from ovn.frozen import dataclass
from ovn.git.encoding import Entry

TYPE_CHECKING = False  # typing's own would keep git's look waiting
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ovn.git.run import Answer, Git, Started

_UNREADABLE = rb"(?m)^warning: could not open directory '(.*?)/?': Permission denied"
_TAGGED = rb"(?:\A|\0)([^H]) ([^\0]+)"  # seldom needed, as those around it: compiled then
_LISTED = rb"([A-Za-z?]) ([0-7]{6}) ([0-9a-f]{40}) ([0-3])\t([^\0]+)\0"

_STATUS = (
    *("status", "--porcelain=v2", "-z", "--branch", "--no-ahead-behind"),
    *("--untracked-files=all", "--no-renames"),
)
_FLAGS = ("ls-files", "-v", "-z")

_MODEST = ("-c", "core.preloadIndex=false")
"""git looks at files by twenty threads, which leave nothing of few processors to who works beside it."""

FEW = 2
"""Processors on which a look is modest."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A tracked path on which HEAD, index and work tree do not agree.

    ``staged``: index and HEAD differ; ``edited``: work tree and index differ; ``deleted``: it
    is not in the work tree; ``intent``: added by ``git add -N``; ``dirty``: a submodule with
    changes of its own that no commit of it holds.
    """

    path: bytes
    staged: bool
    edited: bool
    deleted: bool
    intent: bool
    dirty: bool
    head: Entry | None
    index: Entry | None


@dataclass(frozen=True, slots=True)
class Status:
    """One reading: the commit of HEAD (None unborn) and every path that is not plainly clean.

    ``unmerged`` has the stages (1 base, 2 ours, 3 theirs) of each conflicted path;
    ``untracked`` ends in ``/`` for a nested repository; ``unreadable`` are folders.
    """

    head: str | None
    changed: tuple[Changed, ...]
    unmerged: dict[bytes, dict[int, Entry]]
    untracked: tuple[bytes, ...]
    unreadable: tuple[bytes, ...]

    @property
    def staged(self) -> dict[bytes, Entry | None]:
        """The rows in which the index differs from HEAD; None where it has none (unmerged too)."""
        rows = {one.path: None if one.intent else one.index for one in self.changed if one.staged}
        return rows | dict.fromkeys(self.unmerged)

    @property
    def clean(self) -> bool:
        """Whether nothing is uncommitted but ignored files."""
        return not (self.changed or self.unmerged or self.untracked)


@dataclass(frozen=True, slots=True)
class Listed:
    """A row of the index: its tag (S skip-worktree, lower case assume-unchanged), entry and stage."""

    tag: str
    entry: Entry
    stage: int
    path: bytes


def read(git: Git, *, into_submodules: bool = True) -> Status:
    """Return what differs. Raises GitFailed when the index cannot be read.

    ``into_submodules=False`` does not start git inside submodules (an untrusted repository).
    """
    return parse(git.run(*_words(into_submodules=into_submodules)))


@contextmanager
def begin(git: Git, *, into_submodules: bool = True, modest: bool = False) -> Iterator[Asked]:
    """Let git read the status, and the index's rows that have a flag, both at the same time.

    ``modest``: something else has to be done meanwhile, as quickly as if git were not there.
    """
    switches = _MODEST if modest and (os.cpu_count() or 1) <= FEW else ()
    words = (*switches, *_words(into_submodules=into_submodules))
    with git.start(*words) as found, git.start(*_FLAGS) as flagged:
        yield Asked(found, flagged)


class Asked:
    """A reading that goes on by itself until its answer is needed."""

    def __init__(self, found: Started, flagged: Started) -> None:
        self._found = found
        self._flagged = flagged

    def answer(self) -> tuple[Status, list[tuple[str, bytes]]]:
        """Return the status, and tag and path of the rows with a flag; raises what ``read`` raises."""
        return parse(self._found.answer()), flags(self._flagged.answer().out)


def read_with_flags(git: Git, *, into_submodules: bool = True) -> tuple[Status, list[tuple[str, bytes]]]:
    """Return the status, and tag and path of the index's rows that have a flag."""
    with begin(git, into_submodules=into_submodules) as asked:
        return asked.answer()


def _words(*, into_submodules: bool) -> tuple[str, ...]:
    depth = "none" if into_submodules else "dirty"
    return (*_STATUS, f"--ignore-submodules={depth}")


def parse(answer: Answer) -> Status:
    """Return the status that ``git status --porcelain=v2 -z --branch`` printed. Pure."""
    head: str | None = None
    changed: list[Changed] = []
    unmerged: dict[bytes, dict[int, Entry]] = {}
    untracked: list[bytes] = []
    for line in answer.out.split(b"\0"):
        if line.startswith(b"1 "):
            changed.append(_changed(line))
        elif line.startswith(b"? "):
            untracked.append(line[2:])
        elif line.startswith(b"u "):
            parts = line.split(b" ", 10)
            stages = {n: _entry(parts[2 + n], parts[6 + n]) for n in (1, 2, 3)}
            unmerged[parts[10]] = {n: entry for n, entry in stages.items() if entry is not None}
        elif line.startswith(b"# branch.oid ") and line != b"# branch.oid (initial)":
            head = line.rsplit(b" ", 1)[1].decode()
    unreadable = tuple(re.findall(_UNREADABLE, answer.err)) if answer.err else ()
    return Status(head, tuple(changed), unmerged, tuple(untracked), unreadable)


def _changed(line: bytes) -> Changed:
    _, letters, sub, mode_head, mode_index, _, oid_head, oid_index, path = line.split(b" ", 8)
    x, y = chr(letters[0]), chr(letters[1])
    head = _entry(mode_head, oid_head)
    # an intent to add is no row of the index to git: 'A' in the work tree; when its file is gone
    # too, 'D' for a row that by the first letter is not there
    intent = y == "A" or (x == "D" and y == "D")
    return Changed(
        path=path,
        staged=x != ".",
        edited=y != ".",
        deleted=y == "D",
        intent=intent,
        dirty=sub[:1] == b"S" and sub[2:] != b"..",
        head=head,
        index=None if intent else _entry(mode_index, oid_index),
    )


def _entry(mode: bytes, oid: bytes) -> Entry | None:
    return Entry.of(int(mode, 8), oid.decode()) if mode != b"000000" else None


def flags(listing: bytes) -> list[tuple[str, bytes]]:
    """Return (tag, path) of the rows of ``ls-files -v -z`` that are not plain. Pure."""
    plain = listing.count(b"\0H ") + listing.startswith(b"H ")
    if plain == listing.count(b"\0"):
        return []
    return [(tag.decode(), path) for tag, path in re.findall(_TAGGED, listing) if tag not in b"M"]


def rows(git: Git) -> list[Listed]:
    """Return every row of the index."""
    return parse_rows(git.run("ls-files", "-s", "-v", "-z").out)


def parse_rows(listing: bytes) -> list[Listed]:
    """Return the rows that ``ls-files -s -v -z`` printed. Pure."""
    return [
        Listed(tag.decode(), Entry.of(int(mode, 8), oid.decode()), int(stage), path)
        for tag, mode, oid, stage, path in re.findall(_LISTED, listing)
    ]


def format_rows(listed: Sequence[Listed]) -> bytes:
    """Return rows as ``ls-files -s -v -z`` prints them; ``parse_rows`` reads them back. Pure."""
    return b"".join(
        b"%s %06o %s %d\t%s\0"
        % (row.tag.encode(), row.entry.mode, row.entry.oid.encode(), row.stage, row.path)
        for row in listed
    )
