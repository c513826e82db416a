"""Commits taken back by new ones, among objects alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ovn import names
from ovn.errors import Conflict, NotFound, NotTrusted
from ovn.git import history, trailers

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def grow(repo: Any) -> list[str]:
    """Commit three changes to different files; newest last."""
    made = []
    for number in range(3):
        repo.write(f"file{number}", "line\n" * 5)
        repo.write("shared", "".join(f"{n} {'changed' if n <= number * 4 else 'was'}\n" for n in range(12)))
        made.append(repo.commit(f"change {number}"))
    return made


def test_a_commit_is_taken_back_and_later_ones_stay(repo: Any, kit: Any) -> None:
    _, second, third = grow(repo)
    before = kit.shape(exact=True)
    made = history.invert(kit.git, kit.objects, [third], repo.head, when=WHEN, more=[("Ovn-Feature", "x")])
    assert kit.shape(exact=True) == before
    info = kit.objects.commit(made[-1])
    assert (info.tree, info.parents) == (kit.objects.commit(second).tree, (third,))
    assert info.subject == 'Revert "change 2"'
    assert trailers.parse(info.message) == [("Ovn-Feature", "x"), (names.TRAILER_REVERTS, third)]
    repo.git("update-ref", "refs/heads/kept", made[-1])
    repo.fsck()


def test_several_are_taken_back_newest_first(repo: Any, kit: Any) -> None:
    start = repo.head
    first, second, third = grow(repo)
    made = history.invert(kit.git, kit.objects, [third, second, first], third, when=WHEN)
    assert len(made) == 3
    assert kit.objects.commit(made[-1]).tree == kit.objects.commit(start).tree


def test_a_merge_is_taken_back_against_its_first_parent(repo: Any, kit: Any) -> None:
    repo.git("checkout", "-q", "-b", "side")
    repo.write("side", "side\n")
    repo.commit("side")
    repo.git("checkout", "-q", "main")
    was = repo.commit("main")
    repo.git("merge", "-q", "--no-edit", "side")
    made = history.invert(kit.git, kit.objects, [repo.head], repo.head, when=WHEN)
    assert kit.objects.commit(made[-1]).tree == kit.objects.commit(was).tree


def test_the_first_commit_of_all_can_be_taken_back(repo: Any, kit: Any) -> None:
    made = history.invert(kit.git, kit.objects, [repo.head], repo.head, when=WHEN)
    assert kit.objects.entries(made[-1]) == {}


def test_what_is_gone_already_gives_no_commit(repo: Any, kit: Any) -> None:
    *_, third = grow(repo)
    repo.git("revert", "--no-edit", third)
    assert history.invert(kit.git, kit.objects, [third], repo.head, when=WHEN) == []


def test_a_conflict_names_commit_and_paths_and_changes_nothing(repo: Any, kit: Any) -> None:
    first, *_ = grow(repo)
    repo.write("file0", "other\n")
    tip = repo.commit("other")
    before = kit.shape(exact=True)
    with pytest.raises(Conflict, match="later commits changed") as caught:
        history.invert(kit.git, kit.objects, [first], tip, when=WHEN)
    assert caught.value.facts["commit"] == first
    assert caught.value.facts["paths"] == ["file0", "shared"]
    assert kit.shape(exact=True) == before


def test_a_merge_driver_of_the_repository_runs_only_after_trust(repo: Any, kit: Any, tmp_path: Any) -> None:
    repo.write(".gitattributes", "shared merge=evil\n")
    repo.commit("attributes")
    *_, third = grow(repo)
    repo.write("shared", "entirely different\n")
    repo.commit("later")
    repo.git("config", "merge.evil.driver", f"touch '{tmp_path}/ran'")
    with pytest.raises(NotTrusted, match="evil"):
        history.invert(kit.git, kit.objects, [third], repo.head, when=WHEN, trusted=False)
    assert not (tmp_path / "ran").exists()


def test_a_range_is_taken_back_by_one_commit(repo: Any, kit: Any) -> None:
    start = repo.head
    made = grow(repo)
    info = kit.objects.commit(history.inverse_of_range(kit.git, kit.objects, start, made[-1]))
    assert (info.tree, info.parents) == (kit.objects.commit(start).tree, (made[-1],))
    assert trailers.values(info.message, names.TRAILER_REVERTS) == made[::-1]
    repo.git("checkout", "-q", "--orphan", "elsewhere")
    with pytest.raises(NotFound):
        history.inverse_of_range(kit.git, kit.objects, repo.commit("elsewhere"), made[-1])


def test_published_are_those_that_a_remote_branch_has(repo: Any, kit: Any) -> None:
    start = repo.head
    first, second, third = grow(repo)
    assert history.published(kit.objects, start, third) == []
    repo.git("update-ref", "refs/remotes/origin/main", second)
    assert history.published(kit.objects, start, third) == [second, first]
    assert history.published(kit.objects, second, third) == []


def test_commits_without_an_identity_are_git_ovns(
    repo: Any, kit: Any, monkeypatch: Any, tmp_path: Any
) -> None:
    (tmp_path / "empty").write_text("[user]\n\tuseConfigOnly = true\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "empty"))
    made = history.invert(kit.git, kit.objects, [repo.head], repo.head, when=WHEN)
    assert kit.objects.commit(made[0]).author_name == "git ovn"
