"""What an agent starts of ours: the hook and the MCP server, as words and as a shell's line. Pure."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ovn import myself

if TYPE_CHECKING:
    from collections.abc import Mapping

HOOK_SECONDS = 20
"""What a CLI grants a hook: the longest of ours takes a checkpoint, and gives up after 5 s."""

SERVER = "ovn"
"""The name of the MCP server; agents see its tools as ``mcp__ovn__status`` and the like."""

HOOKS_FILE = "hooks"
"""In an attempt's folder: which hooks of the agent ran. Without it they are off."""


def hook_argv(cli: str) -> list[str]:
    """Return what runs as each hook of a CLI; what ``git ovn agent-hook CLI`` becomes."""
    entry = Path(__file__).resolve().parent.parent / "agenthooks" / "entry.py"
    return [sys.executable, "-I", "-S", str(entry), cli]


def hook_line(cli: str) -> str:
    """Return the same as the line that a CLI hands to a shell, which it becomes: no process stays to wait."""
    return f"exec {shlex.join(hook_argv(cli))}"


def mcp_argv() -> list[str]:
    """Return what starts the MCP server."""
    return myself.argv("mcp")


def why_not_found(program: str, install: str, environ: Mapping[str, str]) -> str | None:
    """Return why a CLI cannot be started; None when it is in PATH."""
    if shutil.which(program, path=environ.get("PATH")):
        return None
    return f"the agent's program '{program}' was not found in PATH; {install}"
