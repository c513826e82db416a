"""A damaged index is seen, kept, and replaced by one that git reads."""

from __future__ import annotations

import pytest

from ovn.errors import CorruptObject, Locked
from ovn.git import index as indexes
from ovn.git.mending import damage, rebuild_index, set_aside_damaged
from ovn.git.run import Git


@pytest.mark.parametrize(
    "config", [{}, {"index.version": "4"}, {"index.skipHash": "true"}, {"core.splitIndex": "true"}]
)
def test_an_index_that_git_wrote_is_whole(tmp_path, make_repo, config):
    repo = make_repo(tmp_path / "r", config=config)
    repo.write("a", "1")
    repo.git("add", "a")
    assert damage(repo.location) is None


def test_a_repository_without_an_index_has_no_damaged_one(tmp_path, make_repo):
    assert damage(make_repo(tmp_path / "r", commit=False).location) is None


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda _: b"", "it has 0 bytes"),
        (lambda data: data[: len(data) // 2], "its checksum is wrong"),
        (lambda data: data[:20], "it has 20 bytes"),
        (lambda data: bytes(len(data)), "it does not begin like an index"),
        (lambda data: data[:40] + b"\xff" + data[41:], "its checksum is wrong"),
    ],
    ids=["empty", "half", "stub", "zeros", "flipped"],
)
def test_a_damaged_index_is_set_aside_and_made_again_from_head(repo, spoil, words):
    repo.write("new", "untracked")
    repo.write("README", "edited")
    index = repo.git_dir / "index"
    bad = spoil(index.read_bytes())
    index.write_bytes(bad)
    assert damage(repo.location) == words
    aside = rebuild_index(Git(repo.location))
    assert aside.read_bytes() == bad
    assert damage(repo.location) is None
    assert repo.git("status", "--porcelain") == " M README\n?? new"
    assert repo.read("README") == b"edited"


def test_each_damaged_index_keeps_a_name_of_its_own(repo):
    found = []
    for _ in range(3):
        (repo.git_dir / "index").write_bytes(b"")
        found.append(rebuild_index(Git(repo.location)).name)
    assert found == ["index-main-1", "index-main-2", "index-main-3"]


def test_before_the_first_commit_the_new_index_is_empty(tmp_path, make_repo):
    repo = make_repo(tmp_path / "r", commit=False)
    repo.write("a", "1")
    (repo.git_dir / "index").write_bytes(b"short")
    rebuild_index(Git(repo.location))
    assert repo.git("status", "--porcelain") == "?? a"


def test_a_sparse_checkout_stays_sparse(repo):
    repo.write("in/a", "1")
    repo.write("out/b", "1")
    repo.commit()
    repo.git("sparse-checkout", "set", "in")
    (repo.git_dir / "index").write_bytes(b"")
    rebuild_index(Git(repo.location))
    assert repo.git("status", "--porcelain") == ""
    assert not (repo.path / "out").exists()


def test_a_live_git_that_holds_the_index_is_waited_for_and_then_named(repo, monkeypatch):
    monkeypatch.setattr(indexes, "PATIENCE", 0.1)
    (repo.git_dir / "index").write_bytes(b"")
    lock = repo.git_dir / "index.lock"
    with lock.open("w"), pytest.raises(Locked):
        rebuild_index(Git(repo.location))
    assert (repo.git_dir / "index").read_bytes() == b""


# -- loose objects ---------------------------------------------------------------------


def spoil(repo, oid, data=b""):
    """Leave of a loose object what a power cut may leave."""
    path = repo.git_dir / "objects" / oid[:2] / oid[2:]
    path.chmod(0o644)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("staged", [False, True])
@pytest.mark.parametrize("left", [b"", b"x\x9c", b"rubbish"])
def test_a_snapshot_writes_a_damaged_object_of_its_files_anew(kit, repo, staged, left):
    """git itself believes that it has it: the snapshot would hold what nobody can read."""
    repo.write("new", "content\n")
    repo.git("add", "new")
    oid = repo.git("rev-parse", ":new")
    spoil(repo, oid, left)
    if not staged:
        repo.git("rm", "-q", "--cached", "new")
    kit.hold(kit.take())
    assert repo.git("cat-file", "blob", oid) == "content"
    assert (repo.location.local / f"aside/object-{oid}").read_bytes() == left
    repo.fsck()


def test_a_damaged_tree_is_written_anew_too(kit, repo):
    repo.write("src/new", "content\n")
    oid = repo.git("rev-parse", f"{kit.take().tree}:src")
    spoil(repo, oid)
    kit.hold(kit.take())
    repo.fsck()


def test_staged_content_that_is_lost_for_good_is_said(kit, repo):
    repo.write("new", "staged\n")
    repo.git("add", "new")
    spoil(repo, repo.git("rev-parse", ":new"))
    repo.write("new", "changed since\n")
    with pytest.raises(CorruptObject, match="has lost 'new'"):
        kit.hold(kit.take())


def test_a_sound_object_stays_where_it_is(location, repo):
    assert set_aside_damaged(location, [repo.head, "0" * 40]) == []
    repo.fsck()
