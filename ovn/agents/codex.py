"""Codex (https://developers.openai.com/codex/noninteractive).

Hooks and the MCP server come as ``-c`` settings, so nothing is written into ``.codex/``. Its
sandbox keeps ``.git`` read-only and is left as it is: commits are made by our tools and by
the runner, which work outside of it. Measured with 0.169; see docs/agents.md.
"""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from ovn import allowed, names
from ovn.agents import ours, past, prompts
from ovn.agents.events import Event, lines, part, text
from ovn.agents.trouble import Sign, Trouble, classify
from ovn.agents.usage import Usage, tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from ovn.agents import Settings, Task
    from ovn.agents.events import Account, Line

NAME = "codex"
HOOKED = True

HOOKS = (
    "SessionStart",
    "UserPromptSubmit",
    "PreToolUse",
    "PostToolUse",
    "PreCompact",
    "PostCompact",
    "Stop",
    "Interrupt",
    "SessionEnd",
)
SHORT = {"Interrupt": 3, "SessionEnd": 3}
"""Hooks that Codex grants no more seconds than these, and warns about more."""

SANDBOX = {
    "plan": "read-only",
    "default": "workspace-write",
    "acceptEdits": "workspace-write",
    "bypassPermissions": "danger-full-access",
}
"""``agent.permission_mode`` as Codex calls it; a name of Codex's own is passed on."""

MARKS = (names.ENV_SESSION, names.ENV_RUN, names.ENV_GENERATION, names.ENV_FEATURE, names.ENV_ATTEMPT)
TOOL_SECONDS = 4 * 3600
"""What Codex grants one of our tools: verify commands may take long, and have limits of their own."""

SIGNS = (
    Sign(
        "fatal-person", (), r"quota exceeded|insufficient_quota|billing details|unexpected status 40[123]\b"
    ),
    Sign("wait-until", ("usage_limit_exceeded",), r"you.ve hit your usage limit"),
    Sign("fresh-session", (), r"ran out of room|no rollout found|context_length_exceeded"),
    Sign("wait-back-off", (), r"last status: 429|rate limit"),
    Sign("stall", (), r"idle timeout waiting for sse"),
    Sign("retry-now", (), r"high demand|stream disconnected|active writer|unexpected status 5\d\d\b"),
)


# -- starting --------------------------------------------------------------------------


def argv(settings: Settings, task: Task) -> tuple[str, ...]:
    """Return the launch line; ``task.resume`` goes on in a thread of Codex's."""
    words = ["codex", "exec"]
    if task.resume:
        words += ["resume"]
    words += ["--json", "--dangerously-bypass-hook-trust"]  # without it hooks are skipped, silently
    for key, value in _settings(settings).items():
        words += ["-c", f"{key}={value}"]
    if settings.model:
        words += ["-m", settings.model]
    return (*words, "--", *([task.resume] if task.resume else []), prompts.begin(task))


def _settings(settings: Settings) -> dict[str, str]:
    """Return ``-c`` settings as TOML; a JSON text is one of TOML's too."""
    mode = settings.permission_mode or "default"
    wanted = {
        "sandbox_mode": json.dumps(SANDBOX.get(mode, mode)),
        "approval_policy": '"never"',
        "check_for_update_on_startup": "false",
        f"mcp_servers.{ours.SERVER}": _server(),
    }
    return wanted | {f"hooks.{hook}": _hook(hook) for hook in HOOKS}


def _server() -> str:
    """Return our MCP server: allowed without a question, and with the marks that say whose act it is.

    Codex hands a server none of its variables but a few; its tools run what a verb runs.
    """
    program, *arguments = ours.mcp_argv()
    server = {
        "command": program,
        "args": arguments,
        "default_tools_approval_mode": "approve",
        "env_vars": sorted({*allowed.AGENTS, *MARKS} - {"PATH", "HOME"}),
        "tool_timeout_sec": TOOL_SECONDS,
    }
    return "{" + ",".join(f"{key}={json.dumps(value)}" for key, value in server.items()) + "}"


def _hook(hook: str) -> str:
    seconds = SHORT.get(hook, ours.HOOK_SECONDS)
    return f'[{{hooks=[{{type="command",command={json.dumps(ours.hook_line(NAME))},timeout={seconds}}}]}}]'


def environment(settings: Settings, task: Task, environ: Mapping[str, str]) -> dict[str, str]:  # noqa: ARG001 - the agents' common shape
    """Return where its hooks leave their sign."""
    return {names.ENV_HOOKS: str(task.folder / ours.HOOKS_FILE)}


def health(settings: Settings, folder: Path, environ: Mapping[str, str]) -> str | None:  # noqa: ARG001
    """Return why it cannot be started; None when it can."""
    return ours.why_not_found("codex", "npm install -g @openai/codex", environ)


# -- reading ---------------------------------------------------------------------------


def spent(task: Task) -> Usage:
    """Return the tokens of this attempt: Codex counts the thread, and tells no price."""
    return past.spent(events, task.folder, of_session=lambda _: True)


def events(line: Line) -> Iterator[Event]:
    """Yield what one line of ``codex exec --json`` tells."""
    reader = _LINES.get(text(line, "type"))
    if reader is not None:
        yield from reader(line)


def _thread(line: Line) -> Iterator[Event]:
    yield Event("session", text(line, "thread_id"))


def _begun(line: Line) -> Iterator[Event]:
    if text(line, "item", "type") in _TOOLS:
        yield Event("tool", name=_tool(line))


def _item(line: Line) -> Iterator[Event]:
    item = part(line, "item")
    what = text(item, "type")
    if what == "agent_message":
        yield Event("said", text(item, "text"))
    elif what in _TOOLS:
        well = text(item, "status") in ("completed", "") and part(item, "exit_code") in (None, 0)
        yield Event("tool-end", name=_tool(line), ok=well and not part(item, "error"))
    # "error" items are warnings; what ends the turn comes as turn.failed


_TOOLS = ("command_execution", "mcp_tool_call", "file_change", "web_search")


def _tool(line: Line) -> str:
    item = part(line, "item")
    return text(item, "tool") or text(item, "type")


def _error(line: Line) -> Iterator[Event]:
    words = text(line, "message")
    again = words.startswith("Reconnecting")
    yield Event("retry" if again else "trouble", trouble=_trouble(words))


def _failed(line: Line) -> Iterator[Event]:
    yield Event("trouble", trouble=_trouble(text(line, "error", "message")))
    yield Event("end", "turn.failed", ok=False)


def _completed(line: Line) -> Iterator[Event]:
    used = part(line, "usage")
    counted = [tokens(part(used, key)) for key in ("input_tokens", "output_tokens", "cached_input_tokens")]
    yield Event("usage", usage=Usage(*counted), cumulative=True)
    yield Event("end", "turn.completed")


def _trouble(words: str) -> Trouble:
    return Trouble(classify(SIGNS, (), words), words[:2000])


_LINES: dict[str, Callable[[Line], Iterator[Event]]] = {
    "thread.started": _thread,
    "item.started": _begun,
    "item.completed": _item,
    "error": _error,
    "turn.completed": _completed,
    "turn.failed": _failed,
}


# -- when a limit ends -----------------------------------------------------------------


def limit_end(told: Account, environ: Mapping[str, str], now: datetime) -> float | None:
    """Return when a usage limit ends: by the thread's own record, else by the prose."""
    if told.trouble is None or told.trouble.kind != "wait-until":
        return None
    home = Path(environ.get("CODEX_HOME") or Path(environ.get("HOME", "/")) / ".codex")
    record = rollout(home, told.session or "")
    ends = rollout_until(record.read_bytes()) if record else None
    return until(told.trouble.text, now.astimezone()) if ends is None else ends


_CLOCK = re.compile(r"try again at (\d{1,2}):(\d{2})\s*([AP]M)", re.IGNORECASE)
_SPAN = re.compile(r"(\d+)\s*(day|hour|minute|second)", re.IGNORECASE)


def until(words: str, now: datetime) -> float | None:
    """Return when a usage limit ends by Codex's prose, in seconds since the epoch.

    It says a time of day (in ``now``'s zone, which is to be the local one) or, in older
    versions, how long: "in 2 days 17 hours". None where it says neither.
    """
    clock = _CLOCK.search(words)
    if clock:
        hour = int(clock[1]) % 12 + (12 if clock[3].upper() == "PM" else 0)
        if hour > 23 or int(clock[2]) > 59:
            return None
        then = now.replace(hour=hour, minute=int(clock[2]), second=0, microsecond=0)
        return (then if then > now else then + timedelta(days=1)).timestamp()
    found = _SPAN.findall(words.partition("try again in")[2])
    spans = {f"{unit.lower()}s": int(count) for count, unit in found}
    return (now + timedelta(**spans)).timestamp() if spans else None


def rollout_until(data: bytes) -> float | None:
    """Return when the limit ends by a thread's own record (``rollout-*.jsonl``), seconds since the epoch.

    Of the windows that are used up, the one that ends last. None where the record says nothing.
    """
    ends: list[float] = []
    for line in lines(data):
        limits = part(line, "payload", "rate_limits")
        if not isinstance(limits, dict):
            continue
        windows = [one for one in limits.values() if isinstance(one, dict)]
        ends = [
            float(one["resets_at"])
            for one in windows
            if isinstance(one.get("resets_at"), int | float)
            and isinstance(one.get("used_percent"), int | float)
            and one["used_percent"] >= 100
        ]
    return max(ends, default=None)


def rollout(home: Path, thread: str) -> Path | None:
    """Return the record of a thread under ``CODEX_HOME``; None when there is none."""
    if not re.fullmatch(r"[0-9a-fA-F-]{8,64}", thread):
        return None
    return max(home.glob(f"sessions/*/*/*/rollout-*-{thread}.jsonl"), default=None)
