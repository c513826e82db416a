"""What a tree of files cannot say of an index and of an unfinished operation, as a tree.

::

    index            rows of the index with a conflict or a flag, as 'ls-files -s -v -z' has them
    intent-to-add    rows of 'git add -N', likewise; their id is that of the empty blob
    present          skip-worktree paths whose file is on disk all the same, each with a NUL
    operation/…      the files that git keeps of a merge, rebase, cherry-pick, revert, bisect
    refs             'id name' lines: the work tree's own refs of bisect and rebase
    objects/<id>     the blobs of the rows, and the tree that AUTO_MERGE names: so gc keeps them
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn.errors import CorruptObject
from ovn.frozen import dataclass
from ovn.git import status, treeedit
from ovn.git.encoding import DIRECTORY, FILE, Entry, object_id
from ovn.git.inprogress import Unfinished

if TYPE_CHECKING:
    from ovn.git.objects import ObjectStore

NOTHING = Unfinished()
_OPERATION = b"operation/"


@dataclass(frozen=True, slots=True)
class Built:
    """A meta tree (None: nothing to say), its new objects as (kind, bytes), the commits it names."""

    tree: str | None
    objects: dict[str, tuple[str, bytes]]
    keeps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Meta:
    """What is not in a tree of files.

    ``rows`` of the index that are not plain, ``intents`` to add, which skip-worktree files are
    ``present`` on disk, and the unfinished operation.
    """

    rows: tuple[status.Listed, ...] = ()
    intents: tuple[status.Listed, ...] = ()
    present: tuple[bytes, ...] = ()
    unfinished: Unfinished = NOTHING

    @property
    def absent(self) -> set[bytes]:
        """The paths that a sparse checkout, or a person, keeps off the disk."""
        return {row.path for row in self.rows if row.tag in "Ss"} - set(self.present)


def build(objects: ObjectStore, state: Meta) -> Built:
    """Return the meta tree of these, nothing written yet."""
    rows, unfinished = state.rows, state.unfinished
    if not (rows or state.intents or unfinished):
        return Built(None, {}, ())
    files = {_OPERATION + path: data for path, data in unfinished.files.items()}
    files[b"index"] = status.format_rows(rows)
    files[b"intent-to-add"] = status.format_rows(state.intents)
    files[b"present"] = b"".join(path + b"\0" for path in state.present)
    files[b"refs"] = "".join(f"{oid} {ref}\n" for ref, oid in sorted(unfinished.refs.items())).encode()
    files = {path: data for path, data in files.items() if data or path.startswith(_OPERATION)}
    blobs = {object_id("blob", data): ("blob", data) for data in files.values()}
    edits: dict[bytes, Entry | None] = {
        path: Entry.of(FILE, object_id("blob", data)) for path, data in files.items()
    }
    kinds = {oid: objects.read(oid)[0] for oid in unfinished.named() if objects.exists(oid)}
    for oid in [row.entry.oid for row in rows if row.entry.kind == "blob"]:
        edits[b"objects/" + oid.encode()] = Entry.of(FILE, oid)
    for oid in [oid for oid, kind in kinds.items() if kind == "tree"]:
        edits[b"objects/" + oid.encode()] = Entry(DIRECTORY, "tree", oid)
    tree, trees = treeedit.edit(objects.tree, None, edits)
    new = blobs | {oid: ("tree", data) for oid, data in trees.items()}
    return Built(tree, new, tuple(oid for oid, kind in kinds.items() if kind == "commit"))


def parse(objects: ObjectStore, tree: str | None) -> Meta:
    """Return what a meta tree says; an empty one for None. Raises CorruptObject."""
    if tree is None:
        return Meta()
    files = {change.path: change.new for change in objects.changes(None, tree) if change.new is not None}
    kept = {path[len(_OPERATION) :]: entry for path, entry in files.items() if path.startswith(_OPERATION)}
    operation = {path: _blob(objects, entry) for path, entry in kept.items()}
    lines = _text(objects, files, b"refs").decode("utf-8", "surrogateescape").splitlines()
    refs = {ref: oid for oid, _, ref in (line.partition(" ") for line in lines)}
    intents = status.parse_rows(_text(objects, files, b"intent-to-add"))
    rows = status.parse_rows(_text(objects, files, b"index"))
    present = _text(objects, files, b"present").split(b"\0")[:-1]
    return Meta(tuple(rows), tuple(intents), tuple(present), Unfinished(operation, refs))


def _text(objects: ObjectStore, files: dict[bytes, Entry], path: bytes) -> bytes:
    return _blob(objects, files[path]) if path in files else b""


def _blob(objects: ObjectStore, entry: Entry) -> bytes:
    kind, data = objects.read(entry.oid)
    if kind != "blob":
        raise CorruptObject(f"'{entry.oid}' in a snapshot's meta tree is a {kind}, not a blob")
    return data
