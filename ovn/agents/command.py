"""Any program as the agent: an argv template, no shell.

``{prompt_file}``, ``{feature}`` and ``{session}`` stand for the attempt's; other braces stay as
they are, since templates hold JSON. The program may write what it cost, in USD, to the file
that ``OVN_COST_FILE`` names; the last number counts.
"""

from __future__ import annotations

import math
import os
import re
import shutil
from typing import TYPE_CHECKING

from ovn import names
from ovn.agents import past
from ovn.agents.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ovn.agents import Settings, Task
    from ovn.agents.events import Event, Line

limit_end = past.limit_end
HOOKED = False

_PLACE = re.compile(r"\{(prompt_file|feature|session)\}")


def argv(settings: Settings, task: Task) -> tuple[str, ...]:
    """Return the template's words with the attempt's values in their places."""
    values = {"prompt_file": str(task.prompt_file), "feature": task.feature, "session": task.session}
    return tuple(_PLACE.sub(lambda place: values[place[1]], word) for word in settings.argv)


def environment(settings: Settings, task: Task, environ: Mapping[str, str]) -> dict[str, str]:  # noqa: ARG001 - the agents' common shape
    """Return where the program may say what it cost."""
    return {names.ENV_COST: str(_cost_file(task))}


def spent(task: Task) -> Usage:
    """Return what the program says that it cost: all that is known of it."""
    return Usage(cost=_cost(task))


def _cost(task: Task) -> float:
    """Return the last number in the cost file; 0 without one, or for what is no cost."""
    try:
        with _cost_file(task).open("rb") as file:
            words = file.read(4096).split()
    except FileNotFoundError:
        return 0.0
    try:
        found = float(words[-1]) if words else 0.0
    except ValueError:
        return 0.0
    return found if math.isfinite(found) and found > 0 else 0.0


def events(line: Line) -> Iterator[Event]:  # noqa: ARG001 - the agents' common shape
    """Yield nothing: what it prints has no form that is known here."""
    yield from ()


def health(settings: Settings, folder: Path, environ: Mapping[str, str]) -> str | None:
    """Return why the program cannot be started; None when it is there and executable."""
    if not settings.argv:
        return "the agent 'command' has no 'agent.argv' in .overnight/config.yaml"
    program = settings.argv[0]
    if os.sep not in program:
        found = shutil.which(program, path=environ.get("PATH", os.defpath))
        return None if found else f"the agent's program '{program}' was not found in PATH"
    path = folder / program
    if not path.is_file():
        return f"the agent's program '{program}' does not exist"
    return None if os.access(path, os.X_OK) else f"the agent's program '{program}' is not executable"


def _cost_file(task: Task) -> Path:
    return task.folder / "cost_usd"
