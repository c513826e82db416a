"""Commits put on top of another one, among objects: what stays, what is left out, what stands against it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ovn.errors import Conflict
from ovn.git.opening import open_store
from ovn.git.picking import pick
from ovn.git.run import Git

WHEN = datetime(2026, 1, 2, tzinfo=UTC)


def picked(repo, commits: list[str], onto: str) -> str:
    return pick(Git(repo.location), open_store(repo.location), commits, onto, when=WHEN)


def made(repo, path: str, text: str, message: str = "") -> str:
    repo.write(path, text)
    return repo.commit(message or f"write {path}")


def test_a_commit_between_others_comes_alone_with_its_author_date_and_message(repo):
    base = repo.head
    made(repo, "a", "1\n")
    wanted = made(repo, "b", "1\n", "subject\n\nbody with ünïcode\n\nOvn-Feature: f")
    tip = picked(repo, [wanted], base)
    form = "--format=%an <%ae> %at%n%B"
    assert repo.git("show", "-s", form, tip) == repo.git("show", "-s", form, wanted)
    assert repo.git("rev-parse", f"{tip}^") == base
    assert repo.git("diff", "--name-only", base, tip) == "b"


def test_commits_that_follow_already_are_taken_as_they_are(repo):
    base = repo.head
    first, second = made(repo, "a", "1\n"), made(repo, "b", "1\n")
    assert picked(repo, [first, second], base) == second


def test_a_commit_whose_change_is_there_already_is_left_out(repo):
    base = repo.head
    first = made(repo, "a", "1\n")
    repo.git("reset", "-q", "--hard", base)
    same = made(repo, "a", "1\n", "the same by another hand")
    assert picked(repo, [same], first) == first


def test_what_needs_an_earlier_commit_is_a_conflict_that_names_it(repo):
    base = repo.head
    made(repo, "a", "1\n")
    second = made(repo, "a", "1\n2\n", "add two")
    with pytest.raises(Conflict, match=f"commit '{second[:12]}' .add two. does not apply"):
        picked(repo, [second], base)
    assert repo.git("status", "--porcelain") == ""
    assert repo.head == second


def test_a_merge_counts_as_what_it_changes_in_its_first_parent(repo):
    base = repo.head
    repo.git("checkout", "-q", "-b", "side")
    made(repo, "side", "1\n")
    repo.git("checkout", "-q", "main")
    made(repo, "main", "1\n")
    repo.git("merge", "-q", "--no-edit", "side")
    tip = picked(repo, [repo.head], base)
    assert repo.git("diff", "--name-only", base, tip) == "side"
