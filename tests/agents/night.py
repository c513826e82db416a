"""A night of ``git ovn run`` with a real CLI, whose model is the server of the tests."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ovn import config, features
from ovn.agents import ours
from ovn.checks import trust
from ovn.state.store import StateStore

from . import machines
from .conftest import program
from .stub import Stub, conversation

if TYPE_CHECKING:
    from ovn.model.documents import Feature, Session

FEATURE = re.compile(r"(?:work on|middle of|shift on) feature '([a-z]+)'")
"""What our prompts say; the last one in a conversation is what the agent is at."""


class Night:
    """A repository, a CLI and a model that answers each feature's requests by a plan of its own.

    ``plan[feature]`` are the steps that its requests take (or functions that make one), one after
    the other; past the end the model says DONE.
    """

    def __init__(self, cli: str, repo: Any, folder: Path, **sections: Any) -> None:
        self.cli = cli
        self.repo = repo
        self.folder = folder
        self.plan: dict[str, list[dict[str, Any]]] = {}
        self.asked: dict[str, list[dict[str, Any]]] = {}
        self.stub = Stub([], self._step)
        self.environ = {**os.environ, **machines.prepare(cli, folder / "home", self.stub.url)}
        self.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
        self._in_path()
        StateStore.open(repo.location).init("demo")
        wanted = {
            "agent": {"name": cli, "model": machines.MODELS[cli], **sections.pop("agent", {})},
            "budget": {"max_attempts_per_feature": 2},
            "recovery": {"max_restarts": 3, "backoff_base_seconds": 0},
            # a busy machine starts a CLI slowly
            "session": {"start_deadline_seconds": 150, **sections.pop("session", {})},
            **sections,
        }
        repo.write(".overnight/config.yaml", json.dumps(wanted))
        repo.write(".overnight/.gitignore", "feature_registry.json\nclaude-progress.txt\n")
        repo.commit("configure")

    def _in_path(self) -> None:
        bin_ = self.folder / "bin"
        bin_.mkdir()
        (bin_ / self.cli).symlink_to(program(self.cli))
        self.environ["PATH"] = f"{bin_}:{self.environ['PATH']}"

    def _step(self, body: dict[str, Any]) -> dict[str, Any]:
        named = FEATURE.findall(json.dumps(conversation(body)))
        feature = named[-1] if named else ""
        self.asked.setdefault(feature, []).append(body)
        steps = self.plan.get(feature, [])
        step = steps.pop(0) if steps else {"text": "DONE"}
        return step() if callable(step) else step

    # -- the model's words ---------------------------------------------------------------

    def shell(self, command: str) -> dict[str, Any]:
        return {"calls": [machines.shell(self.cli, command)]}

    def write(self, path: str, text: str) -> dict[str, Any]:
        return {"calls": [machines.write(self.cli, self.repo.path / path, text)]}

    def tool(self, name: str, **given: Any) -> dict[str, Any]:
        return {"calls": [machines.tool(self.cli, name, **given)]}

    # -- the night -----------------------------------------------------------------------

    def feature(self, name: str, priority: str, *steps: dict[str, Any]) -> None:
        """Add a feature that is done when its file holds 'good', and what the model does at it."""
        verify = (f"grep -qx good {name}.txt",)
        features.add(self.store, features.PERSON, name, feature=name, verify=verify, priority=priority)
        self.plan[name] = list(steps)

    def trust(self) -> None:
        """Allow everything that could run, and what the agent may do."""
        book = trust.Book(Path(os.environ["XDG_STATE_HOME"]) / "git-ovn", self.repo.location)
        known = self.store.view().features().values()
        book.allow(trust.items(self.repo.location, config.load(self.repo.path, {}), known))

    def begin(self, *args: str) -> subprocess.Popen[str]:
        """Begin a night; its output goes to ``night.log``."""
        self.trust()
        with (self.folder / "night.log").open("a") as out:
            return subprocess.Popen(
                [sys.executable, "-m", "ovn.cli.main", "run", *args],
                cwd=self.repo.path,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                text=True,
            )

    def run(self, *args: str) -> int:
        """Hold a night to its end; return its exit code."""
        process = self.begin(*args)
        try:
            return process.wait(timeout=200)
        finally:
            process.kill()
            process.wait()

    def ovn(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Call another verb, as the person."""
        return subprocess.run(
            [sys.executable, "-m", "ovn.cli.main", *words],
            cwd=self.repo.path,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )

    def wait_until(self, feature: str, requests: int, seconds: float = 60) -> None:
        """Wait until the model was asked so often about a feature."""
        end = time.monotonic() + seconds
        while len(self.asked.get(feature, [])) < requests:
            assert time.monotonic() < end, f"{feature} never got that far:\n{self.log}"
            time.sleep(0.05)

    # -- what came of it -----------------------------------------------------------------

    @property
    def log(self) -> str:
        return (self.folder / "night.log").read_text()

    @property
    def store(self) -> StateStore:
        return StateStore.open(self.repo.location)

    def statuses(self) -> dict[str, str]:
        return {name: one.status for name, one in sorted(self.store.view().features().items())}

    def one(self, feature: str) -> Feature:
        found = self.store.view().feature(feature)
        assert found is not None
        return found

    def sessions(self, feature: str) -> list[Session]:
        """The sessions at a feature, in order."""
        view = self.store.view()
        run = max(view.runs().values(), key=lambda one: (one.started, one.id))
        found = [view.session(one) for one in run.sessions]
        return [one for one in found if one is not None and one.feature == feature]

    def hooks(self, feature: str) -> list[list[str]]:
        """The hooks that ran in each attempt at a feature: ``SessionStart startup``."""
        run = max(self.store.view().runs().values(), key=lambda one: (one.started, one.id)).id
        found = []
        for session in self.sessions(feature):
            for one in session.attempts:
                path = self.repo.location.local / "runs" / run / session.id / f"{one.number:03d}"
                file = path / ours.HOOKS_FILE
                lines = file.read_text().splitlines() if file.exists() else []
                found.append([line.partition(" ")[2].strip() for line in lines])
        return found
