"""What each real CLI needs to talk to the tests' model server: its home, variables, names of tools."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MODELS = {
    "claude": "claude-sonnet-4-5",
    "codex": "gpt-5-codex",
    "gemini": "gemini-2.5-pro",
    "opencode": "stub/m",
}

CODEX_CONFIG = """\
model = "gpt-5-codex"
model_provider = "stub"
model_auto_compact_token_limit = 60000
check_for_update_on_startup = false
[model_providers.stub]
name = "stub"
base_url = "{url}/v1"
wire_api = "responses"
env_key = "CODEX_STUB_KEY"
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


def _claude(home: Path, url: str) -> dict[str, str]:
    return {
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": "dummy",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_MAX_RETRIES": "1",
    }


def _codex(home: Path, url: str) -> dict[str, str]:
    config = home / ".codex" / "config.toml"
    config.parent.mkdir(exist_ok=True)
    config.write_text(CODEX_CONFIG.format(url=url))
    return {"CODEX_HOME": str(config.parent), "CODEX_STUB_KEY": "dummy"}


def _gemini(home: Path, url: str) -> dict[str, str]:
    settings = {
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "privacy": {"usageStatisticsEnabled": False},
        "telemetry": {"enabled": False},
        "general": {"enableAutoUpdate": False},
    }
    path = home / ".gemini" / "settings.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(settings))
    return {"GEMINI_API_KEY": "dummy", "GOOGLE_GEMINI_BASE_URL": url}


def _opencode(home: Path, url: str) -> dict[str, str]:
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "stub",
        "options": {"baseURL": f"{url}/v1", "apiKey": "dummy"},
        "models": {"m": {"name": "m", "limit": {"context": 100000, "output": 4000}}},
    }
    path = home / "config" / "opencode" / "opencode.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"provider": {"stub": provider}, "autoupdate": False, "share": "disabled"}))
    quiet = ("AUTOUPDATE", "MODELS_FETCH", "LSP_DOWNLOAD", "DEFAULT_PLUGINS", "SHARE")
    return {
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_CACHE_HOME": str(home / "cache"),
        **{f"OPENCODE_DISABLE_{name}": "1" for name in quiet},
    }


_PREPARE: dict[str, Callable[[Path, str], dict[str, str]]] = {
    "claude": _claude,
    "codex": _codex,
    "gemini": _gemini,
    "opencode": _opencode,
}


def prepare(cli: str, home: Path, url: str) -> dict[str, str]:
    """Write what the CLI reads in its home; return the variables it needs beside ``HOME``."""
    home.mkdir(exist_ok=True)
    return {"HOME": str(home), **_PREPARE[cli](home, url)}


def shell(cli: str, command: str) -> dict[str, Any]:
    """Return the model's call of the CLI's shell."""
    told = {
        "claude": ("Bash", {"command": command, "description": "x"}),
        "codex": ("exec_command", {"cmd": command}),
        "gemini": ("run_shell_command", {"command": command, "description": "x"}),
        "opencode": ("bash", {"command": command, "description": "x"}),
    }
    name, given = told[cli]
    return {"name": name, "input": given}


def write(cli: str, path: Path, text: str) -> dict[str, Any]:
    """Return the model's call that writes a file."""
    if cli == "claude":
        return {"name": "Write", "input": {"file_path": str(path), "content": text}}
    return shell(cli, f"cat > '{path}' <<'END'\n{text}\nEND")


def tool(cli: str, name: str, **given: Any) -> dict[str, Any]:
    """Return the model's call of one of our tools."""
    if cli == "codex":
        return {"name": name, "namespace": "mcp__ovn", "input": given}
    named = {"claude": "mcp__ovn__", "gemini": "mcp_ovn_", "opencode": "ovn_"}[cli]
    return {"name": f"{named}{name}", "input": given}


# -- what goes wrong ---------------------------------------------------------------------


def limited(cli: str, until: int) -> dict[str, Any]:
    """Return the answer of a service whose subscription's limit is reached until then."""
    if cli == "claude":
        prefix = "anthropic-ratelimit-unified"
        headers = {
            f"{prefix}-status": "rejected",
            f"{prefix}-reset": str(until),
            f"{prefix}-representative-claim": "five_hour",
            f"{prefix}-5h-status": "rejected",
            f"{prefix}-5h-reset": str(until),
            f"{prefix}-5h-utilization": "1",
        }
        error = {
            "type": "rate_limit_error",
            "message": "This request would exceed your account's rate limit.",
        }
        return {"error": {"status": 429, "headers": headers, "body": {"type": "error", "error": error}}}
    if cli == "opencode":
        headers = {"retry-after": str(max(until - int(time.time()), 1))}
        return {"error": {"status": 429, "headers": headers, "body": {"error": {"message": "usage limit"}}}}
    headers = {
        "x-codex-primary-used-percent": "100",
        "x-codex-primary-window-minutes": "300",
        "x-codex-primary-reset-at": str(until),
    }
    error = {"type": "usage_limit_reached", "message": "limit", "plan_type": "plus", "resets_at": until}
    return {"error": {"status": 429, "headers": headers, "body": {"error": error}}}


def subscribed(cli: str, environ: dict[str, str]) -> None:
    """Make Claude Code one of a subscription's: with a key it knows no limit's end."""
    if cli == "claude":
        del environ["ANTHROPIC_API_KEY"]
        environ["CLAUDE_CODE_OAUTH_TOKEN"] = "dummy"


def without_hooks(cli: str, home: Path, environ: dict[str, str]) -> None:
    """Turn the CLI's hooks off, as a person may have done."""
    if cli == "gemini":
        path = home / ".gemini" / "settings.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "hooksConfig": {"enabled": False}}))
        return
    if cli == "opencode":
        environ["OPENCODE_PURE"] = "1"  # what its option --pure sets: no plugins
        return
    if cli == "claude":
        path = home / ".claude" / "settings.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"disableAllHooks": True}))
        return
    path = home / ".codex" / "config.toml"
    path.write_text(path.read_text().replace("[features]\n", "[features]\nhooks = false\n"))
