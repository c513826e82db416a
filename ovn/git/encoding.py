"""The bytes of git's objects: trees, commits and tags, written and read without a library.

Pure. Commits are built here and stored as raw objects because libgit2's own
``create_commit`` returns an id although the write failed (disk full, I/O error; 1.9.7, its
commit.c leaves the error at 0), and because a fold needs the ids of what its pack will hold.
"""

from __future__ import annotations

import re

from ovn.errors import CorruptObject, InvalidName
from ovn.frozen import dataclass
from ovn.git.run import IDENTITY
from ovn.git.sha1 import sha1

TYPE_CHECKING = False  # typing's own would keep git's look waiting
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

DIRECTORY = 0o040000
FILE = 0o100644
EXECUTABLE = 0o100755
SYMLINK = 0o120000
GITLINK = 0o160000
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""git itself knows this one and leaves it unwritten; libgit2 does not know it."""

_KINDS = {DIRECTORY: "tree", GITLINK: "commit"}
_OURS = f"{IDENTITY['GIT_AUTHOR_NAME']} <{IDENTITY['GIT_AUTHOR_EMAIL']}>".encode()
_ROW = re.compile(rb"([0-7]+ ([^\0]+)\0.{20})", re.DOTALL)
_PERSON = re.compile(rb"([^<\n]*?) ?<([^>\n]*)>(?: (-?\d{1,18}))?")


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a tree: mode (``0o100644`` ...), kind (blob, tree, commit), object id."""

    mode: int
    kind: str
    oid: str

    @classmethod
    def of(cls, mode: int, oid: str) -> Entry:
        """Return the entry of that mode; the kind follows from it."""
        return cls(mode, _KINDS.get(mode & 0o170000, "blob"), oid)


@dataclass(frozen=True, slots=True)
class CommitInfo:
    """A commit, decoded. Times are seconds since 1970; ``message`` is whole, as stored."""

    oid: str
    tree: str
    parents: tuple[str, ...]
    author_name: str
    author_email: str
    author_time: int
    committer_time: int
    message: str

    @property
    def subject(self) -> str:
        """The message's first line."""
        return self.message.partition("\n")[0]


def object_id(kind: str, data: bytes) -> str:
    """Return the id that git gives to these bytes."""
    return sha1(b"%s %d\0%s" % (kind.encode(), len(data), data)).hexdigest()


def encode_tree(entries: Mapping[bytes, Entry]) -> bytes:
    """Return a tree's bytes, in git's order. Raises InvalidName for a name no tree may hold."""
    return join_rows({name: encode_row(name, entry) for name, entry in entries.items()})


def encode_row(name: bytes, entry: Entry) -> bytes:
    """Return one row of a tree as it stands there. Raises InvalidName."""
    if not name or b"/" in name or b"\0" in name or name in (b".", b"..") or name.lower() == b".git":
        raise InvalidName(f"not a name in a tree: {name!r}", hint="give one path component")
    return b"%o %s\0%s" % (entry.mode, name, bytes.fromhex(entry.oid))


def split_rows(data: bytes) -> dict[bytes, bytes]:
    """Return a tree's rows by name as they stand there. Raises CorruptObject for half a row."""
    return {name: row.lstrip(b"0") for row, name in _rows(data)}  # ancient gits wrote 040000


def join_rows(rows: Mapping[bytes, bytes]) -> bytes:
    """Return the bytes of the tree with these rows, in git's order."""
    placed = [(name + b"/" if _is_folder(row) else name, row) for name, row in rows.items()]
    return b"".join([row for _, row in sorted(placed)])


def folder_in(row: bytes | None) -> str | None:
    """Return the id of the tree that a row names; None for anything else."""
    return row[-20:].hex() if row is not None and _is_folder(row) else None


def _is_folder(row: bytes) -> bool:
    return row[:1] == b"4" and row[5:6] == b" "  # 40000; also 40755 and its like, which git takes too


def decode_tree(data: bytes) -> dict[bytes, Entry]:
    """Return a tree's rows by name, in git's order. Raises CorruptObject for half a row."""
    return {name: _entry(row) for row, name in _rows(data)}


def row_of(data: bytes, name: bytes) -> Entry | None:
    """Return one row of a tree; six times as fast as decoding all of them."""
    return next((_entry(row) for row, found in _rows(data) if found == name), None)


def differing(before: bytes, after: bytes) -> tuple[dict[bytes, Entry], dict[bytes, Entry]]:
    """Return the rows of each tree that the other does not have just so."""
    old, new = set(_rows(before)), set(_rows(after))
    return {name: _entry(row) for row, name in old - new}, {name: _entry(row) for row, name in new - old}


def _rows(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return each row as it stands there, with its name."""
    rows = _ROW.findall(data)
    if sum(len(row) for row, _ in rows) != len(data):
        raise CorruptObject("a tree object is damaged")
    return rows


def _entry(row: bytes) -> Entry:
    return Entry.of(int(row[: row.index(b" ")], 8), row[-20:].hex())


def encode_commit(tree: str, parents: Sequence[str], message: str, when: datetime) -> bytes:
    """Return the bytes of a commit by git ovn itself, its time in UTC."""
    lines = [b"tree " + tree.encode(), *(b"parent " + parent.encode() for parent in parents)]
    stamp = _stamp(when)
    lines += [b"author " + stamp, b"committer " + stamp, b"", _text(message)]
    return b"\n".join(lines)


def encode_tag(target: str, kind: str, name: str, message: str, when: datetime) -> bytes:
    """Return the bytes of an annotated tag; ``name`` is the ref's name after ``refs/tags/``."""
    head = f"object {target}\ntype {kind}\ntag {name}\ntagger ".encode()
    return head + _stamp(when) + b"\n\n" + _text(message)


def _stamp(when: datetime) -> bytes:
    return b"%s %d +0000" % (_OURS, int(when.timestamp()))


def _text(message: str) -> bytes:
    """Return a message as UTF-8 with one final newline; git stops reading at a NUL, so none is left."""
    return message.replace("\0", "\N{SYMBOL FOR NULL}").strip("\n").encode("utf-8", "replace") + b"\n"


def decode_commit(oid: str, data: bytes) -> CommitInfo:
    """Return a commit's facts, whoever wrote it. Raises CorruptObject when it has no tree."""
    head, _, body = data.partition(b"\n\n")
    headers: dict[bytes, bytes] = {}
    parents = []
    for line in head.split(b"\n"):
        key, _, value = line.partition(b" ")
        if key == b"parent":
            parents.append(value.decode("ascii", "replace"))
        elif key:  # a continuation line of gpgsig or mergetag begins with a space
            headers.setdefault(key, value)
    if b"tree" not in headers:
        raise CorruptObject(f"commit '{oid}' has no tree")
    charset = headers.get(b"encoding", b"utf-8").decode("ascii", "replace")
    name, email, written = _person(headers.get(b"author", b""))
    committed = _person(headers.get(b"committer", b""))[2]
    return CommitInfo(
        oid=oid,
        tree=headers[b"tree"].decode("ascii", "replace"),
        parents=tuple(parents),
        author_name=_decode(name, charset),
        author_email=_decode(email, charset),
        author_time=int(written or 0),
        committer_time=int(committed or 0),
        message=_decode(body, charset),
    )


def peeled(kind: str, data: bytes) -> str | None:
    """Return what a commit (its tree) or a tag (its target) points to; None for other kinds."""
    if kind not in ("commit", "tag"):
        return None
    first = data.partition(b"\n")[0].partition(b" ")
    if first[0] not in (b"tree", b"object") or len(first[2]) != 40:
        raise CorruptObject(f"a {kind} object is damaged")
    return first[2].decode("ascii", "replace")


def _person(line: bytes) -> tuple[bytes, bytes, bytes | None]:
    """Return name, email and time as they stand; the time is None where there is none."""
    match = _PERSON.match(line)
    return (match[1], match[2], match[3]) if match is not None else (b"", b"", None)


def _decode(data: bytes, charset: str) -> str:
    try:
        return data.decode(charset, "replace")
    except LookupError:  # a charset that Python has no name for
        return data.decode("utf-8", "replace")
