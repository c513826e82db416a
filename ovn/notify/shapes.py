"""A message as the services want it: plain JSON, Slack's blocks, Discord's embeds. Pure.

Sources: Slack's "Block Kit" and "Formatting text" (``&``, ``<``, ``>`` are escaped, so that no
text can call a channel; a header holds 150 characters, a section 3,000), Discord's "Execute
Webhook" (``allowed_mentions``, 256 characters of a title, 4,096 of a description).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Shape = Literal["json", "slack", "discord"]

COLOURS = {"info": 0x3B82F6, "good": 0x22C55E, "warning": 0xF59E0B, "bad": 0xEF4444}
SLACK_HOSTS = ("hooks.slack.com", "hooks.slack-gov.com")
DISCORD_HOSTS = ("discord.com", "discordapp.com", "ptb.discord.com", "canary.discord.com")

_MARKDOWN = re.compile(r"([\\*_~`|>#\[\]()<:@-])")


def shape_of(host: str) -> Shape:
    """Return the shape that a host wants."""
    if host in SLACK_HOSTS:
        return "slack"
    return "discord" if host in DISCORD_HOSTS else "json"


def body(message: Mapping[str, Any], shape: Shape) -> bytes:
    """Return the bytes to send."""
    value = _SHAPES[shape](message)
    return json.dumps(value, ensure_ascii=True, allow_nan=False).encode()


def headline(message: Mapping[str, Any]) -> str:
    """Return the message's one line: ``demo: a feature is blocked (parser)``."""
    feature = f" ({message['feature']})" if message["feature"] else ""
    return f"{message['project']}: {message['title']}{feature}"


def _slack(message: Mapping[str, Any]) -> dict[str, Any]:
    text = f"{headline(message)}\n{message['text']}"
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _plain(headline(message), 150)},
        {"type": "section", "text": _plain(message["text"] or "-", 3000)},
        {"type": "context", "elements": [_plain(_context(message), 2000)]},
    ]
    colour = f"#{COLOURS[message['severity']]:06x}"
    return {"text": _escape_slack(text), "attachments": [{"color": colour, "blocks": blocks}]}


def _plain(text: str, limit: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": text[:limit], "emoji": False}


def _escape_slack(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _discord(message: Mapping[str, Any]) -> dict[str, Any]:
    embed = {
        "title": _escape_markdown(headline(message))[:256],
        "description": _escape_markdown(message["text"])[:4096],
        "color": COLOURS[message["severity"]],
        "footer": {"text": _context(message)[:2048]},
        "timestamp": message["at"],
    }
    return {"username": "git ovn", "embeds": [embed], "allowed_mentions": {"parse": []}}


def _escape_markdown(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text)


def _context(message: Mapping[str, Any]) -> str:
    """Return where it happened, in one line."""
    parts = [("run", message["run"]), ("branch", message["branch"]), ("session", message["session"])]
    named = [f"{name} {value}" for name, value in parts if value]
    if message["held_back"]:
        named.append(f"{message['held_back']} messages before this one were held back")
    return "  ".join(named) or "git ovn"


_SHAPES: dict[Shape, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
    "json": lambda message: message,
    "slack": _slack,
    "discord": _discord,
}
