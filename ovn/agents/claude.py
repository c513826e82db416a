"""Claude Code (https://code.claude.com/docs/en/headless, .../hooks).

Hooks and the MCP server come on the command line, so nothing is written into ``.claude/``.
Measured with 2.1.330 and 2.1.197; see docs/agents.md.
"""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

from ovn import names
from ovn.agents import ours, past, prompts
from ovn.agents.events import Event, part, parts, text
from ovn.agents.trouble import Sign, Trouble, classify
from ovn.agents.usage import Usage, money, tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from ovn.agents import Settings, Task
    from ovn.agents.events import Account, Line

NAME = "claude"
limit_end = past.limit_end
HOOKED = True

HOOKS = (
    "SessionStart",
    "UserPromptSubmit",
    "PreToolUse",
    "PostToolUse",
    "PreCompact",
    "PostCompact",
    "SubagentStop",
    "Stop",
    "SessionEnd",
)

GIT_VERBS = "add blame branch commit diff log ls-files mv ovn restore rev-parse rm show status"

ALLOWED_TOOLS = (
    f"mcp__{ours.SERVER}__*",
    *(f"Bash(git {verb}:*)" for verb in GIT_VERBS.split()),
)
"""What may run without a question, beside what the permission mode and the configuration allow:
our own tools, and those verbs of git that start no other program."""

COST_OF_SESSION = (2, 1, 330)
"""Since this version cost and tokens count the session, over all its processes."""

SIGNS = (
    Sign("wait-until", ("usage_limit_reached",), r"\byou've hit your .{0,40}limit\b"),
    Sign(
        "fatal-person",
        ("authentication_failed", "billing_error", "oauth_org_not_allowed", "budget_exhausted"),
        r"credit balance is too low|invalid api key|please run /login",
    ),
    Sign(
        "fresh-session",
        ("rapid_refill_breaker", "max_turns"),
        r"prompt is too long|no conversation found|session id .{0,60} is already in use",
    ),
    Sign("wait-back-off", ("rate_limit", "rate_limit_error")),
    Sign("retry-now", ("server_error", "overloaded", "overloaded_error", "api_error")),
)


# -- starting --------------------------------------------------------------------------


def argv(settings: Settings, task: Task) -> tuple[str, ...]:
    """Return the launch line; ``task.resume`` goes on in a session of Claude Code's."""
    words = ["claude", "-p", "--output-format", "stream-json", "--verbose"]
    words += ["--settings", json.dumps({"hooks": hooks()})]
    words += ["--mcp-config", json.dumps({"mcpServers": {ours.SERVER: _server()}})]
    if task.resume:
        words += ["--resume", task.resume]
    if settings.model:
        words += ["--model", settings.model]
    if settings.permission_mode:
        words += ["--permission-mode", settings.permission_mode]
    words += ["--allowedTools", *ALLOWED_TOOLS, *settings.allowed_tools]
    return (*words, "--", prompts.begin(task))  # "--": the option before takes any number of words


def hooks() -> dict[str, object]:
    """Return the ``hooks`` of a settings file: one program for all of them."""
    command = {"type": "command", "command": ours.hook_line(NAME), "timeout": ours.HOOK_SECONDS}
    return {hook: [{"matcher": "", "hooks": [command]}] for hook in HOOKS}


def _server() -> dict[str, object]:
    program, *arguments = ours.mcp_argv()
    return {"command": program, "args": arguments}


def environment(settings: Settings, task: Task, environ: Mapping[str, str]) -> dict[str, str]:  # noqa: ARG001 - the agents' common shape
    """Return what keeps it from changing itself at night, and where its hooks leave their sign."""
    return {"DISABLE_AUTOUPDATER": "1", names.ENV_HOOKS: str(task.folder / ours.HOOKS_FILE)}


def health(settings: Settings, folder: Path, environ: Mapping[str, str]) -> str | None:  # noqa: ARG001
    """Return why it cannot be started; None when it can."""
    bypassing = settings.permission_mode == "bypassPermissions"
    if bypassing and os.geteuid() == 0 and not environ.get("IS_SANDBOX"):
        return (
            "Claude Code refuses permission mode 'bypassPermissions' as root: run as another user, use "
            "'acceptEdits' with 'agent.allowed_tools', or set IS_SANDBOX=1 where this really is a sandbox"
        )
    return ours.why_not_found("claude", "npm install -g @anthropic-ai/claude-code", environ)


# -- reading ---------------------------------------------------------------------------


def spent(task: Task) -> Usage:
    """Return what the attempt alone used so far."""
    return past.spent(events, task.folder, of_session=_counts_session)


def _counts_session(told: Account) -> bool:
    """Tell whether cost and tokens are of the session; if in doubt of the process, which counts more."""
    return tuple(int(one) for one in re.findall(r"\d+", told.version or "")[:3]) >= COST_OF_SESSION


def events(line: Line) -> Iterator[Event]:
    """Yield what one line of ``--output-format stream-json`` tells."""
    reader = _LINES.get(text(line, "type"))
    if reader is not None:
        yield from reader(line)


def _system(line: Line) -> Iterator[Event]:
    what = text(line, "subtype")
    if what == "init":
        yield Event("session", text(line, "session_id"), name=text(line, "claude_code_version"))
    elif what == "api_retry":
        codes = [text(line, "error"), text(line, "error_status")]
        yield Event("retry", trouble=Trouble(classify(SIGNS, codes), f"{codes[0]} {codes[1]}".strip()))
    elif what == "compact_boundary":
        yield Event("compacted", text(line, "compact_metadata", "trigger"))
    elif what == "permission_denied":
        yield Event("denied", name=text(line, "tool_name"))


def _assistant(line: Line) -> Iterator[Event]:
    message = part(line, "message")
    if text(message, "model") == "<synthetic>":  # not the model's: the CLI says why there is none
        yield Event("trouble", trouble=_trouble(line, _words(message)))
        return
    for block in parts(message, "content"):
        if block.get("type") == "tool_use":
            yield Event("tool", name=text(block, "name"))
        elif block.get("type") == "text":
            yield Event("said", text(block, "text"))


def _user(line: Line) -> Iterator[Event]:
    for block in parts(line, "message", "content"):
        if block.get("type") == "tool_result":
            yield Event("tool-end", ok=block.get("is_error") is not True)


def _limits(line: Line) -> Iterator[Event]:
    info = part(line, "rate_limit_info")
    if text(info, "status") != "rejected":
        return
    until = part(info, "resetsAt")
    if isinstance(until, int | float) and not isinstance(until, bool) and until > 0:
        what = text(info, "rateLimitType").replace("_", " ") or "usage"
        yield Event("limit", trouble=Trouble("wait-until", f"the {what} limit is reached", float(until)))


def _result(line: Line) -> Iterator[Event]:
    if text(line, "session_id"):
        yield Event("session", text(line, "session_id"))
    yield Event("usage", usage=_usage(line), cumulative=True)
    well = line.get("is_error") is not True
    if not well and text(line, "terminal_reason") != "aborted_tools":  # aborted: by our own signal
        yield Event("trouble", trouble=_trouble(line, _words(line)))
    yield Event("end", text(line, "terminal_reason"), ok=well)


def _trouble(line: Line, words: str) -> Trouble:
    keys = ("api_error", "error", "terminal_reason", "api_error_type", "api_error_status")
    specific = [code for key in keys if (code := text(line, key)) and code != "api_error"]
    return Trouble(classify(SIGNS, specific, words), words or ", ".join(specific))


def _words(value: object) -> str:
    """Return the text of a message, or of a result's errors: the CLI's own words."""
    blocks = [text(block, "text") for block in parts(value, "content")]
    errors = part(value, "errors")
    told = [one for one in errors if isinstance(one, str)] if isinstance(errors, list) else []
    return " ".join([*blocks, *told, text(value, "result")]).strip()[:2000]


def _usage(line: Line) -> Usage:
    """Return tokens and cost; by model where told, which counts what the sum leaves out."""
    models = part(line, "modelUsage")
    used = [one for one in models.values() if isinstance(one, dict)] if isinstance(models, dict) else []
    if not used:
        told = part(line, "usage")
        one = {
            "inputTokens": part(told, "input_tokens"),
            "outputTokens": part(told, "output_tokens"),
            "cacheReadInputTokens": part(told, "cache_read_input_tokens"),
        }
        used = [one]
    cached = sum(tokens(one.get("cacheReadInputTokens")) for one in used)
    written = sum(tokens(one.get("cacheCreationInputTokens")) for one in used)
    sent = sum(tokens(one.get("inputTokens")) for one in used)
    received = sum(tokens(one.get("outputTokens")) for one in used)
    return Usage(sent + cached + written, received, cached, money(line.get("total_cost_usd")))


_LINES: dict[str, Callable[[Line], Iterator[Event]]] = {
    "system": _system,
    "assistant": _assistant,
    "user": _user,
    "rate_limit_event": _limits,
    "result": _result,
}
