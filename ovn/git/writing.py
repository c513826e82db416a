"""A restore plan carried out: files by git itself, never through a symlink; then the index.

libgit2's forced checkout follows an uncommitted symlink that took a folder's place, out of
the work tree and into ``.git/hooks``; ``git checkout-index -f`` puts a folder in its place.
What is deleted is unlinked relative to folders that were opened without following links.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from ovn.crash import crash_point
from ovn.errors import Diverged, WouldLose
from ovn.git import filters, inprogress, meta, restore, status
from ovn.git import index as indexes
from ovn.git.disk import disk_errors
from ovn.git.encoding import SYMLINK
from ovn.git.files import Disk
from ovn.git.paths import quote, unquote
from ovn.git.reading import PRIVATE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ovn.git.objects import ObjectStore
    from ovn.git.restore import Plan
    from ovn.git.run import Git

ATTRIBUTES = b".gitattributes"


def apply(git: Git, objects: ObjectStore, plan: Plan, *, trusted: bool = True) -> None:
    """Write and delete the files of ``plan``, then set index and operation in progress if it says so.

    HEAD and branches stay. The user's index is locked from beginning to end, so that nobody
    commits half of it. Raises WouldLose when something is still in the way, Diverged when a
    file was changed after the plan was made, Locked, NotTrusted, GitFailed; what was written
    by then is written.
    """
    guard = filters.guard(git, trusted=trusted)
    guard.check(plan.writes)
    with (
        disk_errors("cannot write the work tree"),
        indexes.private_folder(git.location) as folder,
        indexes.index_lock(git.location, folder) as lock,
        Disk(git.location.tree()) as disk,
    ):
        _must_lose_nothing(disk, plan)
        _must_be_as_seen(disk, plan)
        _delete(disk, plan)
        _make_room(disk, plan)
        for path in plan.folders:
            disk.make_folders(path)
        if plan.writes:
            _write(guard, folder / "target", plan)
        crash_point("operation.after_files")
        if plan.with_index:
            wanted = meta.parse(objects, plan.target.meta_tree)
            new = folder / "new"
            build_index(guard.git, plan.target.index(objects), wanted, new)
            lock.install(new)
            inprogress.write(git, wanted.unfinished)
        crash_point("operation.after_index")


def set_aside(git: Git, plan: Plan, folder: Path) -> None:
    """Move what would be lost into ``folder``, under its own path. Raises OvnError.

    Afterwards plan anew: the plan's own losses are gone from where they were.
    """
    with disk_errors("cannot set aside"), Disk(git.location.tree()) as disk:
        for loss in plan.would_lose:
            path = unquote(loss.path).rstrip(b"/")
            to = os.fsencode(folder) + b"/" + path
            if disk.lstat(path) is None:
                continue
            os.makedirs(os.path.dirname(to), exist_ok=True)  # noqa: PTH103, PTH120  bytes
            _move(git, disk, path, to)


def _move(git: Git, disk: Disk, path: bytes, to: bytes) -> None:
    try:
        disk.move_out(path, to)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        import shutil

        shutil.move(git.location.tree() / os.fsdecode(path), os.fsdecode(to))


def _must_lose_nothing(disk: Disk, plan: Plan) -> None:
    left = [loss.path for loss in plan.would_lose if disk.lstat(unquote(loss.path).rstrip(b"/")) is not None]
    if left:
        raise WouldLose(f"'{left[0]}' would be lost", paths=left)


def _must_be_as_seen(disk: Disk, plan: Plan) -> None:
    """Raise Diverged when a file to be replaced was written after the plan was made."""
    aside = {unquote(loss.path).rstrip(b"/") for loss in plan.would_lose}
    for path, seen in plan.seen.items():
        now = restore.look(disk, path)
        if now != seen and not (now is None and _below(path, aside)):
            raise Diverged(f"'{quote(path)}' was changed while the restore was prepared", hint="try again")


def _below(path: bytes, folders: Iterable[bytes]) -> bool:
    return any(path == one or path.startswith(one + b"/") or one.startswith(path + b"/") for one in folders)


def _delete(disk: Disk, plan: Plan) -> None:
    for path in plan.deletes:
        disk.unlink(path)
    busy = set()
    for path in plan.writes:
        busy.update(_above(path))
    for folder in sorted({one for path in plan.deletes for one in _above(path)}, key=len, reverse=True):
        if folder not in busy:
            disk.remove_empty(folder)


def _above(path: bytes) -> list[bytes]:
    """Return the folders that ``path`` lies in, outermost first."""
    return [path[:at] for at, byte in enumerate(path) if byte == 0x2F]


def _make_room(disk: Disk, plan: Plan) -> None:
    """Remove empty folders where a file goes; refuse whatever else is there that no plan deletes."""
    for path in plan.writes:
        blocking = disk.obstacle(path)
        if blocking is not None:
            raise WouldLose(f"'{quote(blocking)}' is in the way of '{quote(path)}'")
        if disk.is_folder(path) and not disk.remove_empty_tree(path):
            raise WouldLose(f"the folder '{quote(path)}' is not empty, and a file goes there")


def _write(guard: filters.Guard, index: Path, plan: Plan) -> None:
    """Let git write the files: attribute files first, since they say how the others are written."""
    guard.git.run(*PRIVATE, "read-tree", plan.target.tree, index=index)
    first = [path for path in plan.writes if path.rpartition(b"/")[2] == ATTRIBUTES]
    rest = [path for path in plan.writes if path.rpartition(b"/")[2] != ATTRIBUTES]
    for paths in (first, rest):
        if paths:
            guard.check(paths)
            listing = b"".join(path + b"\0" for path in sorted(paths))
            guard.git.run(*PRIVATE, "checkout-index", "-f", "-q", "-z", "--stdin", stdin=listing, index=index)


def build_index(git: Git, tree: str, wanted: meta.Meta, new: Path) -> None:
    """Make the file ``new`` an index of ``tree`` with the rows of ``wanted``, file times looked up."""
    indexes.copy(git.location, new)
    # '-i': with the files not looked at, a flagged entry that was edited is no obstacle
    git.run(*PRIVATE, "read-tree", "--reset", "-i", tree, index=new)
    put_rows(git, [row for row in wanted.rows if row.stage], new)
    if wanted.intents:
        _intend(git, wanted.intents, new)
    _flag(git, wanted, new)
    git.run(*PRIVATE, "update-index", "-q", "--refresh", index=new, ok=(0, 1))


def put_rows(git: Git, rows: Iterable[status.Listed], new: Path) -> None:
    """Put rows into an index, stages as they are. Their files count as changed."""
    lines = [b"%06o %s %d\t%s\0" % (r.entry.mode, r.entry.oid.encode(), r.stage, r.path) for r in rows]
    if lines:
        git.run(*PRIVATE, "update-index", "-z", "--index-info", stdin=b"".join(lines), index=new)


def _intend(git: Git, rows: Iterable[status.Listed], new: Path) -> None:
    """Mark paths as 'git add -N' does: in a work tree of empty files, since they may be gone in ours."""
    scratch = new.with_name("intents")
    listing = []
    for row in rows:
        file = os.fsencode(scratch) + b"/" + row.path
        os.makedirs(os.path.dirname(file), exist_ok=True)  # noqa: PTH103, PTH120  bytes
        if row.entry.mode == SYMLINK:
            os.symlink("nowhere", file)  # noqa: PTH211  bytes
        else:
            os.close(os.open(file, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, row.entry.mode & 0o777))
        listing.append(row.path + b"\0")
    git.run(
        *PRIVATE,
        f"--work-tree={scratch}",
        *("add", "-N", "-f", "--pathspec-from-file=-", "--pathspec-file-nul"),
        stdin=b"".join(listing),
        index=new,
    )


_MARKS = (("skip-worktree", "Ss"), ("assume-unchanged", "hs"))
"""A flag, and the tags of ``ls-files -v`` that mean it (both: ``s``)."""


def _flag(git: Git, wanted: meta.Meta, new: Path) -> None:
    now = {path: tag for tag, path in status.flags(git.run("ls-files", "-v", "-z", index=new).out)}
    then = {row.path: row.tag for row in wanted.rows if not row.stage}
    for flag, tags in _MARKS:
        off = [path for path, tag in now.items() if tag in tags and then.get(path, "H") not in tags]
        on = [path for path, tag in then.items() if tag in tags and now.get(path, "H") not in tags]
        for switch, paths in ((f"--no-{flag}", off), (f"--{flag}", on)):
            if paths:
                listing = b"".join(path + b"\0" for path in paths)
                git.run(*PRIVATE, "update-index", switch, "-z", "--stdin", stdin=listing, index=new)
