"""Fixtures: a hook called as the agents' CLIs call it, in a repository with a session at work."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ovn import active, names
from ovn.active import Active
from ovn.agents import ours

RECORDED = Path(__file__).parent.parent / "agents" / "recordings"


class Hooked:
    """A repository in whose work tree a session is at work, and an agent's attempt in it."""

    def __init__(self, repo, folder: Path, *, kind: str = "run", session: str = "session-001") -> None:
        self.repo = repo
        self.folder = folder
        self.session = session
        self.local = repo.location.local
        self.local.mkdir(exist_ok=True)
        self.context = folder / "prompt.md"
        self.context.write_text(f"# {session}: what you need to know\n")
        active.write(self.local, "main", Active(session, kind=kind, generation=1))
        self.environ = {
            names.ENV_SESSION: session,
            names.ENV_HOOKS: str(folder / ours.HOOKS_FILE),
            names.ENV_CONTEXT: str(self.context),
        }

    def call(self, cli: str, said: dict[str, Any], environ: dict[str, str] | None = None) -> Any:
        """Return the hook's answer to one event, None for none; its cwd is the repository's."""
        raw = json.dumps({"cwd": str(self.repo.path), **said}).encode()
        return self.raw(cli, raw, environ)

    def raw(self, cli: str, raw: bytes, environ: dict[str, str] | None = None) -> Any:
        """Return the answer to any bytes on stdin; the exit code is 0 whatever they are."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OVN_")}
        done = subprocess.run(
            ours.hook_argv(cli),
            input=raw,
            cwd=self.repo.path,
            env={**kept, **(self.environ if environ is None else environ)},
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout else None

    def recorded(self, cli: str, event: str) -> Any:
        """Return the answer to an event as it was recorded of the CLI, moved to this repository."""
        said = json.loads((RECORDED / f"{cli}.hooks.json").read_text())[event]
        return self.call(cli, {**said, "cwd": str(self.repo.path)})

    def hand_off(self) -> None:
        """Do what a valid handoff does for the hooks: nobody is at work any more."""
        active.clear(self.local, "main", self.session)

    @property
    def log(self) -> str:
        """What the hooks logged."""
        path = self.local / "log" / "agent-hook"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def hooked(repo, tmp_path) -> Hooked:
    """Return a run's session at work; state and journal are not there."""
    folder = tmp_path / "attempt"
    folder.mkdir()
    return Hooked(repo, folder)


@pytest.fixture
def by_hand(repo, tmp_path) -> Hooked:
    """Return a shift begun by hand: its processes carry no mark."""
    folder = tmp_path / "attempt"
    folder.mkdir()
    made = Hooked(repo, folder, kind="detached")
    made.environ = {}
    return made
