"""Nights on real repositories, with agents that are small shell programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ovn import config, features
from ovn.checks import trust
from ovn.state.store import StateStore

if TYPE_CHECKING:
    from ovn.git.locate import Location
    from ovn.model.documents import Feature, Run, Session


@dataclass(slots=True)
class Project:
    """A repository that is set up for nights; its agent is ``agent.sh``, outside of it."""

    repo: Any
    folder: Path
    measuring: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def store(self) -> StateStore:
        """The state, opened anew: other processes write it."""
        return StateStore.open(self.repo.location)

    def configure(self, **sections: Any) -> None:
        """Merge sections into the configuration and commit it."""
        for name, section in sections.items():
            self.settings[name] = {**self.settings.get(name, {}), **section}
        self.repo.write(".overnight/config.yaml", json.dumps(self.settings, indent=2) + "\n")
        self.repo.write(".overnight/.gitignore", "feature_registry.json\nclaude-progress.txt\n")
        self.repo.commit("configure")

    def agent(self, script: str) -> None:
        """Say what the agent does: a shell script with the feature as $1, the prompt's file as $2."""
        (self.folder / "agent.sh").write_text(f"set -e\n{script}\n")

    def feature(self, name: str, verify: str | None = None, **fields: Any) -> Feature:
        """Add a feature; by default it is done when the file of its name holds 'good'."""
        wanted = (verify or f"grep -qx good {name}.txt",)
        return features.add(
            self.store, features.PERSON, f"Build {name}", feature=name, verify=wanted, **fields
        )

    def trust(self) -> None:
        """Allow everything that could run."""
        location: Location = self.repo.location
        book = trust.Book(Path(os.environ["XDG_STATE_HOME"]) / "git-ovn", location)
        known = self.store.view().features().values()
        book.allow(trust.items(location, config.load(self.repo.path, {}), known))

    def words(self, *args: str) -> list[str]:
        return [sys.executable, "-m", "ovn.cli.main", "run", *args]

    def environ(self, **extra: str) -> dict[str, str]:
        path = os.pathsep.join(filter(None, sys.path))
        return {**os.environ, **self.measuring, "PYTHONPATH": path, **extra}

    def run(self, *args: str, code: int | None = 0, env: dict[str, str] | None = None) -> str:
        """Hold a night and return what it said; fails unless it ends with ``code``."""
        self.trust()
        done = subprocess.run(
            self.words(*args),
            cwd=self.repo.path,
            env=self.environ(**(env or {})),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        if code is not None and done.returncode != code:
            pytest.fail(f"the night gave {done.returncode}, not {code}:\n{done.stdout}")
        return done.stdout

    def plain(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Hold a night without trusting anything first; stdout and stderr apart."""
        return subprocess.run(
            self.words(*args),
            cwd=self.repo.path,
            env=self.environ(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def begin(self, *args: str, **extra: str) -> subprocess.Popen[str]:
        """Begin a night and return its process; its output goes to ``night.log``."""
        self.trust()
        out = (self.folder / "night.log").open("a")
        return subprocess.Popen(
            self.words(*args),
            cwd=self.repo.path,
            env=self.environ(**extra),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            text=True,
        )

    @property
    def log(self) -> str:
        """What nights that were begun said."""
        return (self.folder / "night.log").read_text()

    def statuses(self) -> dict[str, str]:
        return {name: one.status for name, one in sorted(self.store.view().features().items())}

    def one(self, feature: str) -> Feature:
        found = self.store.view().feature(feature)
        assert found is not None
        return found

    def night(self) -> Run:
        """The newest run."""
        return max(self.store.view().runs().values(), key=lambda run: (run.started, run.id))

    def sessions(self) -> list[Session]:
        """The sessions of the newest run, in order."""
        view = self.store.view()
        return [found for one in self.night().sessions if (found := view.session(one)) is not None]

    def check(self) -> None:
        """Fail unless the repository is whole, nothing is left running and nothing is held."""
        self.repo.fsck()
        assert self.repo.git("for-each-ref", "refs/ovn/lease") == ""
        assert self.store.pending() == {}
        left = list((Path(os.environ.get("TMPDIR", "/tmp"))).glob(f"ovn-{self.night().id}-*"))
        assert left == []


@pytest.fixture
def project(repo, tmp_path: Path, measuring: dict[str, str]) -> Project:
    """Return a project without features, whose agent writes 'good' into the feature's file."""
    StateStore.open(repo.location).init("demo")
    made = Project(repo, tmp_path, measuring)
    made.configure(
        agent={"name": "command", "argv": ["sh", str(tmp_path / "agent.sh"), "{feature}", "{prompt_file}"]},
        budget={"max_attempts_per_feature": 3},
        recovery={"max_restarts": 2, "backoff_base_seconds": 0},
    )
    made.agent("echo working; echo good > $1.txt")
    return made


def wait_for(path: Path, seconds: float = 20) -> str:
    """Return what is in a file as soon as something is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if path.exists() and (text := path.read_text()):
            return text
        time.sleep(0.01)
    raise AssertionError(f"{path} never came")


def janitor_of(runner: subprocess.Popen[str]) -> int:
    """Return the pid of the process that ends what the runner leaves when it is killed."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            words = (folder / "cmdline").read_text()
        except OSError:
            continue
        if parent == str(runner.pid) and "janitor.py" in words:
            return int(folder.name)
    raise AssertionError(f"runner {runner.pid} has no janitor")
