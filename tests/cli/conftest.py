"""Verbs called as ``main`` calls them, in this process, inside a fresh repository."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from ovn.cli.main import main
from ovn.state.store import StateStore

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Said:
    """How a verb ended: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one document on stdout."""
        return json.loads(self.out)


@pytest.fixture
def ovn(repo, monkeypatch, capfd) -> Callable[..., Said]:
    """Return ``ovn(*args, code=0) -> Said``: call a verb in the fresh repository."""
    monkeypatch.chdir(repo.path)

    def call(*args: str, code: int | None = 0) -> Said:
        capfd.readouterr()
        ended = main(list(args))
        out, err = capfd.readouterr()
        assert code is None or ended == code, f"exit code {ended}: {out}{err}"
        return Said(ended, out, err)

    return call


@pytest.fixture
def store(repo) -> StateStore:
    """Return the initialised state of the fresh repository."""
    state = StateStore.open(repo.location)
    state.init("demo")
    return state
