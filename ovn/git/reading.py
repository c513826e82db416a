"""Changed files into objects, read by git itself so that filters and line ends mean what they mean.

git works on a private index that holds the changed paths only. A file that is written, cut
short or removed while git reads it can make ``update-index`` fail or die (SIGBUS on a
truncated mapping); after that its index is worthless and the try is begun anew. What does
not hold still for six tries is copied first and hashed from the copy.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from ovn.errors import GitFailed, GitTimeout, Unsettled
from ovn.frozen import dataclass
from ovn.git import index as indexes
from ovn.git import selection, status
from ovn.git.encoding import EXECUTABLE, FILE, SYMLINK, Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from pathlib import Path

    from ovn.git.files import Disk
    from ovn.git.run import Git
    from ovn.git.selection import Selection

Known = dict[bytes, list[indexes.Row]]
"""What the index has of a path: one row, or the stages of a conflict."""

PRIVATE = ("-c", "core.splitIndex=false", "-c", "core.untrackedCache=false")
"""A private index is one plain file: a shared part would be left lying in the git folder."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the files of ``chosen`` for one try; ``folder`` is its own, ``known`` what the index has.

    ``meanwhile`` is called while git reads them.
    """

    git: Git
    folder: Path
    disk: Disk
    chosen: Selection
    known: Known
    meanwhile: Callable[[], object]

    def read(self, aside: Collection[bytes] | None) -> dict[bytes, Entry | None]:
        """Return what each path of ``chosen.store`` is now, its blob stored; None where it is gone.

        Paths in ``aside`` (None: all) are copied first. What cannot be stored is added to
        ``chosen.left``. Raises Unsettled, NoSpace, ReadOnlyRepository.
        """
        wanted = self.chosen.store
        steady = [path for path in wanted if aside is not None and path not in aside]
        found = self._through_index(steady) if steady else {}
        for path in wanted.keys() - set(steady):
            entry = self._through_copy(path)
            if path not in self.chosen.left:
                found[path] = entry
        return found

    def _through_index(self, paths: list[bytes]) -> dict[bytes, Entry | None]:
        index = self.folder / "index"
        rows = [row for path in paths for row in self.known.get(path, ())]
        index.write_bytes(indexes.encode(rows + self._attributes({*paths, *self.chosen.drop})))
        listing = b"".join(path + b"\0" for path in paths)
        switches = ("-z", "--add", "--remove", "--replace", "--stdin")
        with self.git.start(*PRIVATE, "update-index", *switches, stdin=listing, index=index) as hashing:
            self.meanwhile()
            try:
                said = hashing.answer().err
            except GitTimeout:
                raise
            except GitFailed as error:
                raise Unsettled(str(error), self._suspects(error, paths)) from error
        stored = {path: entry for path, stage, entry in indexes.decode(index.read_bytes()) if not stage}
        found: dict[bytes, Entry | None] = {}
        for path in paths:
            if path in stored:
                found[path] = stored[path]
            elif b"Ignoring path " + path in said:
                self.chosen.leave(path, selection.REFUSED, self.chosen.store[path])
            else:  # gone when git looked, whatever is there now
                found[path] = None
        return found

    def _attributes(self, taken: set[bytes]) -> list[indexes.Row]:
        """Return the attribute files that a sparse checkout leaves out: git reads them from the index.

        One that was deleted says nothing any more.
        """
        files = (path for path in self.known if path.rpartition(b"/")[2] == b".gitattributes")
        rows = [row for path in files if path not in taken for row in self.known[path]]
        return [row for row in rows if row[1] == 0 and self.disk.lstat(row[0]) is None]

    def _suspects(self, error: GitFailed, paths: list[bytes]) -> list[bytes]:
        """Return the files that git named, or whose size is another than a moment ago; else all."""
        words = str(error.facts.get("stderr", "")).encode("utf-8", "surrogateescape")
        return [path for path in paths if path in words or self._moved(path)] or paths

    def _moved(self, path: bytes) -> bool:
        found = self.disk.quick_lstat(path)
        return found is None or (stat.S_ISREG(found.st_mode) and found.st_size != self.chosen.store[path])

    def _through_copy(self, path: bytes) -> Entry | None:
        """Return the entry of a copy of the file, which holds still whatever happens to the file."""
        copy = self.folder / "aside"
        try:
            found = self.disk.lstat(path)
            if found is None:
                return None
            if stat.S_ISLNK(found.st_mode):
                target = self.disk.readlink(path)
                return Entry.of(SYMLINK, self._hash("--no-filters", "--stdin", stdin=target))
            if not stat.S_ISREG(found.st_mode):
                return self._other(path)
            _copy(self.disk, path, copy, self.chosen.limit)
        except OSError:
            self.chosen.leave(path, selection.UNSTEADY)
            return None
        try:
            # 'hash-object' knows no index: of the conversions only 'text=auto' with CRLF already
            # committed comes out otherwise than in 'git add'
            oid = self._hash(b"--path=" + path, "--", os.fspath(copy))
        except GitFailed:
            self.chosen.leave(path, selection.FILTER, found.st_size)
            return None
        return Entry.of(self._mode(path, found), oid)

    def _hash(self, *args: str | bytes, stdin: bytes = b"") -> str:
        return self.git.run("hash-object", "-w", *args, stdin=stdin).text

    def _other(self, path: bytes) -> Entry | None:
        """Return the entry of a submodule, as it is in the index; leave out what has no content."""
        rows = self.known.get(path, [])
        if rows and rows[0][2].kind == "commit":
            return rows[0][2]
        self.chosen.leave(path, selection.SPECIAL)
        return None

    def _mode(self, path: bytes, found: os.stat_result) -> int:
        trusted = self.git.run("config", "--type=bool", "--default=true", "core.fileMode").text == "true"
        if trusted:
            return EXECUTABLE if found.st_mode & stat.S_IXUSR else FILE
        rows = self.known.get(path, [])
        return rows[0][2].mode if rows and rows[0][2].mode in (FILE, EXECUTABLE) else FILE


def _copy(disk: Disk, path: bytes, to: Path, limit: int) -> None:
    """Copy a file as far as the cap goes; it may grow for ever."""
    with open(disk.open(path), "rb") as source, to.open("wb") as target:  # noqa: PTH123  a descriptor
        left = limit
        while left > 0 and (chunk := source.read(min(left, 1 << 20))):
            target.write(chunk)
            left -= len(chunk)


def known(found: status.Status, listed: Iterable[status.Listed]) -> Known:
    """Return what the index has of every path that may be read."""
    rows: Known = {one.path: [(one.path, 0, one.index)] for one in found.changed if one.index is not None}
    for path, stages in found.unmerged.items():
        rows[path] = [(path, stage, entry) for stage, entry in stages.items()]
    rows.update({row.path: [(row.path, 0, row.entry)] for row in listed if not row.stage})
    return rows


def pick(stages: Mapping[int, Entry]) -> Entry:
    """Return the entry that stands for a conflicted path that is left out: ours, theirs, base."""
    return stages.get(2) or stages.get(3) or stages[1]
