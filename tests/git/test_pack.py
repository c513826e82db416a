"""Packs: their bytes, and how one comes to lie among the repository's objects."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ovn.errors import NoSpace, OvnError, ReadOnlyRepository
from ovn.git import pack
from ovn.git.encoding import Entry, encode_commit, encode_tag, encode_tree, object_id
from ovn.git.locks import tidy
from ovn.git.owner import Owner

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

blobs = st.binary(max_size=300) | st.integers(0, 5000).map(lambda size: b"x" * size)


def history(contents):
    """Return the objects of a commit and a tag for each content, as (kind, bytes)."""
    objects, parents = [], []
    for number, content in enumerate(contents):
        blob = ("blob", content)
        tree = ("tree", encode_tree({b"f%d" % number: Entry(0o100644, "blob", object_id(*blob))}))
        commit = ("commit", encode_commit(object_id(*tree), parents, f"c {number}", WHEN))
        parents = [object_id(*commit)]
        objects += [blob, tree, commit, ("tag", encode_tag(parents[0], "commit", f"t{number}", "m", WHEN))]
    return objects


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(contents=st.lists(blobs, max_size=12))
def test_git_reads_back_every_object_of_a_pack(contents, repo, tmp_path):
    """The index is byte for byte the one that git makes from the pack."""
    objects = history(contents)
    encoded = pack.encode(objects)
    whole = tmp_path / "a.pack"
    whole.write_bytes(encoded.pack)
    (tmp_path / "a.idx").unlink(missing_ok=True)
    repo.git("index-pack", "--strict", "-o", tmp_path / "a.idx", whole)
    assert encoded.index == (tmp_path / "a.idx").read_bytes()
    assert sorted(set(encoded.oids)) == pack.read_index(encoded.index)
    listing = repo.git("verify-pack", "-v", tmp_path / "a.idx").splitlines()
    told = {line.split()[0]: line.split()[1:3] for line in listing if len(line.split()) == 5}
    assert told == {object_id(kind, data): [kind, str(len(data))] for kind, data in objects}


def test_an_object_that_comes_twice_is_packed_once():
    encoded = pack.encode([("blob", b"a"), ("blob", b"b"), ("blob", b"a")])
    assert len(encoded.oids) == 3
    assert len(pack.read_index(encoded.index)) == 2


def test_equal_objects_give_equal_bytes():
    objects = history([b"one", b"two"])
    assert pack.encode(objects) == pack.encode(objects)


def test_more_than_an_index_can_address_is_refused(monkeypatch):
    monkeypatch.setattr(pack, "LIMIT", 100)
    with pytest.raises(OvnError, match="2 GiB"):
        pack.encode([("blob", os.urandom(200))])


def test_another_index_is_not_read_as_ours():
    with pytest.raises(OvnError, match="version 2"):
        pack.read_index(b"\0" * 2000)


def test_a_stored_pack_is_whole_read_only_and_kept_until_released(repo, location):
    objects = history([b"one", b"two"])
    packed = pack.store(location, pack.encode(objects))
    files = sorted((repo.git_dir / "objects/pack").iterdir())
    assert [f"{packed.name}.{kind}" for kind in ("idx", "keep", "pack")] == [file.name for file in files]
    assert {0o444 & ~_umask()} == {file.stat().st_mode & 0o777 for file in files}
    assert packed.keep.read_text() == Owner.me().line
    assert (location.local / "packs").read_text() == packed.name + "\n"
    for oid, (kind, data) in zip(packed.oids, objects, strict=True):
        assert repo.run("cat-file", kind, oid).stdout == data
    repo.git("gc", "-q", "--prune=now")
    assert files == sorted((repo.git_dir / "objects/pack").glob(f"{packed.name}.*"))
    packed.release()
    packed.release()
    repo.git("gc", "-q", "--prune=now")
    assert not list((repo.git_dir / "objects/pack").glob(f"{packed.name}.*"))


def test_the_end_of_the_block_releases_also_after_an_error(location):
    with pytest.raises(ZeroDivisionError), pack.store(location, pack.encode([("blob", b"a")])) as packed:
        assert packed.keep.exists()
        1 / 0  # noqa: B018
    assert not packed.keep.exists()


def test_equal_packs_get_names_of_their_own(location):
    """Gc deletes by name: an equal pack that it saw a moment ago must not take ours with it."""
    encoded = pack.encode([("blob", b"same")])
    assert pack.store(location, encoded).name != pack.store(location, encoded).name


@pytest.mark.parametrize("point", ["pack.before_keep", "pack.before_index", "pack.after_index"])
def test_a_full_disk_leaves_nothing_behind(repo, location, point):
    program = (
        "import sys; from pathlib import Path; from ovn.git import pack; from ovn.git.locate import locate;"
        "from ovn.errors import NoSpace\n"
        "try: pack.store(locate(Path(sys.argv[1])), pack.encode([('blob', b'x')]))\n"
        "except NoSpace as error: print(error)"
    )
    done = run(program, repo, OVN_CRASH_POINT=f"{point}:enospc")
    assert "cannot store a pack" in done.stdout
    assert list((repo.git_dir / "objects/pack").iterdir()) == []


def test_no_space_is_named(location, monkeypatch):
    def full(fd, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(NoSpace, match="No space left"):
        pack.store(location, pack.encode([("blob", b"x")]))
    assert list(pack.folder(location).iterdir()) == []


def test_a_prune_that_takes_the_file_which_is_about_to_keep_the_pack_costs_another_try(
    repo, location, monkeypatch
):
    come_by = []

    def prune_once(point):
        come_by.append(point)
        if come_by == ["pack.before_keep"]:
            repo.git("prune", "--expire=now")
            assert list(pack.folder(location).iterdir()) == []

    monkeypatch.setattr(pack, "crash_point", prune_once)
    stored = pack.store(location, pack.encode([("blob", b"x")]))
    assert come_by.count("pack.before_keep") == 2
    assert stored.keep.read_text() == Owner.me().line
    assert repo.git("cat-file", "blob", stored.oids[0]) == "x"


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_named(location):
    pack.folder(location).chmod(0o555)
    with pytest.raises(ReadOnlyRepository):
        pack.store(location, pack.encode([("blob", b"x")]))
    pack.folder(location).chmod(0o755)


@pytest.mark.parametrize(
    ("point", "left"),
    [
        ("pack.before_keep", [""]),  # git's own prune takes what is called tmp_
        ("pack.before_index", []),
        ("pack.after_index", ["idx", "pack"]),
    ],
)
def test_what_a_killed_process_left_is_tidied(repo, location, point, left):
    """A pack without index was never acknowledged; a whole one is given to gc."""
    done = run(STORE, repo, OVN_CRASH_POINT=point)
    assert done.returncode == -9
    repo.fsck()
    tidy(location)
    assert left == sorted(path.suffix[1:] for path in (repo.git_dir / "objects/pack").iterdir())
    repo.git("gc", "-q", "--prune=now")
    repo.fsck()
    assert not list((repo.git_dir / "objects/pack").glob("tmp_*"))


def test_what_a_living_process_or_somebody_else_keeps_is_left_alone(repo, location):
    packed = pack.store(location, pack.encode([("blob", b"mine")]))
    folder = repo.git_dir / "objects/pack"
    theirs = folder / f"pack-{'1' * 40}.keep"
    theirs.write_text("fetch-pack 1 on host\n")
    empty = folder / f"pack-{'2' * 40}.keep"
    empty.touch()
    before_boot = folder / f"pack-{'4' * 40}.keep"
    before_boot.write_text(Owner(os.getpid(), Owner.me().start, "another-boot").line)
    assert pack.drop_dead_keeps(location) == [before_boot.stem]
    assert packed.keep.exists()
    assert theirs.exists()
    assert empty.exists()


STORE = (
    "import sys; from pathlib import Path; from ovn.git import pack; from ovn.git.locate import locate;"
    "pack.store(locate(Path(sys.argv[1])), pack.encode([('blob', b'x')])); print('stored')"
)


def run(program, repo, **env):
    line = [sys.executable, "-c", program, repo.path]
    return subprocess.run(line, env={**os.environ, **env}, capture_output=True, text=True, check=False)


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask
