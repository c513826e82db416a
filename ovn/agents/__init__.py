"""Layer 6: the programs that do the work. One module per agent, with the same few names.

A new agent is a module here that obeys ``Agent``, and one entry in ``AGENTS``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ovn.agents import command
from ovn.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """What ``agent:`` in ``.overnight/config.yaml`` says to the agent's module."""

    argv: tuple[str, ...] = ()
    model: str | None = None
    permission_mode: str | None = None
    allowed_tools: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """One attempt, as its agent has to know it. ``folder`` is the attempt's own, outside the tree."""

    feature: str
    session: str
    prompt_file: Path
    folder: Path


class Agent(Protocol):
    """What a module of this package offers."""

    def argv(self, settings: Settings, task: Task) -> tuple[str, ...]:
        """Return the words to start it with; never a shell's line."""
        ...

    def environment(self, settings: Settings, task: Task) -> dict[str, str]:
        """Return the variables that this agent needs beside the allowed and the marked ones."""
        ...

    def cost(self, task: Task) -> float:
        """Return what the attempt cost so far, in USD, as far as the agent tells."""
        ...

    def health(self, settings: Settings, folder: Path, environ: Mapping[str, str]) -> str | None:
        """Return why it cannot be started in ``folder`` with ``environ``; None when it can."""
        ...


AGENTS: dict[str, Agent] = {
    "command": command,
}


def find(name: str, settings: Settings) -> Agent:
    """Return the agent of that name; one that is not known here runs by its ``argv``.

    Raises UsageError when there is neither.
    """
    if name in AGENTS:
        return AGENTS[name]
    if settings.argv:
        return command
    known = ", ".join(AGENTS)
    raise UsageError(
        f"no agent '{name}'",
        hint=f"known agents: {known}; or set 'agent.argv' in .overnight/config.yaml to what starts it",
    )
