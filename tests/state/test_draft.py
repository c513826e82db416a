"""Objects in memory: read as if stored, packed without what nothing needs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ovn.git.opening import open_store
from ovn.state.draft import Draft

if TYPE_CHECKING:
    from ..conftest import Repo  # noqa: TID252

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def test_a_draft_is_what_git_would_make(repo: Repo) -> None:
    objects = open_store(repo.location)
    draft = Draft(objects)
    tree = draft.edit(None, {"a/b/c.json": b"{}\n", "a/d.json": b"[]\n", "e.json": b"1\n"})
    first = draft.commit(tree, None, "first\n", NOW)
    tree = draft.move(draft.edit(tree, {"a/b/f.json": b"2\n", "e.json": None}), "a/b", "ended/b")
    second = draft.commit(tree, first, "second\n", NOW)
    assert sorted(draft.entries(second)) == [b"a", b"ended"]
    with objects.write_pack(draft.objects(second)):
        objects.update_ref("refs/heads/drafted", second, None, "test")
    assert repo.git("ls-tree", "-r", "--name-only", "drafted").split() == [
        "a/d.json",
        "ended/b/c.json",
        "ended/b/f.json",
    ]
    assert repo.git("log", "--format=%s %an <%ae>", "drafted").splitlines() == [
        "second git ovn <ovn@localhost>",
        "first git ovn <ovn@localhost>",
    ]
    assert repo.git("fsck", "--strict", "--unreachable") == ""


def test_moving_a_folder_that_is_not_there_changes_nothing(repo: Repo) -> None:
    draft = Draft(open_store(repo.location))
    tree = draft.edit(None, {"a.json": b"1\n"})
    assert draft.move(tree, "a.json", "b") == draft.move(tree, "none/here", "b") == tree


def test_stored_objects_are_read_through(repo: Repo) -> None:
    draft = Draft(open_store(repo.location))
    assert list(draft.entries(repo.head)) == [b"README"]
    assert draft.objects(repo.head) == []
