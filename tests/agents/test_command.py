"""The agent ``command``, and how agents are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from ovn import agents
from ovn.agents import Settings, Task, command
from ovn.errors import UsageError


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return Task("f1", "20260102-abcd", tmp_path / "prompt {feature}.md", tmp_path)


def test_places_are_filled_once_and_other_braces_stay(task: Task) -> None:
    words = ("agent", "--in={prompt_file}", "{feature}/{session}", '{"feature": {}}', "{nothing} $HOME;")
    assert command.argv(Settings(argv=words), task) == (
        "agent",
        f"--in={task.prompt_file}",
        "f1/20260102-abcd",
        '{"feature": {}}',
        "{nothing} $HOME;",
    )


@pytest.mark.parametrize(
    ("content", "cost"),
    [
        (None, 0),
        ("", 0),
        ("0.25\n", 0.25),
        ("0.1\n0.3\n", 0.3),
        ("lots", 0),
        ("nan", 0),
        ("1e999", 0),
        ("-3", 0),
    ],
)
def test_the_last_number_in_the_cost_file_is_the_cost(task: Task, content: str | None, cost: float) -> None:
    path = Path(command.environment(Settings(), task, {})["OVN_COST_FILE"])
    if content is not None:
        path.write_text(content)
    assert command.spent(task).cost == cost


def test_health_says_why_it_cannot_start(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    (tmp_path / "script").touch(mode=0o755)
    found = {
        words: command.health(Settings(argv=words), tmp_path, {"PATH": "/usr/bin:/bin"})
        for words in [
            (),
            ("sh", "-c"),
            ("no-such-agent",),
            ("./gone",),
            ("./plain",),
            ("./script",),
            ("/bin/sh",),
        ]
    }
    assert found == {
        (): "the agent 'command' has no 'agent.argv' in .overnight/config.yaml",
        ("sh", "-c"): None,
        ("no-such-agent",): "the agent's program 'no-such-agent' was not found in PATH",
        ("./gone",): "the agent's program './gone' does not exist",
        ("./plain",): "the agent's program './plain' is not executable",
        ("./script",): None,
        ("/bin/sh",): None,
    }


def test_an_argv_is_run_whatever_the_name_and_an_unknown_name_without_one_is_refused() -> None:
    assert agents.find("command", Settings()) is command
    assert agents.find("mine", Settings(argv=("mine",))) is command
    assert agents.find("claude", Settings(argv=("my-claude",))) is command
    assert agents.find("claude", Settings()) is agents.AGENTS["claude"]
    with pytest.raises(UsageError, match="no agent 'mine'"):
        agents.find("mine", Settings())
