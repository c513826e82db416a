"""Fixtures: a stable of workers, and a repository with a state."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pytest

from ovn.state.store import StateStore

from ..conftest import Repo, new_repo  # noqa: TID252
from .harness import Acknowledged, Stable, shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Figures(Protocol):
    """``figures(kills=200, lost=0)`` says what a test measured; shown by ``pytest -rP``."""

    def __call__(self, **measured: float) -> None: ...


@pytest.fixture
def figures(record_property: Callable[[str, object], None], request: pytest.FixtureRequest) -> Figures:
    """Return what takes a test's figures."""

    def take(**measured: float) -> None:
        for name, value in measured.items():
            record_property(name, value)
        print(request.node.name, *(f"{name}={value:g}" for name, value in measured.items()))

    return take


@pytest.fixture(scope="session")
def stable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stable]:
    """Return what forks workers."""
    one = Stable(tmp_path_factory.mktemp("workers"))
    yield one
    one.close()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository with a state branch and a few files, to be copied."""
    path = tmp_path_factory.mktemp("template") / "repo"
    repo = new_repo(path)
    StateStore.open(repo.location).init("faults")
    for number in range(20):
        repo.write(f"src/file{number}.py", f"number = {number}\n" * 20)
    repo.commit("files")
    return path


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Repo:
    """Return a repository of its own with a state branch and a few files."""
    shutil.copytree(template, tmp_path / "repo", symlinks=True)
    return Repo(tmp_path / "repo")


@dataclass(frozen=True, slots=True)
class Base:
    """A repository with a checkpoint ``base``, and one commit and edits since.

    ``then`` is what it was at ``base``; ``acked`` what was acknowledged so far.
    """

    repo: Repo
    then: dict[str, object]
    acked: Acknowledged


@pytest.fixture
def base(home: Repo, stable: Stable) -> Base:
    """Return a repository with something to go back to."""
    home.write("base", "b\n")
    first = stable.start(home.path, ["checkpoint base"])
    assert first.wait() == 0, first.said()
    then = shape(home)
    home.write("src/file1.py", "changed\n")
    home.commit("work since")
    second = stable.start(home.path, ["edit", "note", "step"])
    assert second.wait() == 0, second.said()
    return Base(home, then, Acknowledged().add(first).add(second))
