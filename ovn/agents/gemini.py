"""Gemini CLI (its hooks: ``docs/hooks/reference.md`` in its package).

Its hooks and the MCP server stand in a home of ours in the session's folder (``geminihome``),
which an environment variable names: nothing is written into ``.gemini/``. There is no event after a
compaction, so the context comes again with every tenth tool. Measured with 0.61.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ovn import names
from ovn.agents import geminihome, ours, past, prompts
from ovn.agents.events import Event, part, text
from ovn.agents.trouble import Sign, Trouble, classify
from ovn.agents.usage import Usage, tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from ovn.agents import Settings, Task
    from ovn.agents.events import Account, Line

NAME = "gemini"
HOOKED = True

HOOKS = ("SessionStart", "BeforeAgent", "BeforeTool", "AfterTool", "AfterAgent", "SessionEnd")
"""Not PreCompress: it fires before every request and so tells nothing."""

HOME = "gemini"
"""Beside the attempts' folders, so that the next attempt finds the CLI's own session."""

MODES = {"acceptEdits": "auto_edit", "bypassPermissions": "yolo", "default": "default", "plan": "plan"}
"""``agent.permission_mode`` as Gemini CLI calls it. Without ``yolo`` it has no shell in ``-p``."""

SIGNS = (
    Sign("fatal-person", ("55", "41", "42"), r"api key not valid|API_KEY_INVALID|PERMISSION_DENIED|trusted"),
    Sign(
        "fresh-session",
        ("53", "FatalTurnLimitedError"),
        r"max session turns|exceeds the maximum number of tokens",
    ),
    Sign("wait-back-off", (), r"daily quota|RESOURCE_EXHAUSTED|\"code\":429|quota"),
    Sign("retry-now", (), r"\"code\":5\d\d|UNAVAILABLE|overloaded"),
)
"""55: the folder is not trusted; 42: bad input; 53: the limit of turns. As exit codes too."""


def argv(settings: Settings, task: Task) -> tuple[str, ...]:
    """Return the launch line; ``task.resume`` goes on in the newest session of this folder."""
    words = ["gemini", "-o", "stream-json"]
    if settings.permission_mode:
        words += ["--approval-mode", MODES.get(settings.permission_mode, settings.permission_mode)]
    if settings.model:
        words += ["-m", settings.model]
    if task.resume:
        words += ["--resume", "latest"]
    return (*words, "-p", prompts.begin(task))


def environment(settings: Settings, task: Task, environ: Mapping[str, str]) -> dict[str, str]:  # noqa: ARG001 - the agents' common shape
    """Return what names its home, which is made. Raises Unhealthy for settings it could not read."""
    home = task.folder.parent / HOME
    geminihome.make(home, _settings(), environ)
    hooks = str(task.folder / ours.HOOKS_FILE)
    return {geminihome.ENV_HOME: str(home), "GEMINI_CLI_TRUST_WORKSPACE": "true", names.ENV_HOOKS: hooks}


def _settings() -> dict[str, object]:
    milliseconds = 1000 * ours.HOOK_SECONDS
    hook = {"type": "command", "name": "ovn", "command": ours.hook_line(NAME), "timeout": milliseconds}
    program, *arguments = ours.mcp_argv()
    return {
        "hooks": {name: [{"matcher": "*", "hooks": [hook]}] for name in HOOKS},
        "mcpServers": {ours.SERVER: {"command": program, "args": arguments, "trust": True}},
        "general": {"enableAutoUpdate": False},
    }


def health(settings: Settings, folder: Path, environ: Mapping[str, str]) -> str | None:  # noqa: ARG001
    """Return why it cannot be started; None when it can."""
    return ours.why_not_found("gemini", "npm install -g @google/gemini-cli", environ)


def spent(task: Task) -> Usage:
    """Return what the attempt alone used so far: Gemini CLI tells tokens and no price."""
    return past.spent(events, task.folder)


def events(line: Line) -> Iterator[Event]:
    """Yield what one line of ``-o stream-json`` tells."""
    reader = _LINES.get(text(line, "type"))
    if reader is not None:
        yield from reader(line)


_DELAY = re.compile(r"\bretry (?:in|after) ([0-9.]{1,12})(ms|s)\b", re.IGNORECASE)
_RESET = re.compile(r"\breset after ((?:\d{1,4}[dhms]){1,4})", re.IGNORECASE)
_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


def limit_end(told: Account, environ: Mapping[str, str], now: datetime) -> float | None:  # noqa: ARG001 - the agents' common shape
    """Return when a quota is there again, by the service's words: a delay, or a reset "after 3h12m5s"."""
    words = told.trouble.text if told.trouble else ""
    delay, reset = _DELAY.search(words), _RESET.search(words)
    if reset:
        spans = re.findall(r"(\d+)([dhms])", reset[1].lower())
        return now.timestamp() + sum(int(count) * _UNITS[unit] for count, unit in spans)
    try:
        seconds = float(delay[1]) / (1000 if delay[2].lower() == "ms" else 1) if delay else None
    except ValueError:  # "1.2.3"
        return None
    return now.timestamp() + seconds if seconds is not None else None


def _init(line: Line) -> Iterator[Event]:
    yield Event("session", text(line, "session_id"))


def _message(line: Line) -> Iterator[Event]:
    if text(line, "role") == "assistant":
        yield Event("said", text(line, "content"))


def _tool(line: Line) -> Iterator[Event]:
    yield Event("tool", name=text(line, "tool_name"))


def _tool_end(line: Line) -> Iterator[Event]:
    if text(line, "error", "type") == "policy_violation":
        yield Event("denied")
    yield Event("tool-end", ok=text(line, "status") != "error")


def _result(line: Line) -> Iterator[Event]:
    used = part(line, "stats")
    counted = [tokens(part(used, key)) for key in ("input_tokens", "output_tokens", "cached")]
    yield Event("usage", usage=Usage(*counted), cumulative=True)
    well = text(line, "status") == "success"
    if not well:
        words = text(line, "error", "message")
        kind = classify(SIGNS, [text(line, "error", "type")], words)
        yield Event("trouble", trouble=Trouble(kind, words[:2000]))
    yield Event("end", text(line, "status"), ok=well)


_LINES: dict[str, Callable[[Line], Iterator[Event]]] = {
    "init": _init,
    "message": _message,
    "tool_use": _tool,
    "tool_result": _tool_end,
    "result": _result,
}
