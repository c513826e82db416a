"""The demo: a whole night, played by real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ovn.demo import scratch, story

if TYPE_CHECKING:
    from pathlib import Path

    from ..conftest import Played  # noqa: TID252


def ovn(*words: str, folder: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **extra}
    line = [sys.executable, "-m", "ovn.cli.main", *words]
    return subprocess.run(line, cwd=folder, env=environ, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.xdist_group("browser")  # the tests in the browser look at the same night
def test_the_demo_is_a_night_with_everything_that_happens_in_one(tmp_path: Path, played: Played) -> None:
    """It passes, it depends, it is killed and goes on, it is given up; the user's machine is untouched."""
    done = played.done
    assert (done.returncode, done.stderr) == (0, ""), done.stdout[-3000:] + done.stderr
    out = done.stdout
    assert "runner and agent, half way through byte-size" in out
    assert "an attempt at 'byte-size' was interrupted" in out
    assert "natural-order: given up after 2 attempts; its work is kept as ovn/" in out
    assert "3 of 3 done features hold on the last commit" in out
    assert "That was a night." in out
    before, after = played.home
    assert after == before
    repository = played.repository
    assert repository.name == story.PACKAGE
    git = ["git", "-C", str(repository)]
    assert subprocess.run([*git, "fsck", "--strict", "--no-dangling"], check=False).returncode == 0
    assert subprocess.run([*git, "gc", "-q", "--prune=now"], check=False).returncode == 0
    clone = tmp_path / "clone"
    assert subprocess.run(["git", "clone", "-q", "--mirror", repository, clone], check=False).returncode == 0
    story_line = subprocess.run(
        [*git, "log", "--oneline", "overnight/state"], capture_output=True, check=False
    )
    assert b"byte-size done" in story_line.stdout


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    done = ovn("demo", "--keep", ".", folder=tmp_path)
    assert (done.returncode, "is not empty" in done.stderr) == (1, True)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Return the demo's code base and its environment."""
    folder = tmp_path_factory.mktemp("scene")
    environ = scratch.environment(folder, dict(os.environ))
    scratch.fill(folder / "repo")
    return folder / "repo", environ


def test_the_code_base_is_real_and_its_tests_are_green(scene: tuple[Path, dict[str, str]]) -> None:
    repo, environ = scene
    assert (repo / "LICENSE.txt").exists()
    assert (repo / "src" / story.PACKAGE / "core.py").stat().st_size > 50_000
    done = subprocess.run(
        ["sh", "-c", story.BASELINE], cwd=repo, env=environ, capture_output=True, check=False
    )
    assert done.returncode == 0


@pytest.mark.parametrize("planned", story.FEATURES, ids=lambda one: one.id)
def test_no_feature_is_there_before_the_night(scene: tuple[Path, dict[str, str]], planned) -> None:
    repo, environ = scene
    done = subprocess.run(
        ["sh", "-c", planned.verify], cwd=repo, env=environ, capture_output=True, check=False
    )
    assert done.returncode == 1


def test_the_callers_git_and_marks_stay_outside(tmp_path: Path) -> None:
    environ = scratch.environment(
        tmp_path, {"GIT_DIR": "/x", "OVN_SESSION": "y", "PATH": "/bin", "TERM": "vt100"}
    )
    assert not {"GIT_DIR", "OVN_SESSION"} & set(environ)
    assert environ["PATH"].endswith(":/bin")
    assert environ["HOME"] == str(tmp_path / "home")
