"""The views: rendered for people, ignored by git, never overwritten when edited."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from ovn import active, features, schema
from ovn.errors import WouldLose
from ovn.features import PERSON
from ovn.model import records
from ovn.shift import views
from ovn.state.store import StateStore

AT = "2026-01-02T03:04:05.000Z"
REGISTRY, PROGRESS = ".overnight/feature_registry.json", ".overnight/claude-progress.txt"


class Clock:
    """A clock that stands still."""

    def now(self):
        return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def monotonic(self):
        return 0.0


@pytest.fixture
def store(location):
    made = StateStore(location, Clock())
    made.init("demo")
    features.add(made, PERSON, "a title", feature="f1", priority="P0")
    return made


def test_both_views_say_what_the_state_says(store, repo):
    rendered = views.render(store)
    assert rendered == views.Rendered((REGISTRY, PROGRESS), ())
    registry = json.loads(repo.read(REGISTRY))
    assert [one["id"] for one in registry["features"]] == ["f1"]
    assert list(schema.problems("registry", registry)) == []
    assert repo.read(PROGRESS) == b"# Session:\n# Goal:\n\n## CATEGORY 1: general (P0)\n- [ ] f1: a title\n"


def test_the_session_at_work_is_named(store, repo, location):
    created = {"kind": "detached", "worktree": "main", "goal": "a parser"}
    store.record("s1", records.make("session.created", created, at=AT, by="person"))
    active.write(location.local, "main", active.Active("s1"))
    views.render(store)
    assert repo.read(PROGRESS).startswith(b"# Session: s1\n# Goal: a parser\n")


def test_rendering_again_writes_nothing(store):
    views.render(store)
    assert views.render(store) == views.Rendered((), ())


def test_views_leave_the_work_tree_clean_on_every_branch(store, repo):
    views.render(store)
    assert repo.git("status", "--porcelain") == ""
    views.exclude(repo.location)
    excluded = (repo.git_dir / "info" / "exclude").read_text()
    assert excluded.count("/.overnight/feature_registry.json\n") == 1


@pytest.mark.parametrize("path", [REGISTRY, PROGRESS])
def test_an_edited_view_is_noticed_kept_and_rendered_again(store, repo, path):
    views.render(store)
    before = repo.read(path)
    repo.write(path, "edited")
    assert views.edited(repo.location) == [path]
    rendered = views.render(store)
    kept = f".overnight/rejected/20260102T030405Z/{path.rpartition('/')[2]}"
    assert rendered == views.Rendered((path,), (kept,))
    assert (repo.read(kept), repo.read(path)) == (b"edited", before)
    assert (views.edited(repo.location), repo.git("status", "--porcelain")) == ([], "")


def test_two_edits_in_one_second_are_both_kept(store, repo):
    for text in ("one", "two"):
        views.render(store)
        repo.write(PROGRESS, text)
    views.render(store)
    kept = sorted((repo.path / ".overnight" / "rejected").rglob("*.txt"))
    assert [path.read_text() for path in kept] == ["one", "two"]


def test_an_edit_that_says_what_would_be_rendered_is_none(store, repo):
    views.render(store)
    now = repo.read(PROGRESS)
    features.add(store, PERSON, "another", feature="f2")
    views.render(store)
    after = repo.read(PROGRESS)
    features.remove(store, PERSON, "f2")
    repo.write(PROGRESS, now)
    assert (views.render(store).rejected, now != after) == ((), True)


def test_what_lay_there_before_us_is_kept(store, repo):
    repo.write(REGISTRY, '{"features": []}')
    assert views.render(store).rejected == (".overnight/rejected/20260102T030405Z/feature_registry.json",)


def test_a_view_that_was_removed_is_only_rendered_again(store, repo):
    views.render(store)
    (repo.path / PROGRESS).unlink()
    assert views.edited(repo.location) == []
    assert views.render(store) == views.Rendered((PROGRESS,), ())


def test_a_link_in_place_of_a_view_is_replaced_and_not_followed(store, repo, tmp_path):
    views.render(store)
    outside = tmp_path / "outside"
    outside.write_text("precious")
    (repo.path / PROGRESS).unlink()
    (repo.path / PROGRESS).symlink_to(outside)
    views.render(store)
    assert outside.read_text() == "precious"
    assert not (repo.path / PROGRESS).is_symlink()


def test_a_folder_that_leads_elsewhere_is_refused(store, repo, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (repo.path / ".overnight").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(WouldLose, match=r"'\.overnight' is a symbolic link"):
        views.render(store)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_taken_out_nothing_is_left_but_what_somebody_edited(store, repo):
    views.render(store)
    repo.write(PROGRESS, "edited")
    before = repo.git_dir / "info" / "exclude"
    assert views.remove(repo.location) == [REGISTRY]
    views.unexclude(repo.location)
    assert repo.read(PROGRESS) == b"edited"
    assert b"git ovn" not in before.read_bytes()


def test_each_work_tree_has_views_of_its_own(store, repo, tmp_path):
    from ovn.git.locate import locate

    repo.git("worktree", "add", "-q", tmp_path / "linked")
    views.render(store)
    linked = StateStore(locate(tmp_path / "linked"), Clock())
    assert views.render(linked).written == (REGISTRY, PROGRESS)
    (tmp_path / "linked" / PROGRESS).write_text("edited")
    assert views.edited(repo.location) == []
    assert views.edited(linked.location) == [PROGRESS]
