"""Claude Code and Codex themselves, against a model server of our own: what the recordings promise.

Marked ``agents``: they are installed by npm into a cache folder, versions in ``versions.json``.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from ovn import names
from ovn.agents import AGENTS, Settings, Task, ours, past
from ovn.agents.environment import allowed
from ovn.state.store import StateStore

from .conftest import program
from .stub import Stub

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.agents

CLIS = ("claude", "codex")
MODELS = {"claude": "claude-sonnet-4-5", "codex": "gpt-5-codex"}
TITLE = "# session-001: what you need to know"
"""Of the context; the prompt only quotes it, without the mark of a heading."""

CODEX_CONFIG = """\
model = "gpt-5-codex"
model_provider = "stub"
model_auto_compact_token_limit = 60000
[model_providers.stub]
name = "stub"
base_url = "{url}/v1"
wire_api = "responses"
env_key = "STUB_KEY"
supports_websockets = false
request_max_retries = 1
stream_max_retries = 1
[features]
plugins = false
remote_plugin = false
apps = false
[analytics]
enabled = false
"""


class Shift:
    """A shift begun by hand, and an agent that works in it as the runner would start it."""

    def __init__(self, cli: str, repo: Any, folder: Path, steps: list[dict[str, Any]]) -> None:
        self.cli = cli
        self.repo = repo
        self.home = folder / "home"
        self.home.mkdir()
        self.attempts = folder / "attempts"
        self.stub = Stub(steps)
        self.ovn("init", "--project", "demo", "--no-hooks")
        repo.commit("set up")
        self.ovn("feature", "add", "The parser", "--id", "parser", "--verify", "test -f parser.py")
        begun = json.loads(self.ovn("start", "session-001", "--json"))
        self.context = begun["context"]
        session = StateStore.open(repo.location).view().session("session-001")
        self.generation = session.generation

    def ovn(self, *words: str) -> str:
        line = [sys.executable, "-I", "-m", "ovn", *words]
        return subprocess.run(line, cwd=self.repo.path, capture_output=True, text=True, check=True).stdout

    def shell(self, command: str) -> dict[str, Any]:
        """Return the model's call of a shell."""
        if self.cli == "claude":
            return {"name": "Bash", "input": {"command": command, "description": "x"}}
        return {"name": "exec_command", "input": {"cmd": command}}

    def tool(self, name: str, **given: Any) -> dict[str, Any]:
        """Return the model's call of one of our tools."""
        if self.cli == "claude":
            return {"name": f"mcp__ovn__{name}", "input": given}
        return {"name": name, "namespace": "mcp__ovn", "input": given}

    def begin(self, number: int = 1, **task: Any) -> subprocess.Popen[bytes]:
        """Start the agent as an attempt."""
        folder = self.attempts / f"{number:03d}"
        folder.mkdir(parents=True)
        prompt = folder / "prompt.md"
        prompt.write_text(self.context)
        wanted = Task("parser", "session-001", prompt, folder, **task)
        module = AGENTS[self.cli]
        wish = Settings(permission_mode="acceptEdits", model=MODELS[self.cli])
        with (folder / past.LOG).open("wb") as log:
            return subprocess.Popen(
                [str(program(self.cli)), *module.argv(wish, wanted)[1:]],
                cwd=self.repo.path,
                env={**self._environ(prompt), **module.environment(wish, wanted, os.environ)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _environ(self, prompt: Path) -> dict[str, str]:
        told = {**allowed(os.environ), "HOME": str(self.home)}
        told |= {names.ENV_SESSION: "session-001", names.ENV_GENERATION: str(self.generation)}
        told |= {names.ENV_CONTEXT: str(prompt)}
        if self.cli == "claude":
            return told | {
                "ANTHROPIC_BASE_URL": self.stub.url,
                "ANTHROPIC_API_KEY": "dummy",
                "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
                "CLAUDE_CODE_MAX_RETRIES": "1",
            }
        config = self.home / ".codex" / "config.toml"
        config.parent.mkdir(exist_ok=True)
        config.write_text(CODEX_CONFIG.format(url=self.stub.url))
        return told | {"CODEX_HOME": str(config.parent), "STUB_KEY": "dummy"}

    def hold(self, number: int = 1, **task: Any) -> Any:
        """Let the agent work to its end; return the account of its stream."""
        process = self.begin(number, **task)
        try:
            process.wait(timeout=120)
        finally:
            end(process)
        return self.told(number)

    def told(self, number: int = 1) -> Any:
        """Return the account of an attempt's stream."""
        return past.account(AGENTS[self.cli].events, self.attempts / f"{number:03d}")

    def hooks(self, number: int = 1) -> list[str]:
        """Return the hooks that ran, in order: ``SessionStart startup``."""
        lines = (self.attempts / f"{number:03d}" / ours.HOOKS_FILE).read_text().splitlines()
        return [line.partition(" ")[2].strip() for line in lines]

    def answers(self) -> str:
        """Return all that the model was ever told."""
        return json.dumps(self.stub.requests)


def end(process: subprocess.Popen[bytes]) -> None:
    """Leave nothing of it running."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture(params=CLIS)
def shift(request, repo, tmp_path):
    """Return ``shift(steps) -> Shift``; ``steps`` gets the shift, for its calls."""
    made: list[Shift] = []
    program(request.param)

    def begin() -> Shift:
        made.append(Shift(request.param, repo, tmp_path, []))
        return made[0]

    yield begin
    for one in made:
        one.stub.close()


def test_a_shift_with_everything(shift):
    """Context, a refusal, our tools, no end before the handoff, and nothing in the agent's own folders."""
    one = shift()
    one.stub.steps += [
        {"calls": [one.shell("echo pass > parser.py")]},
        {"calls": [one.shell("git push --force origin main")]},
        {"calls": [one.tool("checkpoint", label="half-way")]},
        {"text": "I am done"},
        {"calls": [one.tool("handoff", accomplished=["wrote it"], next=["verify it"])]},
        {"text": "really done"},
    ]
    told = one.hold()
    assert (told.ended, told.ok, told.trouble) == (True, True, None)
    assert told.tools["checkpoint" if one.cli == "codex" else "mcp__ovn__checkpoint"] == 1
    assert all(TITLE in json.dumps(request) for request in one.stub.requests)
    answers = one.answers()
    assert "nobody asked for history to be overwritten" in answers
    assert "has no valid handoff yet" in answers
    hooks = one.hooks()
    assert hooks[:2] == ["SessionStart startup", "UserPromptSubmit"]
    assert hooks.count("Stop") == 2
    view = StateStore.open(one.repo.location).view()
    assert view.session("session-001").state == "handed_off"
    assert view.handoff("session-001").next == ("verify it",)
    assert one.repo.git("status", "--porcelain") == ""
    assert not list((one.home / ".claude").glob("settings*.json"))
    assert not (one.home / ".codex" / "hooks.json").exists()
    assert not [path for path in one.repo.path.iterdir() if path.name in (".claude", ".codex", ".mcp.json")]


@pytest.mark.more  # a night of test_nights.py shows it too
def test_who_will_not_hand_off_is_held_back_three_times(shift):
    one = shift()
    told = one.hold()
    assert told.ended
    assert one.hooks().count("Stop") == 4
    assert StateStore.open(one.repo.location).view().session("session-001").state == "active"


@pytest.mark.more  # a night of test_nights.py shows it too
def test_killed_in_the_middle_it_goes_on_in_its_own_session(shift):
    one = shift()
    one.stub.steps += [
        {"text": "the secret word is XYLOPHONE", "calls": [one.shell("echo half > parser.py")]},
        {"hang": 100},
        {"calls": [one.tool("handoff", next=["go on"])]},
    ]
    process = one.begin()
    until = time.monotonic() + 60
    while one.stub.taken < 2 and time.monotonic() < until:
        time.sleep(0.1)
    end(process)
    assert not one.told().ended
    resumed = past.resumable(AGENTS[one.cli].events, one.attempts / "002")
    assert resumed
    told = one.hold(2, resume=resumed)
    assert (told.ended, told.ok, told.session) == (True, True, resumed)
    assert one.hooks(2)[0] == "SessionStart resume"
    assert "XYLOPHONE" in json.dumps(one.stub.requests[-1])


def test_a_refused_key_is_for_a_person(shift):
    one = shift()
    error = {"error": {"type": "authentication_error", "message": "invalid x-api-key"}}
    one.stub.steps += [{"error": {"status": 401, "body": error}}] * 4
    told = one.hold()
    assert told.trouble.kind == "fatal-person"


LONG = {"type": "invalid_request_error", "message": "prompt is too long: 210000 tokens > 200000 maximum"}
TOO_LONG = {"error": {"status": 400, "body": {"type": "error", "error": LONG}}}
"""What makes Claude Code compact; Codex does at a limit of its own."""


def test_six_compactions_and_the_state_is_in_every_request(shift):
    """Each request after the first has the context, whatever the CLI summed up in between."""
    one = shift()
    quiet = {"calls": [one.shell("true")]}
    full = TOO_LONG if one.cli == "claude" else {**quiet, "usage": (175_000, 100)}
    one.stub.steps += [quiet, quiet, quiet, full] * 6 + [
        quiet,
        {"calls": [one.tool("handoff", next=["more"])]},
    ]
    told = one.hold()
    hooks = one.hooks()
    assert hooks.count("SessionStart compact") == 6
    assert hooks.count("PreCompact auto") == 6
    assert (told.ended, told.ok) == (True, True)
    assert all(TITLE in json.dumps(request) for request in one.stub.requests)
    assert len(one.repo.git("for-each-ref", "refs/ovn/checkpoint").splitlines()) >= 6
