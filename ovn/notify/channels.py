"""The ways out: a webhook, and a command of the person's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from ovn.checks import commands
from ovn.frozen import dataclass
from ovn.notify import shapes, webhook
from ovn.notify.webhook import Answer
from ovn.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ovn.checks.commands import Command
    from ovn.config import Notifications
    from ovn.notify.webhook import Target

COMMAND_SECONDS = 10.0


class Channel(Protocol):
    """One way out. ``send`` may take seconds, and never raises for what the other side does."""

    @property
    def name(self) -> str:
        """What it is called in messages to people."""
        ...

    def send(self, message: Mapping[str, Any]) -> Answer:
        """Send one message and return how it went."""
        ...


@dataclass(frozen=True, slots=True)
class Webhook:
    """An HTTP POST."""

    where: Target
    environ: Mapping[str, str]
    name: str = "webhook"

    def send(self, message: Mapping[str, Any]) -> Answer:
        """Post the message in the shape that the host wants."""
        return webhook.post(self.where, shapes.body(message, self.where.shape), self.environ)


@dataclass(frozen=True, slots=True)
class Program:
    """``notifications.command``: it gets the message in its environment, and ten seconds.

    ``OVN_NOTIFICATION`` is the JSON document; ``OVN_NOTIFY_EVENT``, ``_TITLE``, ``_TEXT``,
    ``_SEVERITY`` and ``_FEATURE`` are its parts, for a shell.
    """

    command: Command
    top: Path
    environ: Mapping[str, str]
    name: str = "command"

    def send(self, message: Mapping[str, Any]) -> Answer:
        """Run the command; another exit code than 0 is a failure, and is not tried again."""
        env = commands.environment(self.environ, variables(message))
        ran = commands.run(self.command, self.top, env, seconds=COMMAND_SECONDS)
        if ran.exit_code == 0 and not ran.timed_out:
            return Answer()
        return Answer(f"notifications.command gave {ran.exit_code}: {redact(ran.summary)}")


def variables(message: Mapping[str, Any]) -> dict[str, str]:
    """Return the message as environment variables. Pure."""
    parts = ("event", "title", "text", "severity", "feature", "project", "run")
    return {f"OVN_NOTIFY_{part.upper()}": str(message[part] or "") for part in parts} | {
        "OVN_NOTIFICATION": json.dumps(message, ensure_ascii=True),
        "OVN_NOTIFY_HEADLINE": shapes.headline(message),
    }


def of(wanted: Notifications, top: Path, environ: Mapping[str, str]) -> tuple[list[Channel], list[str]]:
    """Return the channels of a configuration, and what is wrong with those that are none."""
    found: list[Channel] = []
    troubles = []
    if wanted.webhook:
        where = webhook.target(wanted.webhook)
        if isinstance(where, str):
            troubles.append(where)
        else:
            found.append(Webhook(where, environ))
    if wanted.command:
        found.append(Program(wanted.command, top, environ))
    return found, troubles
