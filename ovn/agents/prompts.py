"""What an agent is told to begin with: the files of ``prompts/``, with the attempt's names in them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ovn import resources

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ovn.agents import Task

_PLACE = re.compile(r"\{([a-z_]+)\}")


def begin(task: Task) -> str:
    """Return the first message of an attempt: its purpose, whether it is new or goes on."""
    return fill(task.prompt or ("continue" if task.resume else "session"), _values(task))


def fill(name: str, values: Mapping[str, str]) -> str:
    """Return the prompt ``prompts/NAME.md`` with its ``{places}`` filled, once.

    A place without a value is a defect of ours: KeyError.
    """
    template = resources.read("prompts", f"{name}.md").decode("utf-8")
    return _PLACE.sub(lambda place: values[place[1]], template).strip()


def _values(task: Task) -> dict[str, str]:
    return {"feature": task.feature, "session": task.session, "context": str(task.prompt_file)}
