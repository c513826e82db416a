"""The report as one page of HTML that needs nothing else: no script, no picture, no style sheet of others.

Jinja2 escapes every value (autoescape), after what could steer or deceive a reader was made
visible; the page's own policy forbids it to load or to run anything.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ovn import __version__
from ovn.errors import NotFound
from ovn.report import words
from ovn.report.verdict import clock
from ovn.shown import duration, escape

if TYPE_CHECKING:
    import jinja2

    from ovn.report.model import Night

TEMPLATES = Path(__file__).resolve().parent / "templates"


def render(night: Night) -> str:
    """Return the page. Raises NotFound where Jinja2, which is in the extra ``web``, is not installed."""
    template = _environment().get_template("night.html")
    return template.render(night=night, words=words, clock=clock, duration=duration, version=__version__)


def _environment() -> jinja2.Environment:
    try:
        import jinja2
    except ImportError as error:
        raise NotFound(
            "the page needs Jinja2, which is not installed", hint="pip install 'git-ovn[web]'"
        ) from error
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_visible,
    )


def _visible(value: Any) -> Any:
    """Make control and direction characters of a text visible; the template's own markup is none."""
    return escape(value) if type(value) is str else value
