"""What of a person's environment an agent gets to see: an allow-list.

A night's agent runs other people's code unattended. It needs where programs, home and
certificates are, who the person is to git, and the keys of its own provider; it does not
need the tokens of everything else that a shell profile exports. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn import allowed as allowed_variables

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIXES = (
    "LC_",
    "ANTHROPIC_",
    "CLAUDE_",
    "OPENAI_",
    "CODEX_",
    "GEMINI_",
    "GOOGLE_",
    "OPENCODE_",
    "AIDER_",
    "OPENROUTER_",
    "DISABLE_",
)
"""Agents' own variables, and their providers'."""


def allowed(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that may reach an agent, with a PATH in any case."""
    return allowed_variables.pick(environ, allowed_variables.AGENTS, PREFIXES)
