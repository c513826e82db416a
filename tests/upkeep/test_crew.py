"""The doctor's rows for agents, with programs of their names in PATH."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from ovn.agents import Settings, probing
from ovn.config import Agent, Config
from ovn.upkeep import crew

PLAIN = "/usr/bin:/bin"


@pytest.fixture
def machine(tmp_path):
    """Return ``machine(name, script) -> environ``: a program of that name in PATH."""

    def install(name: str | None = None, script: str = "") -> dict[str, str]:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        if name:
            (folder / name).write_text(f"#!/bin/sh\n{script}\n")
            (folder / name).chmod(0o755)
        return {"PATH": f"{folder}:{PLAIN}", "HOME": str(tmp_path)}

    return install


def rows(repo, environ, config=Config(), *, every=False):  # noqa: B008 - frozen
    return {one.name: one for one in crew.examine(repo.location, config, environ, every=every)}


VERSION = '[ "$1" = --version ] && { echo "x 2.1.330 (y)"; exit; }\n'


def test_the_configured_agent_is_found_with_its_version(repo, machine):
    found = rows(repo, machine("claude", VERSION))
    assert list(found) == ["agent claude"]
    assert found["agent claude"].verdict == "ok"
    assert found["agent claude"].text.startswith("2.1.330 in '")
    assert found["agent claude"].text.endswith("as tested")


def test_another_version_is_fine_and_says_what_was_tested(repo, machine):
    found = rows(repo, machine("claude", "echo 3.0.1"))["agent claude"]
    assert (found.verdict, found.text.rpartition(", ")[2]) == ("ok", "tested with 2.1.330")


def test_one_that_is_not_installed_says_how(repo, machine):
    found = rows(repo, machine())["agent claude"]
    assert (found.verdict, found.fix) == ("warn", "npm install -g @anthropic-ai/claude-code")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 3", "gave 3 and said: nothing"),
        ("echo broken >&2; exit 1", "said: broken"),
        ("echo hello", "hello"),
    ],
)
def test_one_that_does_not_start_is_named(repo, machine, script, said):
    found = rows(repo, machine("claude", script))["agent claude"]
    assert found.verdict == "warn"
    assert said in found.text


def test_one_that_says_nothing_is_not_waited_for_long(repo, machine, monkeypatch):
    monkeypatch.setattr(probing, "VERSION_SECONDS", 0.3)
    assert "said nothing within" in rows(repo, machine("claude", "exec sleep 20"))["agent claude"].text


def test_a_program_that_is_no_program_is_named(repo, machine, tmp_path):
    environ = machine("claude", "")
    (tmp_path / "bin" / "claude").write_bytes(b"\x7fELF nothing")
    found = rows(repo, environ)["agent claude"]
    assert found.verdict == "warn"
    assert "cannot be started" in found.text


def test_others_are_looked_at_when_asked(repo, machine):
    environ = machine("claude", VERSION + 'touch "$OVN_HOOKS_FILE"')
    machine(
        "codex", "[ \"$1\" = --version ] && { echo codex-cli 0.1.2; exit; }\necho 'no hooks here'; exit 1"
    )
    found = rows(repo, environ, every=True)
    assert list(found) == ["agent claude", "hooks of claude", "agent codex", "hooks of codex"]
    assert found["hooks of claude"].verdict == "ok"
    assert found["hooks of codex"].verdict == "fail"
    assert "none ran (it ended with 1); it said: no hooks here" in found["hooks of codex"].text


def test_a_probe_that_hangs_is_ended_with_all_it_started(repo, machine, tmp_path):
    mark = tmp_path / "pid"
    environ = machine("claude", f"sleep 300 & echo $! > {mark}; wait")
    found = probing.hooks_run("claude", Settings(), repo.path, environ, seconds=2)
    assert found == probing.Unseen("it put out nothing within 2 s, so nothing is known of them", off=False)
    end = time.monotonic() + 20
    while mark.exists() and _lives(mark.read_text().strip()):
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_cli_that_talks_and_runs_no_hook_has_them_off_and_one_that_is_silent_is_only_slow(
    repo, machine, monkeypatch
):
    monkeypatch.setattr(probing, "HOOK_SECONDS", 3.0)
    talking = rows(repo, machine("claude", VERSION + "echo thinking; sleep 60"), every=True)[
        "hooks of claude"
    ]
    assert (talking.verdict, talking.text) == ("fail", "none ran (3 s); it said: thinking")
    silent = rows(repo, machine("claude", VERSION + "sleep 60"), every=True)["hooks of claude"]
    assert (silent.verdict, silent.text.partition(",")[0]) == ("warn", "it put out nothing within 3 s")


def _lives(pid: str) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def test_a_probe_is_pointed_to_a_port_where_nobody_listens(repo, machine, tmp_path):
    said = tmp_path / "said"
    environ = machine(
        "claude", f'echo "$ANTHROPIC_BASE_URL $ANTHROPIC_API_KEY" > {said}; touch "$OVN_HOOKS_FILE"'
    )
    assert probing.hooks_run("claude", Settings(), repo.path, environ) is None
    url, key = said.read_text().split()
    assert url.startswith("http://127.0.0.1:")
    assert key == "none"


@pytest.mark.parametrize("name", ["codex", "gemini", "opencode"])
def test_every_probe_has_a_launch_line(repo, machine, name, tmp_path):
    said = tmp_path / "said"
    environ = machine(name, f'printf "%s\\n" "$@" > {said}; touch "$OVN_HOOKS_FILE"')
    assert probing.hooks_run(name, Settings(), repo.path, environ) is None
    assert said.read_text()


def test_a_program_of_the_persons_own_is_looked_for(repo, machine):
    there = Config(agent=Agent(name="command", argv=("sh", "-c", "x")))
    assert rows(repo, machine(), there)["agent"].text == "'sh' can be started"
    gone = Config(agent=Agent(name="command", argv=("no-such-agent",)))
    assert rows(repo, machine(), gone)["agent"].verdict == "warn"
    unknown = Config(agent=Agent(name="nobody"))
    assert "no agent 'nobody'" in rows(repo, machine(), unknown)["agent"].text


def test_root_is_told_what_claude_refuses(repo, machine, monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 0)
    wide = Config(agent=Agent(permission_mode="bypassPermissions"))
    found = rows(repo, machine("claude", VERSION), wide)["agent claude"]
    assert found.verdict == "warn"
    assert "as root" in found.text


def test_the_tested_versions_are_those_that_the_tests_install():
    told = json.loads((Path(__file__).parent.parent / "agents" / "versions.json").read_text())
    assert {name: one["version"] for name, one in told.items()} == probing.TESTED
