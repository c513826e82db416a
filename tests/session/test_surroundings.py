"""What a program finds around it: whether the repository's own filters may run."""

from __future__ import annotations

from pathlib import Path

import pytest

from ovn import DurableSession
from ovn.checks import trust
from ovn.errors import NotTrusted
from ovn.session import surroundings


def limits(location):
    return surroundings.limits(location, surroundings.read_config(location))


def test_without_filters_nobody_needs_to_be_asked(ready):
    found = limits(ready)
    assert found.trusted
    assert (found.file_bytes, found.total_bytes) == (50 * 10**6, 1000 * 10**6)


@pytest.mark.parametrize("where", ["absolute", "relative"])
def test_filters_of_the_repository_run_once_a_person_allowed_them(ready, repo, monkeypatch, tmp_path, where):
    state = tmp_path / "state" if where == "absolute" else Path("state")
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    monkeypatch.setenv("HOME", str(tmp_path))
    repo.git("config", "filter.loud.clean", "tr a-z A-Z")
    repo.write(".gitattributes", "*.txt filter=loud\n")
    repo.write("a.txt", "quiet")
    assert not limits(ready).trusted
    with pytest.raises(NotTrusted), DurableSession.start("s", repo=ready.tree()) as session:
        session.checkpoint("before")
    home = state if where == "absolute" else tmp_path / ".local" / "state"
    book = trust.Book(home / "git-ovn", ready, None)
    book.allow(trust.items(ready, surroundings.read_config(ready), ()))
    assert limits(ready).trusted
