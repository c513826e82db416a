"""What each agent is started with, and that nothing is written where a person's settings are."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from ovn import agents, resources
from ovn.agents import AGENTS, Settings, Task, claude, codex, gemini, opencode, ours, prompts
from ovn.errors import Unhealthy

HOOKED = [name for name, agent in AGENTS.items() if agent.HOOKED]
WISH = Settings(model="m1", permission_mode="acceptEdits", allowed_tools=("Bash(make:*)",))


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return Task("f1", "20260102-abcd", tmp_path / "prompt.md", tmp_path)


def value(words: tuple[str, ...], option: str) -> str:
    """Return the word after an option."""
    return words[words.index(option) + 1]


@pytest.mark.parametrize("name", HOOKED)
def test_the_prompt_is_the_last_word_and_names_the_context(name, task):
    words = AGENTS[name].argv(WISH, task)
    assert words[0] == name
    assert words[-1] == prompts.begin(task)
    assert str(task.prompt_file) in words[-1]
    assert "'f1'" in words[-1]


@pytest.mark.parametrize("name", HOOKED)
def test_a_session_of_the_agents_own_is_gone_on_with(name, task):
    again = Task(task.feature, task.session, task.prompt_file, task.folder, resume="abc-123")
    words = AGENTS[name].argv(WISH, again)
    assert "abc-123" in words or name == "gemini"
    assert words[-1].startswith("You were stopped in the middle of feature 'f1'")


@pytest.mark.parametrize("name", HOOKED)
def test_the_hooks_leave_their_sign_in_the_attempts_folder(name, task):
    told = AGENTS[name].environment(WISH, task, {})
    assert told["OVN_HOOKS_FILE"] == str(task.folder / ours.HOOKS_FILE)


@pytest.mark.parametrize("name", HOOKED)
def test_files_are_written_into_the_attempts_folder_only(name, task, tmp_path_factory, monkeypatch):
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home)
    AGENTS[name].argv(WISH, task)
    AGENTS[name].environment(WISH, task, {})
    assert list(home.rglob("*")) == []


@pytest.mark.parametrize("name", HOOKED)
def test_an_agent_that_is_not_installed_says_how_to_install_it(name, tmp_path):
    said = AGENTS[name].health(Settings(), tmp_path, {"PATH": str(tmp_path)})
    assert f"'{name}' was not found in PATH; npm install -g " in said


def test_claude_gets_hooks_tools_and_limits_on_its_command_line(task):
    words = claude.argv(WISH, task)
    hooks = json.loads(value(words, "--settings"))["hooks"]
    assert set(hooks) == set(claude.HOOKS)
    assert all(
        shlex.split(one[0]["hooks"][0]["command"]) == ["exec", *ours.hook_argv("claude")]
        for one in hooks.values()
    )
    server = json.loads(value(words, "--mcp-config"))["mcpServers"]["ovn"]
    assert [server["command"], *server["args"]] == ours.mcp_argv()
    assert (value(words, "--permission-mode"), value(words, "--model")) == ("acceptEdits", "m1")
    assert words[-3:-1] == ("Bash(make:*)", "--")
    assert "--bare" not in words
    assert "--resume" not in words


def test_claude_is_not_granted_git_whole():
    """``git -c alias.x='!cmd' x`` runs anything; a mode is not widened without being asked."""
    assert not {"Bash", "Bash(*)", "Bash(git:*)", "Bash(git *)"} & set(claude.ALLOWED_TOOLS)


def test_claude_as_root_is_explained(tmp_path, monkeypatch):
    monkeypatch.setattr(claude.os, "geteuid", lambda: 0)
    wish = Settings(permission_mode="bypassPermissions")
    assert "refuses permission mode 'bypassPermissions' as root" in claude.health(wish, tmp_path, {})
    assert "not found" in claude.health(wish, tmp_path, {"PATH": str(tmp_path), "IS_SANDBOX": "1"})


def test_codex_settings_are_toml_and_leave_git_read_only(task):
    words = codex.argv(WISH, task)
    given = [words[at + 1] for at, word in enumerate(words) if word == "-c"]
    settings = tomllib.loads("\n".join(given))
    assert settings["sandbox_mode"] == "workspace-write"
    assert settings["approval_policy"] == "never"
    assert set(settings["hooks"]) == set(codex.HOOKS)
    commands = {group[0]["hooks"][0]["command"] for group in settings["hooks"].values()}
    assert [shlex.split(command) for command in commands] == [["exec", *ours.hook_argv("codex")]]
    assert settings["hooks"]["SessionEnd"][0]["hooks"][0]["timeout"] == 3
    server = settings["mcp_servers"]["ovn"]
    assert [server["command"], *server["args"]] == ours.mcp_argv()
    assert "--add-dir" not in words
    assert "--dangerously-bypass-hook-trust" in words


@pytest.mark.parametrize(
    ("mode", "sandbox"),
    [
        (None, "workspace-write"),
        ("plan", "read-only"),
        ("bypassPermissions", "danger-full-access"),
        ("read-only",) * 2,
    ],
)
def test_codex_modes_are_never_wider_than_asked(task, mode, sandbox):
    assert f'sandbox_mode="{sandbox}"' in codex.argv(Settings(permission_mode=mode), task)


def test_gemini_gets_a_home_with_the_persons_settings_and_our_hooks(task, tmp_path):
    """Files of the person's are links; their own hook and server stay beside ours."""
    theirs = tmp_path / "person" / ".gemini"
    (theirs / "tmp").mkdir(parents=True)
    (theirs / "oauth_creds.json").write_text("secret")
    own = '{"model": "x", /* mine */ "hooks": {"BeforeTool": [{"hooks": []}]}, "mcpServers": {"a": {}}} // e'
    (theirs / "settings.json").write_text(own)
    told = gemini.environment(WISH, task, {"HOME": str(tmp_path / "person")})
    home = Path(told["GEMINI_CLI_HOME"]) / ".gemini"
    assert task.folder.parent in home.parents
    assert (home / "oauth_creds.json").readlink() == theirs / "oauth_creds.json"
    settings = json.loads((home / "settings.json").read_text())
    assert (settings["model"], list(settings["mcpServers"])) == ("x", ["a", "ovn"])
    assert set(settings["hooks"]) == set(gemini.HOOKS)
    assert len(settings["hooks"]["BeforeTool"]) == 2
    assert settings["hooks"]["AfterTool"][0]["hooks"][0]["timeout"] == 20_000
    assert (home / "settings.json").stat().st_mode & 0o077 == 0
    assert value(gemini.argv(WISH, task), "--approval-mode") == "auto_edit"
    assert (theirs / "settings.json").read_text() == own
    assert gemini.environment(WISH, task, {"HOME": str(tmp_path / "person")}) == told


def test_settings_of_gemini_that_cannot_be_read_are_named(task, tmp_path):
    (tmp_path / ".gemini").mkdir()
    (tmp_path / ".gemini" / "settings.json").write_text("{")
    with pytest.raises(Unhealthy, match=r"settings\.json' cannot be read"):
        gemini.environment(WISH, task, {"HOME": str(tmp_path)})


def test_opencode_reads_our_configuration_beside_the_persons(task):
    told = opencode.environment(WISH, task, {})
    config = json.loads(Path(told["OPENCODE_CONFIG"]).read_text())
    assert config["plugin"] == [str(resources.path("hooks", "opencode-ovn.js"))]
    assert Path(config["plugin"][0]).is_file()
    assert config["mcp"]["ovn"]["command"] == ours.mcp_argv()
    assert json.loads(told["OVN_AGENT_HOOK"]) == ours.hook_argv("opencode")


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_plugin_says_in_the_stream_until_when_opencode_waits(tmp_path):
    shutil.copy(resources.path("hooks", "opencode-ovn.js"), tmp_path / "plugin.mjs")
    status = {"type": "retry", "attempt": 1, "message": "limit", "next": 1795366175000}
    event = {"type": "session.status", "properties": {"sessionID": "s", "status": status}}
    script = (
        "import { Ovn } from './plugin.mjs';\n"
        "const hooks = await Ovn({ directory: process.cwd() });\n"
        f"await hooks.event({{ event: {json.dumps(event)} }});\n"
        "const busy = { status: { type: 'busy' } };\n"
        "await hooks.event({ event: { type: 'session.status', properties: busy } });\n"
    )
    (tmp_path / "script.mjs").write_text(script)
    done = subprocess.run(["node", "script.mjs"], cwd=tmp_path, capture_output=True, check=True, timeout=60)
    assert [one.kind for one in opencode.events(json.loads(done.stdout))] == ["session", "retry"]


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_plugin_asks_the_hook_and_obeys_it(tmp_path):
    """With a hook that answers as ours does, and one that is broken."""
    hook = tmp_path / "hook.py"
    hook.write_text(
        "import json, sys\n"
        "said = json.load(sys.stdin)\n"
        "open('said', 'a').write(said['hook_event_name'] + '\\n')\n"
        "name = said['hook_event_name']\n"
        "answers = {'begin': {'context': 'CONTEXT'}, 'before-tool': {'deny': 'no bash'}}\n"
        "print(json.dumps(answers.get(name, {})))\n"
    )
    script = tmp_path / "script.mjs"
    shutil.copy(resources.path("hooks", "opencode-ovn.js"), tmp_path / "plugin.mjs")
    script.write_text(
        "import { Ovn } from './plugin.mjs';\n"
        "const hooks = await Ovn({ directory: process.cwd() });\n"
        "const output = { system: [] };\n"
        "await hooks['experimental.chat.system.transform']({}, output);\n"
        "await hooks['experimental.session.compacting']({}, {});\n"
        "await hooks['tool.execute.after']({ tool: 'bash' }, {});\n"
        "await hooks.event({ event: { type: 'session.idle' } });\n"
        "let denied = null;\n"
        "try { await hooks['tool.execute.before']({ tool: 'bash' }, { args: { command: 'x' } }); }\n"
        "catch (error) { denied = error.message; }\n"
        "console.log(JSON.stringify([output.system, denied]));\n"
    )

    def run(line: list[str]):
        environ = {"PATH": "/usr/bin:/bin", "OVN_AGENT_HOOK": json.dumps(line)}
        done = subprocess.run(
            ["node", str(script)], cwd=tmp_path, env=environ, capture_output=True, check=True, timeout=60
        )
        return json.loads(done.stdout)

    assert run(["python3", str(hook)]) == [["CONTEXT"], "no bash"]
    assert (tmp_path / "said").read_text().split() == [
        "begin",
        "compacting",
        "after-tool",
        "end",
        "before-tool",
    ]
    assert run(["false"]) == [[], None]
    assert run(["/no/such/program"]) == [[], None]
    assert run([]) == [[], None]


# -- prompts ---------------------------------------------------------------------------


def test_prompts_are_short_and_every_place_is_filled(task):
    for path in resources.path("prompts").glob("*.md"):
        values = dict.fromkeys(("feature", "session", "context", "spec", "errors", "project"), "X")
        said = prompts.fill(path.stem, values)
        assert len(said) < 4000, path.name
        assert "{" not in said.replace('{"', "").replace("{}", ""), path.name


def test_a_name_with_braces_is_not_filled_again(task):
    odd = Task("{session}", "s", task.prompt_file, task.folder)
    assert "'{session}'" in prompts.begin(odd)


def test_the_agents_are_known_by_name():
    assert list(agents.AGENTS) == ["claude", "codex", "gemini", "opencode", "command"]
