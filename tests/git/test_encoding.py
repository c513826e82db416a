"""The bytes of git's objects; what git makes of them is in test_objects_contract.py."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn.errors import CorruptObject
from ovn.git.encoding import (
    Entry,
    decode_commit,
    decode_tree,
    encode_commit,
    encode_row,
    encode_tree,
    folder_in,
    join_rows,
    object_id,
    peeled,
    split_rows,
)

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

oids = st.binary(min_size=20, max_size=20).map(bytes.hex)
tree_names = st.binary(min_size=1, max_size=12).filter(
    lambda name: not set(b"/\0") & set(name) and name not in (b".", b"..") and name.lower() != b".git"
)
entries = st.builds(Entry.of, st.sampled_from([0o100644, 0o100755, 0o120000, 0o160000, 0o040000]), oids)


def test_the_empty_tree_has_the_id_that_git_gives_it():
    assert object_id("tree", encode_tree({})) == TREE


@given(st.dictionaries(tree_names, entries, max_size=8))
def test_a_tree_comes_back_row_by_row(rows):
    assert rows == decode_tree(encode_tree(rows))


@given(st.dictionaries(tree_names, entries, max_size=8))
def test_its_rows_are_joined_as_they_were_split(rows):
    tree = encode_tree(rows)
    split = split_rows(tree)
    assert split == {name: encode_row(name, entry) for name, entry in rows.items()}
    assert join_rows(dict(reversed(split.items()))) == tree
    assert {name: folder_in(row) for name, row in split.items()} == {
        name: entry.oid if entry.kind == "tree" else None for name, entry in rows.items()
    }


def test_a_row_that_an_ancient_git_wrote_is_written_as_today():
    row = b"40000 a\0" + bytes(20)
    assert join_rows(split_rows(b"0" + row)) == row
    for mode in (b"40000", b"040000", b"40755"):
        (odd,) = split_rows(mode + b" a\0" + bytes(20)).values()
        assert folder_in(odd) == decode_tree(mode + b" a\0" + bytes(20))[b"a"].oid
    assert folder_in(None) is None


@given(st.binary(max_size=80))
def test_any_bytes_are_a_tree_or_a_named_error(data):
    for read in (decode_tree, split_rows):
        with suppress(CorruptObject):
            read(data)


@pytest.mark.parametrize("read", [decode_tree, split_rows])
@pytest.mark.parametrize("damage", [b"x", b"100644 b\0half", b"\0"])
def test_half_a_row_is_damage(read, damage):
    with pytest.raises(CorruptObject):
        read(b"100644 a\0" + b"b" * 20 + damage)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_commit_or_a_named_error(data):
    for raw in (data, b"tree " + data):
        with suppress(CorruptObject):
            decode_commit("0" * 40, raw)
            peeled("commit", raw)


@given(st.lists(oids, max_size=3), st.text(max_size=60), st.integers(0, 4_000_000_000))
def test_a_commit_comes_back(parents, message, seconds):
    when = datetime.fromtimestamp(seconds, UTC)
    info = decode_commit("1" * 40, encode_commit(TREE, parents, message, when))
    assert (TREE, tuple(parents), seconds, seconds) == (
        *(info.tree, info.parents, info.author_time, info.committer_time),
    )
    assert info.message.endswith("\n")
    assert "\0" not in info.message


def test_a_time_in_another_zone_is_the_same_moment():
    east = WHEN.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert encode_commit(TREE, [], "m", WHEN) == encode_commit(TREE, [], "m", east)


def test_blobs_and_trees_peel_to_nothing():
    assert peeled("blob", b"tree x") is None
    assert peeled("tree", b"") is None
    with pytest.raises(CorruptObject):
        peeled("tag", b"object short\n")
