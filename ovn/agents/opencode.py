"""The agent opencode (https://opencode.ai/docs/plugins, .../config).

A plugin of ours (``hooks/opencode-ovn.js``) asks ``git ovn agent-hook opencode``; a configuration
file in the attempt's folder names it, beside the MCP server. The context is in the system
prompt of every request, so no compaction can lose it. Measured with 1.18.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ovn import names, resources
from ovn.agents import ours, past, prompts
from ovn.agents.events import Event, part, text
from ovn.agents.trouble import Sign, Trouble, classify
from ovn.agents.usage import Usage, money, tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from ovn.agents import Settings, Task
    from ovn.agents.events import Line

NAME = "opencode"
limit_end = past.limit_end
HOOKED = True

CONFIG = "opencode.json"
ENV_CONFIG = "OPENCODE_CONFIG"
ENV_HOOK = "OVN_AGENT_HOOK"
"""A JSON list: what the plugin runs."""

SIGNS = (
    Sign("fatal-person", ("ProviderAuthError",), r"insufficient.quota|credit balance|invalid api key"),
    Sign("fresh-session", ("ContextOverflowError",), r"prompt is too long|context.length|maximum context"),
    Sign("wait-back-off", (), r"rate limit|too many requests"),
)


def argv(settings: Settings, task: Task) -> tuple[str, ...]:
    """Return the launch line; ``task.resume`` goes on in a session of opencode's."""
    words = ["opencode", "run", "--format", "json"]
    if task.resume:
        words += ["--session", task.resume]
    if settings.model:
        words += ["-m", settings.model]
    return (*words, "--", prompts.begin(task))


def environment(settings: Settings, task: Task, environ: Mapping[str, str]) -> dict[str, str]:  # noqa: ARG001 - the agents' common shape
    """Return what names its configuration, which is written into the attempt's folder."""
    path = task.folder / CONFIG
    path.write_text(json.dumps(_config(), indent=2) + "\n", encoding="utf-8")
    return {
        ENV_CONFIG: str(path),
        ENV_HOOK: json.dumps(ours.hook_argv(NAME)),
        names.ENV_HOOKS: str(task.folder / ours.HOOKS_FILE),
        "OPENCODE_DISABLE_AUTOUPDATE": "1",
    }


def _config() -> dict[str, object]:
    return {
        "$schema": "https://opencode.ai/config.json",
        "plugin": [str(resources.path("hooks", "opencode-ovn.js"))],
        "mcp": {ours.SERVER: {"type": "local", "command": ours.mcp_argv(), "enabled": True}},
    }


def health(settings: Settings, folder: Path, environ: Mapping[str, str]) -> str | None:  # noqa: ARG001
    """Return why it cannot be started; None when it can."""
    return ours.why_not_found("opencode", "npm install -g opencode-ai", environ)


def spent(task: Task) -> Usage:
    """Return what the attempt alone used so far: opencode tells each step's tokens and price."""
    return past.spent(events, task.folder)


def events(line: Line) -> Iterator[Event]:
    """Yield what one line of ``--format json`` tells."""
    if text(line, "sessionID"):
        yield Event("session", text(line, "sessionID"))
    reader = _LINES.get(text(line, "type"))
    if reader is not None:
        yield from reader(line)


def _text(line: Line) -> Iterator[Event]:
    if part(line, "part", "synthetic") is not True:
        yield Event("said", text(line, "part", "text"))
    elif part(line, "part", "metadata", "compaction_continue") is True:
        yield Event("compacted")


def _tool(line: Line) -> Iterator[Event]:
    name, state = text(line, "part", "tool"), part(line, "part", "state")
    yield Event("tool", name=name)
    if text(state, "error").startswith("The user rejected permission"):
        yield Event("denied", name=name)
    yield Event("tool-end", name=name, ok=text(state, "status") != "error")


def _step(line: Line) -> Iterator[Event]:
    used = part(line, "part", "tokens")
    cached = tokens(part(used, "cache", "read"))
    sent = tokens(part(used, "input")) + cached + tokens(part(used, "cache", "write"))
    received = tokens(part(used, "output")) + tokens(part(used, "reasoning"))
    yield Event("usage", usage=Usage(sent, received, cached, money(part(line, "part", "cost"))))
    if text(line, "part", "reason") == "stop":
        yield Event("end", "stop")


def _error(line: Line) -> Iterator[Event]:
    words = text(line, "error", "data", "message")
    codes = [text(line, "error", "name"), text(line, "error", "data", "statusCode")]
    yield Event("trouble", trouble=Trouble(classify(SIGNS, codes, words), words[:2000]))
    yield Event("end", text(line, "error", "name"), ok=False)


def _retry(line: Line) -> Iterator[Event]:
    """Yield what our plugin tells: it waits for a limit, until ``next`` (milliseconds since the epoch)."""
    words, until = text(line, "message"), part(line, "next")
    known = isinstance(until, int | float) and not isinstance(until, bool) and until > 0
    trouble = Trouble(
        "wait-until" if known else "wait-back-off", words[:2000], until / 1000 if known else None
    )
    yield Event("retry", trouble=trouble)


_LINES: dict[str, Callable[[Line], Iterator[Event]]] = {
    "text": _text,
    "tool_use": _tool,
    "step_finish": _step,
    "error": _error,
    "ovn_retry": _retry,
}
