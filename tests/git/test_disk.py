"""The disk's words as errors, and the few writes and removals that go past the standard library."""

from __future__ import annotations

import errno

import pytest

from ovn.errors import NoSpace, OvnError, ReadOnlyRepository
from ovn.git.disk import create, disk_errors, remove_tree


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.ENOSPC, NoSpace), (errno.EROFS, ReadOnlyRepository), (errno.EACCES, ReadOnlyRepository)],
)
def test_what_the_system_says_becomes_an_error_one_can_act_on(number, kind):
    with pytest.raises(kind, match="cannot write it"), disk_errors("cannot write it"):
        raise OSError(number, "words")
    with pytest.raises(OvnError, match="cannot write it"), disk_errors("cannot write it"):
        raise OSError(errno.ENOTTY, "words")


def test_a_file_that_is_gone_is_the_caller_s_to_judge():
    with pytest.raises(FileNotFoundError), disk_errors("cannot write it"):
        raise FileNotFoundError(errno.ENOENT, "gone")


def test_a_file_is_created_once_and_read_only(tmp_path):
    create(tmp_path / "one", b"bytes")
    assert (tmp_path / "one").read_bytes() == b"bytes"
    assert not (tmp_path / "one").stat().st_mode & 0o222
    with pytest.raises(FileExistsError):
        create(tmp_path / "one", b"others")


def test_a_tree_is_removed_and_no_link_followed(tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("kept")
    tree = tmp_path / "tree"
    (tree / "a/b").mkdir(parents=True)
    (tree / "a/b/file").write_text("gone")
    (tree / "a/link").symlink_to(kept)
    (tree / "broken").symlink_to("nowhere")
    remove_tree(tree)
    assert not tree.exists()
    assert (kept / "file").read_text() == "kept"
    remove_tree(tree)  # what is not there is no error
