"""Templates to pages. Whatever a repository or an agent wrote is escaped twice on its way out.

Jinja2's autoescape makes HTML harmless; before it every text loses what could steer or deceive
(control characters, marks that turn the direction of writing), as in the terminal.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from markupsafe import escape as html

from ovn import shown
from ovn.clock import parse_rfc3339
from ovn.web import axis, timeline

if TYPE_CHECKING:
    from datetime import tzinfo

HERE = Path(__file__).resolve().parent
STATIC = {"style.css": "text/css", "live.js": "text/javascript", "icon.svg": "image/svg+xml"}


def visible(value: Any) -> Any:
    """Return a text with what steers or deceives made visible; other values as they are."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return shown.escape(value)
    return value


def lines(value: str) -> Markup:
    """Return a text of several lines, safe, with its line ends."""
    return Markup(html(shown.escape(value, lines=True)))  # noqa: S704  escaped just here


def words(value: str) -> str:
    """Return a status as people read it: ``rolled back``."""
    return value.replace("_", " ")


UNKNOWN = "\N{EN DASH}"


def money(value: float | None) -> str:
    """Return an amount in US dollars; a dash for one that is not known."""
    return UNKNOWN if value is None else f"${value:,.2f}"


def took(value: float | None) -> str:
    """Return a duration for people; a dash for one that is not known."""
    return UNKNOWN if value is None else shown.duration(value)


class Renderer:
    """The templates, with times written in ``zone``."""

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone
        self._environment = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=visible,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters |= {
            "clock": self._clock,
            "day": lambda moment: axis.day(moment, zone),
            "duration": took,
            "lines": lines,
            "money": money,
            "short": lambda oid: oid[:8],
            "size": shown.size,
            "words": words,
        }
        self._environment.globals |= {
            "anchor": timeline.anchor,
            "static": {name: f"/static/{name}?{digest(name)}" for name in STATIC},
        }

    def page(self, template: str, **values: Any) -> str:
        """Return the page."""
        return self._environment.get_template(template).render(**values)

    def _clock(self, moment: str) -> Markup:
        """Return a moment as a ``time`` element: the time of day, and in full for machines."""
        local = parse_rfc3339(moment).astimezone(self.zone)
        whole = f"{local:%Y-%m-%d %H:%M:%S %Z}"
        return Markup('<time datetime="{}" title="{}">{}</time>').format(moment, whole, f"{local:%H:%M:%S}")


@cache
def static(name: str) -> bytes:
    """Return one of the files in ``STATIC``."""
    return (HERE / "static" / name).read_bytes()


@cache
def digest(name: str) -> str:
    """Return what stands for a file's content in its address, so that it may be kept for ever."""
    return hashlib.sha256(static(name)).hexdigest()[:12]
