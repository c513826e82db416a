"""A merge, rebase, cherry-pick, revert or bisect in the middle: what git keeps of it, and back.

git keeps these as files in the work tree's own git folder and, for bisect and rebase, as refs
of that work tree. A snapshot holds the files as blobs; the commits they name become parents
of the meta commit, so that gc keeps them too (a rebase's autostash hangs on nothing else).
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ovn.frozen import dataclass, field
from ovn.git.disk import disk_errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ovn.git.run import Git

FOLDERS = ("rebase-merge", "rebase-apply", "sequencer")
FILES = (
    "MERGE_HEAD MERGE_MSG MERGE_MODE MERGE_AUTOSTASH SQUASH_MSG CHERRY_PICK_HEAD REVERT_HEAD REBASE_HEAD "
    "BISECT_LOG BISECT_START BISECT_TERMS BISECT_NAMES BISECT_EXPECTED_REV BISECT_ANCESTORS_OK "
    "BISECT_FIRST_PARENT BISECT_HEAD BISECT_RUN"
).split()
COMPANIONS = ("ORIG_HEAD", "AUTO_MERGE", "MERGE_RR")
"""Kept with an operation, but no sign of one: git leaves them lying about."""

REFS = ("refs/bisect", "refs/rewritten")

_OPERATIONS = (
    ("rebase-merge", "rebase"),
    ("rebase-apply/applying", "am"),
    ("rebase-apply", "rebase"),
    ("CHERRY_PICK_HEAD", "cherry-pick"),
    ("REVERT_HEAD", "revert"),
    ("MERGE_HEAD", "merge"),
    ("BISECT_LOG", "bisect"),
)
"""Which file or folder means what; the first that is there is what the person is doing."""

_OID = rb"\b[0-9a-f]{40}\b"  # seldom needed: compiled then


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What git keeps of an operation: files by path in the git folder, refs by name."""

    files: Mapping[bytes, bytes] = field(default_factory=dict)
    refs: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.files)

    def named(self) -> list[str]:
        """Return every object id that the files and refs name, in order, once."""
        texts = [data for path, data in self.files.items() if _names_commits(path)]
        found = [oid.decode() for data in texts for oid in re.findall(_OID, data)]
        return list(dict.fromkeys([*found, *self.refs.values()]))


def _names_commits(path: bytes) -> bool:
    """Return whether a file is one of ids; a patch or a message may hold thousands that mean nothing."""
    texts = (b"_MSG", b"/message", b"/patch", b"/author-script")
    return not path.endswith(texts) and not path.startswith(b"rebase-apply/0")


def operation(git_dir: Path) -> str | None:
    """Return the operation in progress: merge, rebase, am, cherry-pick, revert, bisect; None."""
    for mark, name in _OPERATIONS:
        if (git_dir / mark).exists():
            return name
    return _sequence(git_dir)


def _sequence(git_dir: Path) -> str | None:
    """Return what a sequencer between two steps is doing, by its first instruction."""
    try:
        first = (git_dir / "sequencer" / "todo").read_bytes().split(None, 1)
    except OSError:
        return None
    return "revert" if first and first[0] == b"revert" else "cherry-pick"


def read(git: Git) -> Unfinished:
    """Return what is in progress; empty when nothing is. Raises OvnError with the disk's words."""
    git_dir = git.location.git_dir
    with disk_errors("cannot read the operation in progress"):
        files: dict[bytes, bytes] = {}
        for name in FILES:
            _add(files, git_dir, name)
        for folder in FOLDERS:
            for where, _, inner in os.walk(git_dir / folder):
                for name in inner:
                    _add(files, git_dir, str((Path(where) / name).relative_to(git_dir)))
        if not files:
            return Unfinished()
        for name in COMPANIONS:
            _add(files, git_dir, name)
    return Unfinished(files, refs(git))


def _add(files: dict[bytes, bytes], git_dir: Path, name: str) -> None:
    path = git_dir / name
    if path.is_file() and not path.is_symlink():
        files[os.fsencode(name)] = path.read_bytes()


def refs(git: Git) -> dict[str, str]:
    """Return this work tree's own refs of bisect and rebase."""
    lines = git.run("for-each-ref", "--format=%(objectname) %(refname)", *REFS).text.splitlines()
    return {ref: oid for oid, _, ref in (line.partition(" ") for line in lines)}


def write(git: Git, target: Unfinished) -> None:
    """Make the operation in progress that of ``target``; an empty one ends whatever there is.

    The caller has what is there now in a safety snapshot. Nothing outside of the names above is
    written, whatever the names in ``target``.
    """
    git_dir = git.location.git_dir
    with disk_errors("cannot write the operation in progress"):
        for name in [*FILES, *(COMPANIONS if target else ())]:
            (git_dir / name).unlink(missing_ok=True)
        for folder in FOLDERS:
            if (git_dir / folder).exists():
                import shutil

                shutil.rmtree(git_dir / folder)
        for stored, data in target.files.items():
            if _ours(stored):
                path = git_dir / os.fsdecode(stored)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
    _write_refs(git, target.refs)


def _ours(name: bytes) -> bool:
    """Return whether a stored path is one that ``read`` would have read (snapshots may be fetched)."""
    first, *rest = os.fsdecode(name).split("/")
    if not rest:
        return first in FILES or first in COMPANIONS
    return first in FOLDERS and not any(part in ("", ".", "..") for part in rest)


def _write_refs(git: Git, target: Mapping[str, str]) -> None:
    now = refs(git)
    wanted = {ref: oid for ref, oid in target.items() if ref.startswith(tuple(f"{name}/" for name in REFS))}
    if now == wanted:
        return
    lines = [f"delete {ref} {oid}\n" for ref, oid in now.items() if ref not in wanted]
    moved = {ref: oid for ref, oid in wanted.items() if now.get(ref) != oid}
    lines += [f"update {ref} {oid} {now.get(ref, '0' * 40)}\n" for ref, oid in moved.items()]
    git.run("update-ref", "--stdin", stdin="".join(lines).encode())
