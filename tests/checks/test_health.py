"""Is the machine fit for a shift?"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from ovn.checks import health
from ovn.checks.health import Finding, Ran
from ovn.errors import Unhealthy

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("free", "inodes", "ok", "text"),
    [
        (5 * 10**9, 10**6, True, "5000 MB free"),
        (5 * 10**9, None, True, "5000 MB free"),
        (199 * 10**6, 10**6, False, "199 MB free, less than 200 MB"),
        (5 * 10**9, 999, False, "room for 999 more files only"),
    ],
)
def test_a_disk_is_judged_by_bytes_and_by_files(free: int, inodes: int | None, ok: bool, text: str) -> None:
    found = health.disk(free, inodes)
    assert (found.ok, found.text) == (ok, text)
    assert (found.hint is None) == ok


def test_a_repository_in_order_is_fit(repo) -> None:
    found = health.look(repo.location, [], lambda command: Ran(0, ""))
    assert [(one.name, one.ok) for one in found] == [("disk", True), ("git", True), ("identity", True)]
    assert found[2].text == "A U Thor <author@example.com>"
    health.demand(found)


def test_the_floor_is_measured_where_the_repository_lies(tmp_path: Path) -> None:
    assert not health.disk_of(tmp_path, floor=2**62).ok


def test_without_an_identity_no_work_could_be_committed(repo, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_CONFIG_GLOBAL", "EMAIL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    repo.git("config", "user.useConfigOnly", "true")
    found = health.identity(repo.location)
    assert (found.ok, found.text) == (False, "git does not know who commits")


def test_a_broken_repository_is_not(repo) -> None:
    location = repo.location
    (repo.path / ".git" / "config").write_text("[core\n")
    assert not health.git(location).ok


def test_the_projects_own_checks_must_end_with_0() -> None:
    answers = {"true": Ran(0, "fine"), ("ping", "db"): Ran(2, "no route")}
    found = health.own(answers, answers.__getitem__)
    assert [(one.ok, one.text) for one in found] == [(True, "'true'"), (False, "'ping db' gave 2: no route")]


def test_what_is_wrong_is_named_with_all_the_rest_as_facts() -> None:
    wrong = [Finding("disk", False, "full", "free some"), Finding("git", True, ""), Finding("x", False, "y")]
    with pytest.raises(Unhealthy, match="not fit for a shift: disk: full") as error:
        health.demand(wrong)
    assert error.value.hint == "free some"
    assert error.value.facts == {"findings": [{"name": "disk", "text": "full"}, {"name": "x", "text": "y"}]}
