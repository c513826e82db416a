"""What any ObjectStore keeps to; a second implementation is one more line in OPENERS."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
import traceback
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ovn import names
from ovn.errors import (
    CorruptObject,
    InvalidName,
    Locked,
    NoSpace,
    OvnError,
    ReadOnlyRepository,
    RefClash,
    RefMoved,
    UnsupportedRepository,
)
from ovn.git import encoding
from ovn.git.encoding import object_id
from ovn.git.gc import gc_guard
from ovn.git.libgit2 import Libgit2Store
from ovn.git.locate import Location
from ovn.git.objects import Change, Entry
from ovn.git.opening import open_store
from ovn.git.plain import PlainStore
from ovn.git.trees import added

OPENERS = {"libgit2": Libgit2Store, "plain": PlainStore}
WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NOWHERE = "12" * 20


@pytest.fixture(params=OPENERS)
def opener(request):
    """Return the way to open a store, once for each implementation."""
    return OPENERS[request.param]


@pytest.fixture
def store(opener, location):
    """Return a store on the fresh repository."""
    return opener(location)


def commits(store, count, *, start=()):
    """Write ``count`` commits, each the child of the one before; returns their ids."""
    tree = store.write_tree({})
    made = list(start)
    for number in range(count):
        made.append(store.write_commit(tree, made[-1:], f"number {number}", when=WHEN))
    return made[len(start) :]


# -- objects ---------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"text\n", bytes(range(256)) * 999], ids=["empty", "text", "bytes"])
def test_what_is_written_is_read_by_us_and_by_git(store, repo, data):
    oid = store.write("blob", data)
    assert store.read(oid) == ("blob", data)
    assert repo.run("cat-file", "blob", oid).stdout == data
    assert store.exists(oid)


def test_an_object_that_is_not_there_is_named(store):
    assert not store.exists(NOWHERE)
    with pytest.raises(CorruptObject, match=NOWHERE):
        store.read(NOWHERE)


def test_a_damaged_object_is_named_and_not_returned(store, repo):
    oid = store.write("blob", b"whole")
    path = repo.git_dir / "objects" / oid[:2] / oid[2:]
    path.chmod(0o644)
    path.write_bytes(b"rubbish")
    with pytest.raises(OvnError, match=oid):
        store.read(oid)


def test_a_tree_is_the_one_git_makes(store, repo):
    """Git sorts a folder as if its name ended in a slash: a.b before a/ before a0."""
    for path in ("a/inner", "a.b", "a0", "z space", "é"):
        repo.write(path, path)
    repo.write("run", "#!/bin/sh\n", executable=True)
    (repo.path / "link").symlink_to("a.b")
    repo.commit()
    tree = repo.git("rev-parse", "HEAD^{tree}")
    rows = store.entries(tree)
    assert tree == store.write_tree(rows)
    assert rows == store.entries(repo.head)
    assert (rows[b"link"].mode, rows[b"link"].kind) == (0o120000, "blob")
    assert (rows[b"run"].mode, rows[b"run"].kind) == (0o100755, "blob")
    assert (rows[b"a"].mode, rows[b"a"].kind) == (0o040000, "tree")


def test_the_empty_tree_is_there_although_git_leaves_it_unwritten(store, repo):
    empty = repo.git("mktree", "--missing")
    assert store.exists(empty)
    assert store.entries(empty) == {}
    assert empty == store.write_tree({})


def test_a_submodule_in_a_tree_is_a_commit(store, repo):
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{NOWHERE},sub")
    tree = repo.git("write-tree")
    assert store.entries(tree)[b"sub"] == Entry(0o160000, "commit", NOWHERE)
    assert store.find(tree, "sub/inside") is None


@pytest.mark.parametrize("name", [b"", b".", b"..", b".git", b".GIT", b"a/b", b"a\0b"])
def test_a_name_that_no_tree_may_hold_is_refused(store, name):
    with pytest.raises(InvalidName):
        store.write_tree({name: Entry(0o100644, "blob", NOWHERE)})


def test_find_and_blob_answer_by_path(store, repo):
    repo.write("src/deep/file.py", "code")
    repo.write(b"odd\n\xff", "odd")
    head = repo.commit()
    tree = store.commit(head).tree
    assert store.blob(head, "src/deep/file.py") == b"code"
    assert store.blob(tree, '"odd\\n\\377"') == b"odd"
    assert store.find(head, "src/deep") == store.entries(store.find(head, "src").oid)[b"deep"]
    assert store.blob(head, "src/deep") is None
    assert store.find(head, "src/none") is None
    assert store.find(head, "src/deep/file.py/further") is None
    assert store.find(head, "") is None


def test_a_commit_of_ours_is_by_git_ovn_in_utc_and_valid(store, repo):
    tree = store.write_tree({})
    oid = store.write_commit(tree, [repo.head], "subject\n\nbody é \udc80 nul \0 end\n\n", when=WHEN)
    info = store.commit(oid)
    assert (tree, (repo.head,), "git ovn", "ovn@localhost") == (
        *(info.tree, info.parents, info.author_name, info.author_email),
    )
    assert info.author_time == info.committer_time == int(WHEN.timestamp())
    assert info.message == "subject\n\nbody é ? nul ␀ end\n"
    assert info.subject == repo.git("log", "-1", "--format=%s", oid) == "subject"
    assert repo.git("log", "-1", "--format=%an <%ae> %aI %cI", oid) == (
        "git ovn <ovn@localhost> 2026-01-02T03:04:05+00:00 2026-01-02T03:04:05+00:00"
    )
    repo.fsck()


def test_a_commit_by_somebody_else_is_understood(store, repo):
    tree = store.write_tree({})
    raw = (
        f"tree {tree}\nauthor J\xf6rg <j@x> 1234 +0200\ncommitter <> 99999 -0000\n"
        "encoding ISO-8859-1\ngpgsig -----BEGIN\n line\n -----END\n\ngr\xfcn"
    ).encode("latin-1")
    info = store.commit(store.write("commit", raw))
    assert (
        *(info.author_name, info.author_email, info.author_time, info.committer_time, info.message),
        info.parents,
    ) == ("Jörg", "j@x", 1234, 99999, "grün", ())


def test_what_is_no_commit_is_not_read_as_one(store):
    with pytest.raises(CorruptObject, match="a blob, not a commit"):
        store.commit(store.write("blob", b"x"))
    with pytest.raises(CorruptObject, match="a blob, not a tree"):
        store.entries(store.write("blob", b"x"))
    with pytest.raises(CorruptObject, match="no tree"):
        store.commit(store.write("commit", b"rubbish\n\n"))
    with pytest.raises(CorruptObject, match="damaged"):
        store.entries(store.write("tree", b"100644 half\0abc"))


def test_an_annotated_tag_is_one_to_git_and_peels(store, repo):
    oid = store.write_tag(repo.head, "ovn/session-001/label", "the message", WHEN)
    store.update_ref("refs/tags/ovn/session-001/label", oid, None, "tag")
    assert repo.git("cat-file", "-t", "ovn/session-001/label") == "tag"
    assert repo.git("for-each-ref", "--format=%(taggername) %(subject)", "refs/tags") == "git ovn the message"
    assert store.resolve("refs/tags/ovn/session-001/label") == oid
    assert store.resolve("refs/tags/ovn/session-001/label", peel=True) == repo.head
    assert store.commit(oid).oid == repo.head
    assert b"README" in store.entries(oid)
    repo.fsck()


def test_a_pack_is_seen_at_once_and_by_a_store_that_was_open_before(store, opener, location, repo):
    other = opener(location)
    assert not other.exists(object_id("blob", b"new"))
    with store.write_pack([("blob", b"new"), ("blob", b"newer")]) as packed:
        assert other.read(packed.oids[1]) == ("blob", b"newer")
        assert store.exists(packed.oids[0])
    repo.fsck()


def test_reading_goes_on_when_gc_takes_the_pack_away(store, repo):
    """The store had the pack's index open; after a repack the same objects lie elsewhere."""
    oid = store.write("blob", b"kept by a ref")
    tree = store.write_tree({b"f": Entry(0o100644, "blob", oid)})
    commit = store.write_commit(tree, [], "c", when=WHEN)
    store.update_ref("refs/ovn/checkpoint/s/0001", commit, None, "c")
    for content in ("one", "two"):
        repo.write("other", content)
        repo.commit()
        repo.git("gc", "-q", "--prune=now")
        assert store.blob(commit, "f") == b"kept by a ref"


# -- differences -----------------------------------------------------------------------


def test_changes_are_the_files_that_differ(store, repo):
    repo.write("same/file", "same")
    repo.write("gone", "gone")
    repo.write("becomes", "a file")
    before = repo.commit()
    (repo.path / "gone").unlink()
    (repo.path / "becomes").unlink()
    repo.write("becomes/folder", "x")
    repo.write("README", "new\n")
    after = repo.commit()
    changes = store.changes(before, after)
    assert [(c.path, c.old is not None, c.new is not None) for c in changes] == [
        (b"README", True, True),
        (b"becomes", True, False),
        (b"becomes/folder", False, True),
        (b"gone", True, False),
    ]
    assert store.changes(before, before) == []
    assert [Change(c.path, c.new, c.old) for c in changes] == store.changes(after, before)
    assert [c.path for c in store.changes(None, after)] == [b"README", b"becomes/folder", b"same/file"]


shape = st.dictionaries(st.sampled_from(["a", "b", "a/x", "a/y/z", "b/x", "c"]), st.binary(max_size=2))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(shapes=st.tuples(shape, shape))
def test_changes_agree_with_git(store, repo, shapes):
    trees = []
    for files in shapes:
        flat = {p: d for p, d in files.items() if not any(p.startswith(q + "/") for q in files)}
        listing = "".join(f"100644 {store.write('blob', data)}\t{path}\n" for path, data in flat.items())
        index = {"GIT_INDEX_FILE": str(repo.git_dir / "private-index")}
        repo.git("read-tree", "--empty", env=index)
        repo.git("update-index", "--add", "--index-info", stdin=listing.encode(), env=index)
        trees.append(repo.git("write-tree", env=index))
    told = repo.run("diff-tree", "-r", "-z", "--no-renames", "--name-only", *trees).stdout.split(b"\0")[:-1]
    assert sorted(told) == [change.path for change in store.changes(*trees)]
    rows = repo.run("diff-tree", "-r", "-t", "-z", "--no-renames", *trees).stdout.split(b"\0")[:-1]
    new = {(path, row.split()[3].decode()) for row, path in zip(rows[::2], rows[1::2], strict=True)}
    new = {row for row in new if set(row[1]) != {"0"}} | ({(b"", trees[1])} if rows else set())
    assert set(added(store.tree, *trees)) == new


def test_loose_objects_are_stored_many_at_a_time_and_read_as_git_reads_them(store, repo):
    blob = ("blob", b"text\n" * 5000)
    tree = ("tree", encoding.encode_tree({b"f": Entry(0o100644, "blob", object_id(*blob))}))
    for _ in range(2):  # what is there already is no reason to fail
        store.write_loose([blob, tree])
    assert repo.git("cat-file", "-p", object_id(*tree)) == f"100644 blob {object_id(*blob)}\tf"
    assert store.tree(object_id(*tree)) == tree[1]
    assert store.read(object_id(*blob)) == blob
    assert not list((repo.git_dir / "objects" / "pack").iterdir())
    store.write_loose([])


def test_two_thousand_folders_deep_is_no_deeper_than_the_stack(store):
    tree = store.write_tree({b"f": Entry(0o100644, "blob", store.write("blob", b"x"))})
    rows = [("tree", encoding.encode_tree({b"f": Entry(0o100644, "blob", store.write("blob", b"x"))}))]
    for _ in range(2000):
        rows.append(("tree", encoding.encode_tree({b"d": Entry(0o040000, "tree", tree)})))
        tree = object_id(*rows[-1])
    with store.write_pack(rows):
        assert [change.path for change in store.changes(None, tree)] == [b"d/" * 2000 + b"f"]
        assert store.find(tree, "d/" * 2000 + "f") is not None


# -- history ---------------------------------------------------------------------------


def test_ancestry_is_git_s(store, repo):
    first, second, third = commits(store, 3)
    (other,) = commits(store, 1, start=[first])
    assert store.is_ancestor(first, third)
    assert store.is_ancestor(third, third)
    assert not store.is_ancestor(third, first)
    assert not store.is_ancestor(second, other)
    with pytest.raises(CorruptObject):
        store.is_ancestor(NOWHERE, first)


def test_a_walk_gives_children_before_parents_and_leaves_out_what_is_hidden(store, repo):
    line = commits(store, 4)
    side = commits(store, 2, start=line[:2])
    tree = store.write_tree({})
    merge = store.write_commit(tree, [line[-1], side[-1]], "merge", when=WHEN)
    top = commits(store, 2, start=[merge])
    told = [info.oid for info in store.walk([top[-1]])]
    assert told[:3] == [top[1], top[0], merge]
    assert set(told) == {*line, *side, merge, *top}
    for info in map(store.commit, told):
        assert all(told.index(info.oid) < told.index(parent) for parent in info.parents)
    assert {*side, merge} == {info.oid for info in store.walk([merge], hide=[line[-1]])}
    assert len(told) == len(list(store.walk([top[-1], line[0], top[-1]])))


def test_the_first_commit_of_a_long_line_comes_before_the_last_is_read(store, repo):
    """A straight line is followed one by one: a missing end is met only by who goes there."""
    line = commits(store, 50)
    (repo.git_dir / "objects" / line[0][:2] / line[0][2:]).unlink()
    walk = store.walk([line[-1]])
    assert line[-1] == next(walk).oid
    with pytest.raises(CorruptObject):
        list(walk)


def test_a_shallow_clone_ends_where_it_ends(opener, store, repo, make_repo, tmp_path):
    for number in range(4):
        repo.commit(f"more {number}")
    subprocess.run(
        ["git", "clone", "-q", "--depth=2", f"file://{repo.path}", tmp_path / "shallow"], check=True
    )
    shallow = opener(make_repo(tmp_path / "shallow", commit=False).location)
    assert [repo.head, repo.git("rev-parse", "HEAD^")] == [info.oid for info in shallow.walk([repo.head])]


# -- refs ------------------------------------------------------------------------------


def test_a_name_resolves_to_what_git_says(store, repo):
    repo.git("branch", "other")
    assert repo.head == store.resolve("HEAD") == store.resolve("refs/heads/other") == store.resolve(repo.head)
    assert store.resolve("refs/heads/none") is None
    assert store.resolve(NOWHERE) is None


def test_refs_lists_a_prefix_loose_and_packed(store, repo):
    repo.git("update-ref", "refs/ovn/checkpoint/a/0001", repo.head)
    repo.git("pack-refs", "--all")
    repo.git("update-ref", "refs/ovn/checkpoint/a/0002", repo.head)
    repo.git("update-ref", "refs/ovn/lease/x", repo.head)
    assert list(store.refs("refs/ovn/checkpoint/")) == [
        "refs/ovn/checkpoint/a/0001",
        "refs/ovn/checkpoint/a/0002",
    ]
    assert store.refs("refs/none/") == {}
    assert repo.head == store.refs("refs/heads/")["refs/heads/main"]


@pytest.mark.parametrize("packed", [False, True])
def test_a_ref_moves_only_from_the_value_that_is_expected(store, repo, packed):
    first, second, third = commits(store, 3)
    store.update_ref(names.STATE_REF, first, None, "begin")
    if packed:
        repo.git("pack-refs", "--all")
    for wrong in (None, second, third):
        with pytest.raises(RefMoved, match=first):
            store.update_ref(names.STATE_REF, third, wrong, "wrong")
        with pytest.raises(RefMoved):
            store.update_ref(names.STATE_REF, None, wrong, "wrong") if wrong else store.update_ref(
                names.STATE_REF, first, None, "again"
            )
    store.update_ref(names.STATE_REF, second, first, "go on")
    assert repo.git("rev-parse", names.STATE_REF) == second
    if packed:
        repo.git("pack-refs", "--all")
    with pytest.raises(RefMoved):
        store.update_ref(names.STATE_REF, None, first, "wrong")
    store.update_ref(names.STATE_REF, None, second, "end")
    assert store.resolve(names.STATE_REF) is None
    assert "overnight" not in repo.git("for-each-ref")
    with pytest.raises(RefMoved, match="nothing"):
        store.update_ref(names.STATE_REF, third, second, "late")


def test_a_move_of_a_branch_says_why_in_its_reflog(store, repo):
    first, second = commits(store, 2)
    store.update_ref(names.STATE_REF, first, None, "begin")
    store.update_ref(names.STATE_REF, second, first, "go\non")
    assert repo.git("reflog", "show", "--format=%gs %gn", names.STATE_REF).splitlines() == [
        "go on git ovn",
        "begin git ovn",
    ]


def test_a_ref_never_names_what_is_not_there(store, repo):
    with pytest.raises(CorruptObject, match=NOWHERE):
        store.update_ref("refs/ovn/keep/state", NOWHERE, None, "broken")
    assert store.resolve("refs/ovn/keep/state") is None
    assert not list((repo.git_dir / "refs").rglob("*.lock"))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("there", "wanted"),
    [("refs/heads/overnight", names.STATE_REF), (names.STATE_REF, "refs/heads/overnight")],
)
def test_a_branch_called_overnight_stands_in_the_way_and_is_named(store, repo, there, wanted, packed):
    store.update_ref(there, repo.head, None, "theirs")
    if packed:
        repo.git("pack-refs", "--all")
    with pytest.raises(RefClash, match="overnight"):
        store.update_ref(wanted, repo.head, None, "ours")
    assert store.resolve(wanted) is None
    assert repo.head == store.resolve(there)
    assert not list((repo.git_dir / "refs").rglob("*.lock"))
    repo.fsck()


def test_a_ref_that_somebody_made_symbolic_is_refused_and_its_target_left_alone(store, repo):
    """Followed, the state would be written to the person's own branch."""
    (commit,) = commits(store, 1)
    repo.git("symbolic-ref", names.STATE_REF, "refs/heads/main")
    head = repo.head
    with pytest.raises(RefClash, match="symbolic"):
        store.update_ref(names.STATE_REF, commit, head, "state")
    assert head == repo.head


def test_a_name_git_would_refuse_is_refused(store, repo):
    for name in ("refs/ovn/a..b", "refs/ovn/x.lock", "refs/ovn/ space"):
        with pytest.raises(InvalidName):
            store.update_ref(name, repo.head, None, "bad")


def test_a_held_lock_is_waited_for_as_long_as_git_waits_then_named(store, repo):
    (commit,) = commits(store, 1)
    lock = repo.git_dir / "refs/heads/work.lock"
    lock.touch()
    began = time.monotonic()
    with pytest.raises(Locked, match="work"):
        store.update_ref("refs/heads/work", commit, None, "x")
    assert 0.1 <= time.monotonic() - began < 1
    lock.unlink()
    store.update_ref("refs/heads/work", commit, None, "x")


@pytest.mark.parametrize(
    "ref", ["refs/ovn/checkpoint/s/0001", "refs/tags/ovn/s/x", "refs/ovn/lease/session/s"]
)
@pytest.mark.parametrize("age", [0, 60, -3600])
def test_the_lock_that_a_killed_process_left_on_our_ref_is_broken_in_a_second(store, repo, ref, age):
    """Also a fresh one, and one from the future; whoever lives needs milliseconds."""
    (commit,) = commits(store, 1)
    lock = repo.git_dir / f"{ref}.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    os.utime(lock, (time.time() - age,) * 2)
    began = time.monotonic()
    store.update_ref(ref, commit, None, "x")
    assert time.monotonic() - began < 3
    assert store.resolve(ref) == commit


def test_deleting_a_packed_ref_while_packed_refs_is_locked_says_so(store, repo):
    (commit,) = commits(store, 1)
    store.update_ref("refs/ovn/keep/state", commit, None, "x")
    repo.git("pack-refs", "--all")
    repo.git("config", "core.packedRefsTimeout", "10")
    lock = repo.git_dir / "packed-refs.lock"
    lock.touch()
    with pytest.raises(Locked, match="packed-refs"):
        store.update_ref("refs/ovn/keep/state", None, commit, "x")
    lock.unlink()
    store.update_ref("refs/ovn/keep/state", None, commit, "x")
    assert store.resolve("refs/ovn/keep/state") is None


# -- which repositories ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings_", "word"),
    [
        ({"extensions.partialClone": "origin"}, "partialclone"),
        ({"extensions.refStorage": "reftable"}, "refstorage"),
        ({"extensions.refStorage": "files"}, "refstorage"),
        ({"extensions.objectFormat": "sha256"}, "object format"),
        ({"extensions.whatComes": "true"}, "whatcomes"),
    ],
)
def test_a_repository_that_the_library_cannot_read_is_refused_by_name(make_repo, tmp_path, settings_, word):
    repo = make_repo(tmp_path / "strange")
    location = repo.location
    with (repo.git_dir / "config").open("a") as config:
        config.write("[core]\n\trepositoryformatversion = 1\n[extensions]\n")
        for key, value in settings_.items():
            config.write(f"\t{key.removeprefix('extensions.')} = {value}\n")
    with pytest.raises(UnsupportedRepository) as refusal:
        open_store(location)
    assert word in str(refusal.value).lower()
    assert refusal.value.hint


def test_a_sha256_repository_is_refused_where_it_is_located(make_repo, tmp_path):
    repo = make_repo(tmp_path / "sha256", init=["--object-format=sha256"])
    with pytest.raises(UnsupportedRepository, match="sha256"):
        repo.location  # noqa: B018


def test_no_repository_is_said_so(tmp_path):
    with pytest.raises(OvnError, match="cannot open"):
        open_store(Location(tmp_path, tmp_path / ".git", tmp_path / ".git"))


def test_a_linked_work_tree_shares_objects_and_refs_and_has_its_own_head(
    opener, store, repo, make_repo, tmp_path
):
    repo.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "linked"))
    linked = make_repo(tmp_path / "linked", commit=False)
    linked.commit("on the side")
    other = opener(linked.location)
    assert linked.head == other.resolve("HEAD") != store.resolve("HEAD")
    assert linked.head == store.resolve("refs/heads/side")
    other.update_ref(names.STATE_REF, linked.head, None, "shared")
    assert linked.head == store.resolve(names.STATE_REF)


@pytest.mark.skipif(os.getuid() != 0 or shutil.which("chattr") is None, reason="needs root and chattr")
def test_a_repository_that_cannot_be_written_is_named_and_can_still_be_read(store, repo):
    objects = repo.git_dir / "objects"
    done = subprocess.run(["chattr", "-R", "+i", str(objects)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("the file system has no immutable files")
    try:
        with pytest.raises(ReadOnlyRepository):
            store.write("blob", os.urandom(20))
        with pytest.raises(ReadOnlyRepository):
            store.write_pack([("blob", os.urandom(20))])
        assert store.commit(repo.head).subject == "first"
    finally:
        subprocess.run(["chattr", "-R", "-i", str(objects)], check=True)


@pytest.mark.root
@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to mount a small disk")
def test_on_a_full_disk_a_write_is_there_or_it_is_refused(opener, make_repo, tmp_path):
    """libgit2's create_commit returned an id for what was not written."""
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", small]
    if subprocess.run(mount, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        repo = make_repo(small / "repo")
        store = opener(repo.location)
        tip, written, refused = None, [], 0
        tree = store.write_tree({})
        for number in range(200):
            try:
                written.append(store.write("blob", os.urandom(40 * number)))
                written.append(store.write_commit(tree, [], f"c {number}", when=WHEN))
                store.update_ref(names.STATE_REF, written[-1], tip, "x")
                tip = written[-1]
                written += store.write_pack([("blob", os.urandom(2000))]).oids
            except NoSpace:
                refused += 1
        assert min(refused, len(written)) > 20
        assert all(opener(repo.location).exists(oid) for oid in written)
        assert tip == opener(repo.location).resolve(names.STATE_REF)
        assert not list((repo.git_dir / "refs").rglob("*.lock"))
        repo.fsck()
    finally:
        subprocess.run(["umount", "-l", small], check=True)


# -- many at once ----------------------------------------------------------------------


def in_processes(count, work):
    """Run ``work(number)`` in forked processes; returns when all ended well."""
    children = []
    for number in range(count):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                work(number)
                code = 0
            except BaseException:
                traceback.print_exc()
                raise
            finally:
                os._exit(code)
        children.append(pid)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    assert codes == [0] * count


class Looping:
    """A git command in a loop beside the test, for as long as the ``with`` lasts.

    ``count`` says how often it succeeded: a loop of failures would test nothing.
    """

    SCRIPT = 'while [ -e "$0" ]; do git "$@" >/dev/null 2>&1 && echo; done'

    def __init__(self, repo, *args):
        self.repo, self.args = repo, args
        self.flag, self.told = repo.git_dir / "looping", repo.git_dir / "looped"

    def __enter__(self):
        self.flag.touch()
        with self.told.open("wb") as told:
            line = ["sh", "-c", self.SCRIPT, self.flag, *self.args]
            self.process = subprocess.Popen(line, cwd=self.repo.path, stdout=told)
        return self

    @property
    def count(self):
        return self.told.stat().st_size

    def __exit__(self, *_):
        self.flag.unlink()
        self.process.wait()


def test_eight_processes_move_one_ref_and_no_move_is_lost(opener, location, repo):
    """Each move is a commit on the one found; all must be in the history, pack-refs or not."""

    def work(number):
        mine = opener(location)
        tree = mine.write_tree({})
        for turn in range(50):
            while True:
                tip = mine.resolve(names.STATE_REF)
                parents = [tip] if tip else []
                commit = mine.write_commit(tree, parents, f"{number} {turn}", when=WHEN)
                try:
                    mine.update_ref(names.STATE_REF, commit, tip, "race")
                except (RefMoved, Locked):
                    continue
                break

    with Looping(repo, "pack-refs", "--all") as packing:
        in_processes(8, work)
    subjects = repo.git("log", "--format=%s", names.STATE_REF).splitlines()
    assert sorted(subjects) == sorted(f"{number} {turn}" for number in range(8) for turn in range(50))
    assert packing.count > 10
    repo.fsck()


def test_of_many_who_create_a_ref_one_wins(opener, location, repo, tmp_path):
    """References.create checks before it locks: it had two winners in 6 of 300 races."""
    rounds, racers = 60, 3
    line = commits(opener(location), racers)
    wins = [[] for _ in range(rounds)]
    gate = threading.Barrier(racers)

    def work(number):
        mine = opener(location)
        for turn in range(rounds):
            gate.wait()
            try:
                mine.update_ref(f"refs/ovn/lease/feature/{turn}", line[number], None, "take")
            except (RefMoved, Locked):
                continue
            wins[turn].append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(racers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [1] * rounds == [len(winners) for winners in wins]
    store = opener(location)
    assert [line[winners[0]] for winners in wins] == [
        store.resolve(f"refs/ovn/lease/feature/{turn}") for turn in range(rounds)
    ]


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_what_is_written_beside_a_looping_gc_is_whole(opener, location, repo):
    """Unreferenced objects, a commit, then a ref, as a checkpoint does it; gc prunes all the while.

    Without the guard one in some dozens was corrupt.
    """
    for number in range(40):
        repo.write(f"file-{number}", f"content {number}\n" * 50)
    repo.commit()
    done = 0
    store = opener(location)
    with Looping(repo, "gc", "-q", "--prune=now") as collecting:
        until = time.monotonic() + 60
        while done < 60 or (collecting.count < 8 and time.monotonic() < until):
            with gc_guard(location, timeout=30):
                rows = {
                    b"%d" % n: Entry(0o100644, "blob", store.write("blob", b"%d in %d" % (n, done)))
                    for n in range(5)
                }
                commit = store.write_commit(store.write_tree(rows), [], f"checkpoint {done}", when=WHEN)
                store.update_ref(f"refs/ovn/checkpoint/s/{done:04d}", commit, None, "checkpoint")
            done += 1
    assert done >= 60
    assert collecting.count >= 8
    assert done == len(store.refs("refs/ovn/checkpoint/"))
    repo.fsck()


@pytest.mark.timeout(120)
def test_a_pack_is_safe_from_gc_until_its_ref_is_there(opener, location, repo):
    """A fold holds no gc.pid: its .keep alone has to protect it."""
    done, tip = 0, None
    store = opener(location)
    with Looping(repo, "gc", "-q", "--prune=now") as collecting:
        until = time.monotonic() + 60
        while done < 150 or (collecting.count < 15 and time.monotonic() < until):
            blob = b"step %d" % done
            tree = encoding.encode_tree({b"f": Entry(0o100644, "blob", object_id("blob", blob))})
            data = encoding.encode_commit(object_id("tree", tree), [tip] if tip else [], f"fold {done}", WHEN)
            with store.write_pack([("blob", blob), ("tree", tree), ("commit", data)]) as packed:
                store.update_ref(names.STATE_REF, packed.oids[2], tip, "fold")
                tip = packed.oids[2]
            done += 1
    assert collecting.count >= 15
    assert done == len(list(store.walk([tip]))) >= 150
    assert not list((repo.git_dir / "objects/pack").glob("*.keep"))
    repo.fsck()


# -- the source ------------------------------------------------------------------------

BANNED = (
    "create_commit(", "amend_commit(", "references.create(", "create_reference", "add_all(", ".checkout(",
    "checkout_tree(", "checkout_head(", "checkout_index(", "create_commit_with_signature(", "repo.reset(",
)  # fmt: skip


def test_no_source_file_calls_what_loses_data(request):
    """create_commit and amend_commit return an id although the write failed (libgit2 1.9.7)."""
    sources = sorted((request.config.rootpath / "ovn").rglob("*.py"))
    assert len(sources) > 20
    found = [(path.name, call) for path in sources for call in BANNED if call in path.read_text()]
    assert found == []
