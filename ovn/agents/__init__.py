"""The programs that do the work. One module per agent, with the same few names.

A new agent is a module here that obeys ``Agent``, and one entry in ``AGENTS``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ovn.agents import claude, codex, command, gemini, opencode
from ovn.errors import UsageError
from ovn.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from ovn import config
    from ovn.agents.events import Account, Event, Line
    from ovn.agents.usage import Usage


@dataclass(frozen=True, slots=True)
class Settings:
    """What ``agent:`` in ``.overnight/config.yaml`` says to the agent's module."""

    argv: tuple[str, ...] = ()
    model: str | None = None
    permission_mode: str | None = None
    allowed_tools: tuple[str, ...] = ()

    @classmethod
    def of(cls, wanted: config.Agent) -> Settings:
        """Return what the configuration's section says."""
        return cls(wanted.argv or (), wanted.model, wanted.permission_mode, wanted.allowed_tools)


@dataclass(frozen=True, slots=True)
class Task:
    """One attempt, as its agent has to know it. ``folder`` is the attempt's own, outside the tree.

    ``resume`` is the agent's own session to go on in; ``prompt`` a file of ``prompts/`` to begin
    with, by default the one that fits.
    """

    feature: str
    session: str
    prompt_file: Path
    folder: Path
    resume: str | None = None
    prompt: str | None = None


class Agent(Protocol):
    """What a module of this package offers.

    ``HOOKED``: it runs our hooks, and an attempt in which none ran is not guarded.
    """

    HOOKED: bool

    def argv(self, settings: Settings, task: Task) -> tuple[str, ...]:
        """Return the words to start it with; never a shell's line."""
        ...

    def environment(self, settings: Settings, task: Task, environ: Mapping[str, str]) -> dict[str, str]:
        """Return the variables that this agent needs beside ``environ``, the allowed ones."""
        ...

    def spent(self, task: Task) -> Usage:
        """Return what the attempt alone used so far, tokens and USD, as far as the agent tells."""
        ...

    def limit_end(self, told: Account, environ: Mapping[str, str], now: datetime) -> float | None:
        """Return when the limit that the account tells of ends, in seconds since the epoch, if known."""
        ...

    def events(self, line: Line) -> Iterator[Event]:
        """Yield what one line of its output tells; see ``ovn.agents.events``."""
        ...

    def health(self, settings: Settings, folder: Path, environ: Mapping[str, str]) -> str | None:
        """Return why it cannot be started in ``folder`` with ``environ``; None when it can."""
        ...


AGENTS: dict[str, Agent] = {
    "claude": claude,
    "codex": codex,
    "gemini": gemini,
    "opencode": opencode,
    "command": command,
}


def find(name: str, settings: Settings) -> Agent:
    """Return the agent of that name; with ``argv`` set it is that program, whatever its name.

    Raises UsageError when there is neither.
    """
    if settings.argv:
        return command
    if name in AGENTS:
        return AGENTS[name]
    known = ", ".join(AGENTS)
    raise UsageError(
        f"no agent '{name}'",
        hint=f"known agents: {known}; or set 'agent.argv' in .overnight/config.yaml to what starts it",
    )
