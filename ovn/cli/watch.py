"""``git ovn watch``: the night, live in the terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from ovn.cli.options import json_option
from ovn.cli.output import Painted
from ovn.shown import duration, escape

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

    from ovn.cli.context import Context
    from ovn.report.live import AtWork, Line, Now

STYLES = {"done": "green", "blocked": "red", "failed": "red", "rolled_back": "red", "in_progress": "cyan"}
EVENTS = {
    "attempt": "cyan",
    "evidence": "green",
    "recovery": "yellow",
    "question": "yellow",
    "rollback": "red",
}

ROOM = 12
"""Lines of the screen that are not the story's."""


@click.command()
@click.option("--follow", "-f", is_flag=True, help="Go on after the night ended, and wait for the next.")
@click.option(
    "--interval",
    type=click.FloatRange(0.1, 3600),
    default=1.0,
    show_default=True,
    metavar="S",
    help="Look every S seconds.",
)
@json_option
@click.pass_obj
def command(context: Context, follow: bool, interval: float) -> None:
    """Watch the night: who works at what, what happens, what it costs. Changes nothing.

    On a terminal a live screen (with the package 'rich'), elsewhere a line for each thing that
    happens. Ends when the night does; without one it says how it stands. --json prints that once.
    """
    from dataclasses import asdict

    from ovn.report import live

    if context.json:
        context.out.json(asdict(live.look(context.store)))
        return
    screen = _screen(context)
    if screen is None:
        _lines(context, interval, follow=follow)
    else:
        screen(interval, follow)


def _screen(context: Context) -> Callable[[float, bool], None] | None:
    """Return what draws the live screen; None where there is no terminal, or no rich."""
    if not sys.stdout.isatty() or context.environ.get("TERM", "dumb") == "dumb":
        return None
    from importlib.util import find_spec

    if find_spec("rich") is None:
        context.out.hint("'pip install \"git-ovn[watch]\"' makes this a live screen")
        return None
    return lambda interval, follow: _draw(context, interval, follow=follow)


# -- lines -----------------------------------------------------------------------------


def _lines(context: Context, interval: float, *, follow: bool) -> None:
    from ovn.report import live

    now = live.look(context.store)
    context.out.line(Painted(now.project, "bold"), f"  {_standing(now)}")
    for one in now.story:
        _print(context, one)
    while now.run is not None or follow:
        sys.stdout.flush()
        context.clock.sleep(interval)
        before, now = now, live.look(context.store, lines=1000)
        for one in live.news(before, now):
            _print(context, one)
        if before.run is not None and now.run != before.run:
            context.out.line(Painted(_counts(now), "bold"))
            if not follow:
                return


def _print(context: Context, line: Line) -> None:
    when, style = Painted(_clock(line.at), "dim"), _style(line)
    context.out.line(when, "  ", Painted(line.subject, style) if style else line.subject)


# -- screen ----------------------------------------------------------------------------


def _draw(context: Context, interval: float, *, follow: bool) -> None:
    from rich.console import Console
    from rich.live import Live

    from ovn.report import live

    console = Console(no_color=not context.colour(), highlight=False)
    now = live.look(context.store, lines=console.height)
    had_run = now.run is not None
    first = screen(now, console.height)
    with Live(first, console=console, auto_refresh=False, screen=had_run or follow) as view:
        while now.run is not None or follow:
            context.clock.sleep(interval)
            now = live.look(context.store, lines=console.height)
            view.update(screen(now, console.height), refresh=True)
    if had_run:
        console.print(screen(now, console.height))


def screen(now: Now, height: int) -> RenderableType:
    """Return one screen of at most so many lines. Pure; every text of a repository is escaped."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    head = Text.assemble((escape(now.project), "bold"), "  ", (_standing(now), "" if now.alive else "dim"))
    work = Table.grid(padding=(0, 2))
    for one in now.sessions[:5]:
        words, style = _doing(one)
        about = Text(escape(one.feature or ""))
        work.add_row(Text(escape(one.session), "bold"), about, Text(escape(words), style))
    counts = Text.assemble(*[part for word, n in now.features.items() for part in _count(word, n)])
    needs = [f"{now.questions} questions wait"] if now.questions else []
    needs += [f"{now.debts} sessions owe a handoff"] if now.debts else []
    story = Table.grid(padding=(0, 2))
    for line in now.story[-max(height - ROOM, 3) :]:
        what = Text(escape(line.subject), _style(line), overflow="ellipsis", no_wrap=True)
        story.add_row(Text(_clock(line.at), "dim"), what)
    asks = [Text(", ".join(needs), "yellow")] if needs else []
    return Group(head, Text(), work, Text(), counts, *asks, Text(), story)


def _style(line: Line) -> str:
    """Return the style of a line of the story; empty for most."""
    word = line.subject.replace(":", "(").partition("(")[0]
    return "red" if word == "evidence" and " red" in line.subject else EVENTS.get(word, "")


def _count(word: str, number: int) -> tuple[tuple[str, str], str]:
    return (f"{number} {word.replace('_', ' ')}", STYLES.get(word, "")), "   "


def _doing(one: AtWork) -> tuple[str, str]:
    """Return in words what a session does just now, and the style."""
    if one.state == "waiting":
        return (
            f"waits{f' until {one.until}' if one.until else ''}{f': {one.why}' if one.why else ''}",
            "yellow",
        )
    if one.attempt is None:
        return f"{one.state}{f', {one.steps} steps' if one.steps else ''}", ""
    beat = f", last sign of life {duration(one.beat)} ago" if one.beat is not None else ""
    return f"attempt {one.attempt}, {duration(one.seconds or 0.0)}{beat}", "cyan"


def _standing(now: Now) -> str:
    if now.run is None:
        return f"no night is going on; {_counts(now)}"
    stands = "goes on" if now.alive else "its runner is gone: 'git ovn run' takes it up"
    until = f", until {_clock(now.deadline)}" if now.deadline and now.alive else ""
    return f"night {now.run} {stands}{until}" + (f", {now.cost_usd:.2f} USD" if now.cost_usd else "")


def _counts(now: Now) -> str:
    words = (f"{count} {word.replace('_', ' ')}" for word, count in now.features.items())
    return ", ".join(words) or "no features"


def _clock(moment: str) -> str:
    from ovn.clock import parse_rfc3339

    return f"{parse_rfc3339(moment).astimezone():%H:%M:%S}"
