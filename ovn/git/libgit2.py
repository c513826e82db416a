"""Objects and refs through pygit2: a state commit costs 0.7 ms, runs no hook and no program.

Never used here, and a test greps for them: ``create_commit`` and ``amend_commit`` (return
an id although the write failed), ``references.create`` (forced, it lost 1,177 of 1,600
concurrent writes; unforced, 6 of 300 creations had two winners, because the check comes
before the lock), and everything that reads or writes a work tree.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from operator import attrgetter
from typing import TYPE_CHECKING

import pygit2
from pygit2.enums import ObjectType, Option, RepositoryOpenFlag, SortMode

from ovn import host
from ovn.errors import (
    CorruptObject,
    InvalidName,
    Locked,
    NoSpace,
    NotARepository,
    OvnError,
    ReadOnlyRepository,
    RefClash,
    RefMoved,
    UnsupportedRepository,
)
from ovn.git import encoding, locks
from ovn.git.basis import Basis, moved
from ovn.git.run import IDENTITY, Git, failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ovn.git.encoding import CommitInfo
    from ovn.git.locate import Location

_KINDS = {
    int(ObjectType.BLOB): "blob",
    int(ObjectType.TREE): "tree",
    int(ObjectType.COMMIT): "commit",
    int(ObjectType.TAG): "tag",
}
_TYPES = {kind: number for number, kind in _KINDS.items()}

_GRAFTS = ("shallow", "info/grafts")

_LOCKED = ("failed to lock file", "failed to create locked file")
_MEANINGS: tuple[tuple[str, type[OvnError]], ...] = (
    ("No space left on device", NoSpace),
    ("Disk quota exceeded", NoSpace),
    ("Read-only file system", ReadOnlyRepository),
    ("Permission denied", ReadOnlyRepository),
    ("Operation not permitted", ReadOnlyRepository),
    ("there are refs beneath that folder", RefClash),
    ("collides with existing one", RefClash),
    ("old reference value does not match", RefMoved),
    *((words, Locked) for words in _LOCKED),
    ("object not found", CorruptObject),
    ("doesn't exist on the repository", CorruptObject),
    ("is not valid", InvalidName),
)
"""libgit2 tells causes apart by words only; the disk's come first, a lock's wrap them."""

_UNSUPPORTED = re.compile(
    r"unsupported extension name (\S+)|unknown object format|unsupported.*version", re.IGNORECASE
)
_HINTS = {
    "partialclone": "make a full clone: 'git fetch --refetch --no-filter' in it, then "
    "'git config --unset extensions.partialClone'",
    "refstorage": "git ovn works with the 'files' ref format: 'git refs migrate --ref-format=files'",
}


class Libgit2Store(Basis):
    """The ObjectStore over libgit2; see ``ovn.git.objects`` for the contract."""

    def __init__(self, location: Location) -> None:
        super().__init__(location)
        self._repo = self._open()

    def _open(self) -> pygit2.Repository:
        pygit2.option(Option.ENABLE_FSYNC_GITDIR, True)  # process-wide, read when a repository is opened
        try:
            repo = pygit2.Repository(str(self.location.git_dir), RepositoryOpenFlag.NO_SEARCH)
        except (pygit2.GitError, OSError, KeyError) as error:
            raise _refusal(self.location, str(error)) from error
        repo.set_ident(IDENTITY["GIT_COMMITTER_NAME"], IDENTITY["GIT_COMMITTER_EMAIL"])  # for reflogs
        return repo

    # -- objects -----------------------------------------------------------------------

    def read(self, oid: str) -> tuple[str, bytes]:
        if oid == encoding.EMPTY_TREE:
            return "tree", b""
        try:
            number, data = self._repo.read(oid)
        except (pygit2.GitError, OSError, KeyError, ValueError):
            # a gc or rollup took away the pack this process had open: look afresh, once
            self._repo = self._open()
            with _named(f"cannot read object '{oid}'"):
                number, data = self._repo.read(oid)
        return _KINDS[number], data

    def exists(self, oid: str) -> bool:
        with _named(f"cannot look for object '{oid}'"):
            return oid == encoding.EMPTY_TREE or bool(self._repo.odb.exists(oid))

    def write(self, kind: str, data: bytes) -> str:
        with _named(f"cannot write a {kind} object"):
            return str(self._repo.write(_TYPES[kind], data))

    # -- history -----------------------------------------------------------------------

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        with _named(f"cannot walk from '{descendant}' to '{ancestor}'"):
            return ancestor == descendant or bool(self._repo.descendant_of(descendant, ancestor))

    def walk(self, tips: Sequence[str], hide: Sequence[str] = ()) -> Iterator[CommitInfo]:
        """See the contract. A straight line is followed lazily.

        libgit2 sorts the whole history before it gives the first commit, and the state branch
        is a straight line of many thousand.
        """
        line = tuple(dict.fromkeys(tips))
        parents_of = self._parents if self._is_grafted() else attrgetter("parents")
        while not hide and len(line) == 1:
            info = self.commit(line[0])
            parents = parents_of(info)
            if len(parents) > 1:
                break
            yield info
            line = parents
        with _named("cannot walk the history"):
            walker = self._repo.walk(None, SortMode.TOPOLOGICAL | SortMode.TIME)
            for oid in line:
                walker.push(oid)
            for oid in hide:
                walker.hide(oid)
            ids = [str(commit.id) for commit in walker]
        for oid in ids:
            yield self.commit(oid)

    def _is_grafted(self) -> bool:
        """Tell whether a commit may have other parents than its text names, as in a shallow clone."""
        return any((self.location.common_dir / name).exists() for name in _GRAFTS)

    def _parents(self, info: CommitInfo) -> tuple[str, ...]:
        """Return the parents that libgit2 takes a commit to have; it reads the commit once more for that."""
        with _named(f"cannot read object '{info.oid}'"):
            commit = self._repo[info.oid]
            return tuple(map(str, commit.parent_ids)) if isinstance(commit, pygit2.Commit) else ()

    # -- refs --------------------------------------------------------------------------

    def resolve(self, name: str, *, peel: bool = False) -> str | None:
        if re.fullmatch(r"[0-9a-f]{40}", name):
            oid = name if self.exists(name) else None
        else:
            oid = self._target(name)
        return self.commit(oid).oid if peel and oid is not None else oid

    def _target(self, ref: str) -> str | None:
        try:
            return str(self._repo.lookup_reference(ref).resolve().target)
        except KeyError:
            return None
        except (pygit2.GitError, OSError, ValueError) as error:
            raise _error(f"cannot read ref '{ref}'", error) from error

    def refs(self, prefix: str) -> dict[str, str]:
        wanted = prefix.encode("utf-8", "surrogateescape")
        found = {}
        with _named(f"cannot list the refs under '{prefix}'"):
            for ref in self._repo.references.iterator():
                if ref.raw_name.startswith(wanted):
                    found[ref.raw_name.decode("utf-8", "surrogateescape")] = str(ref.resolve().target)
        return dict(sorted(found.items()))

    def _remove_packed(self, ref: str, expected: str) -> None:
        """Delete by git itself, which lives on when this process is killed.

        The lock of packed-refs would stay behind, and stop the user's own git for good.
        """
        lock = self.location.common_dir / "packed-refs.lock"
        if locks.abandoned(self.location, lock):
            lock.unlink(missing_ok=True)
        answer = Git(self.location).run("update-ref", "-d", ref, expected, ok=range(256))
        words = answer.err.decode("utf-8", "replace").strip()
        if answer.code and ("but expected" in words or "unable to resolve reference" in words):
            raise RefMoved(f"'{ref}' is not at '{expected}'", expected=expected)
        if answer.code and "File exists" in words:
            raise Locked(f"cannot delete ref '{ref}': {words.splitlines()[0].removeprefix('error: ')}")
        if answer.code:
            raise failure(("update-ref", "-d", ref), answer)

    def swap(self, ref: str, new: str | None, expected: str | None, reason: str) -> None:
        """Lock, look again, write: the same for creating, moving and deleting."""
        if expected is None:
            self._make_way(ref)
        elif new is None and self._in_packed(f"{ref}\n"):
            return self._remove_packed(ref, expected)
        transaction = self._repo.transaction()
        try:
            with _named(f"cannot move ref '{ref}'"):
                transaction.lock_ref(ref)
                self._expect(ref, expected)
                if new is None:
                    if expected is not None:
                        transaction.remove(ref)
                elif not self._repo.odb.exists(new):
                    raise CorruptObject(f"cannot move ref '{ref}' to '{new}', which does not exist")
                else:
                    transaction.set_target(ref, new, None, reason.replace("\n", " "))
                self._commit(transaction, ref, expected)
        finally:
            # frees the lock now: left to the collector, a failed commit keeps it as long as its traceback
            transaction.__exit__(OvnError, None, None)

    def _commit(self, transaction: pygit2.ReferenceTransaction, ref: str, expected: str | None) -> None:
        """Commit; an error after the ref was moved is none.

        Between the rename and the sync of its folder a ``git pack-refs`` may move the ref into
        packed-refs and remove the empty folder: libgit2 then fails over a ref that is in place,
        or that somebody else has moved on. Before the rename the lock holds it where it was.
        """
        try:
            transaction.commit()
        except pygit2.GitError as error:
            if "for fsync" not in str(error) or self._target(ref) == expected:
                raise
            host.sync_filesystem(self.location.common_dir)

    def _expect(self, ref: str, expected: str | None) -> None:
        try:
            found = self._repo.lookup_reference(ref)
        except KeyError:
            target = None
        else:
            if found.type == pygit2.enums.ReferenceType.SYMBOLIC:
                raise RefClash(
                    f"'{ref}' is a symbolic ref", hint=f"remove it with 'git symbolic-ref -d {ref}'"
                )
            target = str(found.target)
        if target != expected:
            raise moved(ref, target, expected)


@contextmanager
def _named(doing: str) -> Iterator[None]:
    """Turn what libgit2 raises into this program's errors."""
    try:
        yield
    except (pygit2.GitError, OSError, KeyError, ValueError) as error:
        raise _error(doing, error) from error


def _error(doing: str, error: Exception) -> OvnError:
    words = str(error.args[0] if error.args else error).strip()
    if re.fullmatch(r"[0-9a-f]{40}", words):  # libgit2's way of saying so
        words = "it is missing"
    found = next((kind for text, kind in _MEANINGS if text in words), None)
    if found is None:
        found = CorruptObject if isinstance(error, KeyError) else OvnError
    return found(f"{doing}: {words}")


def _refusal(location: Location, words: str) -> OvnError:
    """Name why libgit2 cannot open it: each is a kind of repository, not an accident."""
    match = _UNSUPPORTED.search(words)
    if match is not None:
        extension = (match[1] or "").strip("'\"").rpartition(".")[2].lower()
        return UnsupportedRepository(
            f"libgit2 {pygit2.LIBGIT2_VERSION} cannot read '{location.git_dir}': {words}",
            hint=_HINTS.get(
                extension, "git ovn works with sha1 repositories that use the 'files' ref format"
            ),
        )
    if "not owned by current user" in words:
        return NotARepository(words, hint="add it to safe.directory in ~/.gitconfig if you trust it")
    return NotARepository(f"cannot open '{location.git_dir}': {words}")
