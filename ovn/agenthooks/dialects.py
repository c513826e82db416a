"""The agents' events in our words, and our answers in theirs: a table for each CLI. Pure.

Answers measured with Claude Code 2.1.330, Codex 0.169, Gemini CLI 0.61; opencode's events and
answers are those of our own plugin.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Said = dict[str, Any]

BEGIN, PROMPT, BEFORE, AFTER = "begin", "prompt", "before-tool", "after-tool"
COMPACTING, STOP, END, OTHER = "compacting", "stop", "end", "other"

_CLAUDE = {
    "SessionStart": BEGIN,
    "UserPromptSubmit": PROMPT,
    "PreToolUse": BEFORE,
    "PostToolUse": AFTER,
    "PreCompact": COMPACTING,
    "Stop": STOP,
    "SessionEnd": END,
    "Interrupt": END,
}

EVENTS: dict[str, dict[str, str]] = {
    "claude": _CLAUDE,
    "codex": _CLAUDE,
    "gemini": {
        "SessionStart": BEGIN,
        "BeforeAgent": PROMPT,
        "BeforeTool": BEFORE,
        "AfterTool": AFTER,
        "AfterAgent": STOP,
        "SessionEnd": END,
    },
    "opencode": {
        "begin": BEGIN,
        "before-tool": BEFORE,
        "after-tool": AFTER,
        "compacting": COMPACTING,
        "end": END,
    },
}
"""CLI -> its events -> ours. What is not here is a sign of life and nothing else."""

REPEATS = frozenset(("gemini",))
"""CLIs that do not tell when they compacted: the context comes again with every tenth tool."""

SHELL_TOOLS = frozenset(
    ("Bash", "bash", "shell", "exec_command", "local_shell", "run_shell_command", "unified_exec")
)
PATH_KEYS = ("file_path", "notebook_path", "absolute_path", "filePath", "path")
READERS = frozenset(
    "Read Grep Glob LS NotebookRead read grep glob list read_file read_many_files list_directory".split()
)
"""Tools that only read: their paths are nobody's harm."""


def event(cli: str, said: Said) -> str:
    """Return which of our events a hook's input is."""
    return EVENTS[cli].get(_text(said, "hook_event_name"), OTHER)


def commands(said: Said) -> list[str]:
    """Return the shell's lines that a tool call is about to run."""
    given = said.get("tool_input")
    if not isinstance(given, dict):
        return []
    found = given.get("command", given.get("cmd"))
    if isinstance(found, list):  # Codex: ["bash", "-lc", "..."]
        return [_quoted(found)]
    if isinstance(found, str) and _text(said, "tool_name") != "apply_patch":
        return [found]
    return []


def patches(said: Said) -> list[str]:
    """Return the patches that a tool call is about to apply (Codex)."""
    given = said.get("tool_input")
    if _text(said, "tool_name") != "apply_patch":
        return []
    if isinstance(given, str):
        return [given]
    return [one for one in given.values() if isinstance(one, str)] if isinstance(given, dict) else []


def paths(said: Said) -> list[str]:
    """Return the files that a tool call is about to write."""
    given = said.get("tool_input")
    if not isinstance(given, dict) or _text(said, "tool_name") in READERS:
        return []
    return [given[key] for key in PATH_KEYS if isinstance(given.get(key), str)]


def context(cli: str, said: Said, text: str) -> Said:
    """Return the answer that shows ``text`` to the model."""
    if cli == "opencode":
        return {"context": text}
    return {
        "hookSpecificOutput": {"hookEventName": _text(said, "hook_event_name"), "additionalContext": text}
    }


def denial(cli: str, said: Said, reason: str) -> Said:
    """Return the answer that refuses a tool call, with the reason for the model."""
    if cli == "opencode":
        return {"deny": reason}
    if cli == "gemini":
        return {"decision": "deny", "reason": reason}
    return {
        "hookSpecificOutput": {
            "hookEventName": _text(said, "hook_event_name"),
            "permissionDecision": "deny",
            "permissionDecisionReason": reason,
        }
    }


def go_on(cli: str, reason: str) -> Said:
    """Return the answer that keeps the agent from stopping."""
    return {"decision": "deny" if cli == "gemini" else "block", "reason": reason}


def detail(said: Said) -> str:
    """Return what distinguishes events of one name: the source, the trigger, or the tool."""
    return _text(said, "source") or _text(said, "trigger") or _text(said, "tool_name")


def _quoted(words: list[object]) -> str:
    return " ".join("'" + str(word).replace("'", "'\\''") + "'" for word in words)


def _text(said: Said, key: str) -> str:
    found = said.get(key)
    return found if isinstance(found, str) else ""
