"""Fixtures: a repository with the hooks installed, and a session at work in it."""

from __future__ import annotations

import json

import pytest

from ovn import active, names
from ovn.active import Active
from ovn.githooks import install
from ovn.state.journal import Journal


class Shift:
    """A session at work in a repository's work tree, as far as hooks can see."""

    def __init__(self, repo, session="session-001", **facts):
        self.repo = repo
        self.session = session
        self.location = repo.location
        self.active = Active(session, **{"kind": "run", "generation": 1, **facts})
        active.write(self.location.local, self.location.worktree, self.active)
        self.journal = Journal(self.location.local / names.JOURNAL_FOLDER / session)
        self.journal.set_generation(self.active.generation)

    @property
    def env(self):
        """What a process of the session carries."""
        return {names.ENV_SESSION: self.session}

    def records(self, kind=None):
        """Return the data of the session's records, of one type or of all."""
        found = [json.loads(payload) for _, payload in self.journal.read().records]
        return [record["data"] for record in found if kind in (None, record["type"])]


@pytest.fixture
def hooked(repo):
    """Return a repository with every hook installed."""
    install.install(repo.location)
    return repo


@pytest.fixture
def begin():
    """Return ``begin(repo, session=, **facts) -> Shift``."""
    return Shift


@pytest.fixture
def shift(hooked):
    """Return a run's session at work in a repository with hooks."""
    return Shift(hooked)
