"""The pure parts of a snapshot: an index file of our own, trees by editing, the meta tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn.errors import CorruptObject
from ovn.git import index, meta, status, treeedit
from ovn.git.encoding import EMPTY_TREE, EXECUTABLE, FILE, GITLINK, SYMLINK, Entry, decode_tree
from ovn.git.inprogress import Unfinished

if TYPE_CHECKING:
    from pathlib import Path

OID = "df967b96a579e45a18b8251732d16804b2e56a55"


def test_git_reads_the_index_that_we_write(repo: Any, tmp_path: Path) -> None:
    """All kinds, stages, and names as long and as odd as they come, in git's order."""
    rows: list[index.Row] = [
        (b"b", 0, Entry.of(EXECUTABLE, OID)),
        (b"a", 1, Entry.of(FILE, OID)),
        (b"a", 3, Entry.of(SYMLINK, OID)),
        (b"a.b/\xff\n", 0, Entry.of(FILE, OID)),
        (b"a/" + b"/".join([b"l" * 200] * 22), 0, Entry.of(FILE, OID)),
        (b"sub", 0, Entry.of(GITLINK, OID)),
    ]
    rows += [(b"n" * length, 0, Entry.of(FILE, OID)) for length in range(1, 20)]
    (tmp_path / "index").write_bytes(index.encode(rows))
    listing = repo.run("ls-files", "-s", "-z", "-v", env={"GIT_INDEX_FILE": str(tmp_path / "index")}).stdout
    read = [(row.path, row.stage, row.entry) for row in status.parse_rows(listing)]
    assert read == sorted(rows, key=lambda row: row[:2])


@pytest.mark.parametrize("skip_hash", ["false", "true"])
def test_we_read_the_index_that_git_went_on_with(repo: Any, tmp_path: Path, skip_hash: str) -> None:
    """It stays of version 2, whatever new ones are made of."""
    where = tmp_path / "index"
    paths = [b"README", b"n" * 4095, b"long/" + b"l" * 200] + [b"n" * length for length in range(1, 20)]
    where.write_bytes(index.encode([(path, 0, Entry.of(FILE, OID)) for path in paths]))
    repo.write("new", "x")
    settings = ("-c", "index.version=4", "-c", f"index.skipHash={skip_hash}", "-c", "feature.manyFiles=true")
    env = {"GIT_INDEX_FILE": str(where)}
    repo.run(*settings, "update-index", "--add", "new", "README", env=env)
    listing = repo.run("ls-files", "-s", "-z", "-v", env=env).stdout
    read = [(row.path, row.stage, row.entry) for row in status.parse_rows(listing)]
    assert index.decode(where.read_bytes()) == read
    assert (b"new", 0) in [row[:2] for row in read]


@pytest.mark.parametrize(
    "spoil", [lambda data: data[:-1], lambda data: data.replace(b"DIRC", b"dirc"), lambda _: b""]
)
def test_an_index_that_is_not_whole_is_refused(spoil: Any) -> None:
    with pytest.raises(CorruptObject, match="damaged"):
        index.decode(spoil(index.encode([(b"a", 0, Entry.of(FILE, OID))])))


def test_rows_are_written_as_git_prints_them(repo: Any) -> None:
    repo.write(b"odd\xff\tname\n", "x")
    repo.git("add", "-A")
    repo.git("update-index", "--skip-worktree", "README")
    listing = repo.run("ls-files", "-s", "-v", "-z").stdout
    assert status.format_rows(status.parse_rows(listing)) == listing
    assert status.flags(repo.run("ls-files", "-v", "-z").stdout) == [("S", b"README")]


PATHS = st.lists(st.sampled_from([b"a", b"b", b"a.c", b"-"]), min_size=1, max_size=3).map(b"/".join)
FILES = st.builds(Entry.of, st.sampled_from([FILE, EXECUTABLE]), st.sampled_from([OID, "1" * 40]))


def apply(files: dict[bytes, Entry], edits: dict[bytes, Entry | None]) -> dict[bytes, Entry]:
    """The model: a mapping of paths, in which a new file takes the place of whatever is in its way."""
    left = {path: entry for path, entry in files.items() if edits.get(path, entry) is not None}
    for path, entry in edits.items():
        if entry is not None:
            left = {
                other: kept
                for other, kept in left.items()
                if not other.startswith(path + b"/") and not path.startswith(other + b"/")
            }
            left[path] = entry
    return left


def flat(trees: dict[str, bytes], oid: str, prefix: bytes = b"") -> dict[bytes, Entry]:
    """Return all files of a tree by path."""
    found: dict[bytes, Entry] = {}
    for name, entry in decode_tree(trees[oid]).items():
        if entry.kind == "tree":
            found |= flat(trees, entry.oid, prefix + name + b"/")
        else:
            found[prefix + name] = entry
    return found


def without_clashes(edits: dict[bytes, Entry | None]) -> dict[bytes, Entry | None]:
    """Leave out new files that lie below another new file: no work tree has both."""
    new = [path for path, entry in edits.items() if entry is not None]
    return {path: e for path, e in edits.items() if not any(path.startswith(one + b"/") for one in new)}


@given(st.dictionaries(PATHS, FILES, max_size=8), st.dictionaries(PATHS, st.none() | FILES, max_size=6))
def test_editing_a_tree_is_editing_its_list_of_files(
    files: dict[bytes, Entry], edits: dict[bytes, Entry | None]
) -> None:
    """And every new tree that is needed is among those returned."""
    trees = {EMPTY_TREE: b""}
    edits = without_clashes(edits)
    start, new = treeedit.edit(trees.__getitem__, None, without_clashes(dict(files)))
    trees |= new
    before = flat(trees, start)
    after, new = treeedit.edit(trees.__getitem__, start, edits)
    trees |= new
    assert flat(trees, after) == apply(before, edits)
    assert treeedit.edit(trees.__getitem__, None, dict(apply(before, edits)))[0] == after


def test_a_meta_tree_reads_back(kit: Any) -> None:
    objects = kit.objects
    blob = objects.write("blob", b"stage")
    rows = tuple(status.Listed("M", Entry.of(FILE, blob), n, b"odd\n\xff") for n in (1, 2, 3))
    state = meta.Meta(
        rows=rows,
        intents=(status.Listed("H", Entry.of(EXECUTABLE, blob), 0, b"new"),),
        present=(b"x", b"\xff"),
        unfinished=Unfinished({b"MERGE_HEAD": kit.repo.head.encode()}, {"refs/bisect/bad": kit.repo.head}),
    )
    built = meta.build(objects, state)
    for kind, data in built.objects.values():
        objects.write(kind, data)
    assert meta.parse(objects, built.tree) == state
    assert built.keeps == (kit.repo.head,)
    assert objects.find(built.tree, f"objects/{blob}") == Entry.of(FILE, blob)


def test_nothing_to_say_is_no_meta_tree(kit: Any) -> None:
    assert meta.build(kit.objects, meta.Meta()).tree is None
    assert meta.parse(kit.objects, None) == meta.Meta()
