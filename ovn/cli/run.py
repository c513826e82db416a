"""``git ovn run``: work through the night."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from ovn import trace
from ovn.cli.logs import LEVELS, Log
from ovn.cli.options import json_option
from ovn.cli.output import Painted
from ovn.errors import OvnError
from ovn.shown import escape

if TYPE_CHECKING:
    from typing import Any

    from ovn.cli.context import Context
    from ovn.runner.beginning import Begun, Wish
    from ovn.runner.detach import Daemon
    from ovn.runner.holding import Ended


@click.command()
@click.option("--agent", metavar="NAME", help="Who works; the configuration's agent by default.")
@click.option("--check", is_flag=True, help="Say whether this night will work; begin nothing.")
@click.option("--until", metavar="HH:MM", help="End at this time of day.")
@click.option("--max-hours", type=click.FloatRange(0, min_open=True), metavar="H", help="End after H hours.")
@click.option("--max-sessions", type=click.IntRange(1), metavar="N", help="End after N sessions.")
@click.option("--max-cost", type=click.FloatRange(0), metavar="USD", help="End when that much is spent.")
@click.option("--max-tokens", type=click.IntRange(0), metavar="N", help="End when that many are used.")
@click.option(
    "--no-auto-resume", is_flag=True, help="End at the agent's own limit instead of waiting for it."
)
@click.option("--feature", "features", multiple=True, metavar="ID", help="Work on this one; repeatable.")
@click.option("--current-branch", "current", is_flag=True, help="Work on the branch that is checked out.")
@click.option("--branch", metavar="NAME", help="Work on this branch; made if there is none.")
@click.option(
    "--worktree",
    is_flag=False,
    flag_value="",
    metavar="[DIR]",
    help="Work in a work tree of its own, beside this one by default.",
)
@click.option("--allow-dirty", is_flag=True, help="Keep uncommitted work in a checkpoint and go on.")
@click.option("--detach", is_flag=True, help="Go on without this terminal; output goes to a log.")
@click.option(
    "--serve",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Serve the pages beside it, as 'git ovn serve' does; 0: any port.",
)
@click.option(
    "--log-format",
    type=click.Choice(("text", "json")),
    help="Lines for people, or a JSON record a line; 'logging' in the configuration by default.",
)
@json_option
@click.pass_obj
def command(
    context: Context,
    /,
    *,
    check: bool,
    detach: bool,
    serve: int | None,
    log_format: str | None,
    **options: Any,
) -> int:
    """Let an agent build feature after feature, each proven by its verify commands.

    Works on a new branch night/RUN in this work tree, which must be clean. A night whose
    runner died goes on where it stopped. Exit codes: 0 everything is done, 20 a limit was
    reached, 15 a person is needed, 14 unhealthy, 21 crash loop, 130 stopped.
    """
    if check:
        return _check(context, _wish(context, Voice(context), options))
    wanted = context.config.logging
    log = _log(context, wanted.level) if (log_format or wanted.format) == "json" else None
    voice = Voice(context, log, level=wanted.level)
    daemon = _detach(context) if detach else None
    if isinstance(daemon, int):
        return daemon
    try:
        return _hold(context, voice, _wish(context, voice, options), daemon, serve)
    except OvnError as error:
        if log is None or context.json:
            raise
        log.write("ERROR", f"{error} (hint: {error.hint})" if error.hint else str(error))
        return error.exit_code


def _log(context: Context, level: str) -> Log:
    log = Log(context.clock, level=level, to_stderr=context.json)
    log.take(context.out)
    return log


class Voice:
    """What a night says: lines, and on a terminal the pulse of the agent under them.

    A reader that went away is no reason to end the night: from then on nothing is printed.
    """

    def __init__(self, context: Context, log: Log | None = None, *, level: str = "INFO") -> None:
        self._context = context
        self._log = log
        self._least = LEVELS[level]
        self._pulse = ""
        self._mute = False

    def line(self, text: str) -> None:
        """Say what happened, unless the configuration wants only warnings."""
        log = self._log
        if log is not None:
            self._say(lambda: log.write("INFO", text))
        elif self._least <= LEVELS["INFO"]:
            self.result(text)

    def result(self, text: str) -> None:
        """Print a line with the time of day; with ``--json`` as talk, for stdout is the document's."""
        if self._log is not None:
            self.line(text)
            return
        now = f"{self._context.clock.now().astimezone():%H:%M:%S}"
        self._say(lambda: self._print(now, text))

    def pulse(self, text: str) -> None:
        """Show a sign of life on a terminal, or log it for those who want to know everything."""
        log = self._log
        if log is not None:
            self._say(lambda: log.write("DEBUG", text))
        elif sys.stderr.isatty():
            self._say(lambda: self._show(text))

    def quiet(self) -> None:
        """Take the sign of life away."""
        if self._pulse:
            self._say(lambda: self._show(""))

    def _print(self, now: str, text: str) -> None:
        self._show("")
        if self._context.json:
            self._context.out.note(f"{now} {text}")
            sys.stderr.flush()
        else:
            self._context.out.line(Painted(now, "dim"), f" {text}")
            sys.stdout.flush()

    def _show(self, text: str) -> None:
        if text or self._pulse:
            sys.stderr.write(f"\r\x1b[K{escape(text)[:78]}")
            sys.stderr.flush()
        self._pulse = text

    def _say(self, act: Any) -> None:
        if self._mute:
            return
        try:
            act()
        except OSError:
            self._mute = True


def _wish(context: Context, voice: Voice, options: dict[str, Any]) -> Wish:
    from ovn.notify import VARIABLES
    from ovn.runner import limits
    from ovn.runner.beginning import Wish
    from ovn.runner.ground import Wanted

    wanted = Wanted(options["current"], options["branch"], options["worktree"], options["allow_dirty"])
    until = options["until"]
    config, now = context.config, context.clock.now().astimezone()
    ends = limits.NightLimits(
        until=limits.next_time(until, now) if until else None,
        max_hours=options["max_hours"] or config.session.max_runtime_hours,
        max_sessions=options["max_sessions"] or config.budget.max_sessions,
        max_cost=config.budget.max_cost_usd if options["max_cost"] is None else options["max_cost"],
        max_tokens=config.budget.max_tokens if options["max_tokens"] is None else options["max_tokens"],
        auto_resume=not options["no_auto_resume"],
    )
    given = dict(context.environ)
    for name in VARIABLES:  # systemd's tools, which the night starts, would speak to it too
        os.environ.pop(name, None)
    return Wish(
        ground=wanted,
        limits=ends,
        environ=given,
        trust_home=context.state_home,
        trust_given=_trust_given(context),
        agent=options["agent"],
        features=tuple(options["features"]),
        by_hand=sys.stdin.isatty(),
        tell=voice.line,
        pulse=voice.pulse,
    )


def _trust_given(context: Context) -> str | None:
    from ovn import names

    return context.environ.get(names.ENV_TRUST)


def _hold(context: Context, voice: Voice, wish: Wish, daemon: Daemon | None, serve: int | None) -> int:
    from ovn.cli.serving import beside
    from ovn.runner import beginning
    from ovn.runner.detach import Message

    def begun(found: Begun) -> None:
        lines = [*_opening(found), *served]
        for line in lines:
            voice.result(line)
        if daemon is not None:
            daemon.say(Message(0, tuple(lines)))

    served: list[str] = []
    log = context.location.local / "logs" / "serve.log"

    try:
        with beside(serve, log, served.append):
            ended = beginning.hold(context.store, context.config, wish, begun)
    except OvnError as error:
        voice.quiet()
        if daemon is not None:
            daemon.say(
                Message(error.exit_code, (f"error: {error}", f"hint: {error.hint}" if error.hint else ""))
            )
        raise
    voice.quiet()
    with trace.within(run=ended.run.id):
        return _report(context, voice, ended)


def _opening(found: Begun) -> list[str]:
    """Return what a person must see first: where, on which branch, and that it is not theirs now."""
    branch = found.ground.branch.removeprefix("refs/heads/")
    how = "goes on" if found.resumed else "begins"
    return [
        f"run {found.run.id} {how} on branch '{branch}' in '{found.ground.location.tree()}'",
        "this work tree belongs to the night until it ends; stop it with 'git ovn stop'",
        *found.ground.said,
    ]


def _report(context: Context, voice: Voice, ended: Ended) -> int:
    run = ended.run
    code = run.exit_code or 0
    if context.json:
        context.out.json(document(ended))
        return code
    done = sum(one.status == "done" for one in ended.features.values())
    voice.result(f"run {run.id} ended: {ended.why}")
    voice.result(f"{done} of {len(ended.features)} features are done, {len(run.sessions)} sessions were held")
    context.out.hint("see 'git ovn log' for the story, 'git ovn feature list' for what is left")
    return code


def document(ended: Ended) -> dict[str, object]:
    """Return what ``--json`` prints at the end of a night."""
    from dataclasses import asdict

    from ovn.features import in_order
    from ovn.model import codec

    rows = [
        {"id": one.id, "status": one.status, "attempts": one.attempts, "reason": one.reason}
        for one in in_order(ended.features.values())
    ]
    broken = [asdict(one) for one in ended.broken]
    return {**codec.encode(ended.run), "why": ended.why, "results": rows, "broken": broken}


def _check(context: Context, wish: Wish) -> int:
    from ovn.errors import NotTrusted, Unhealthy
    from ovn.runner import check

    found = []
    for one in check.look(context.store, context.config, wish):
        found.append(one)
        if not context.json:
            mark = Painted("ok  ", "green") if one.ok else Painted("FAIL", "red")
            context.out.line(mark, f" {one.name:10} {one.text}")
            if one.hint and not one.ok:
                context.out.hint(one.hint)
            sys.stdout.flush()
    wrong = [one for one in found if not one.ok]
    if context.json:
        rows = [{"name": one.name, "ok": one.ok, "text": one.text, "hint": one.hint} for one in found]
        context.out.json({"ok": not wrong, "findings": rows})
    if any(one.name == "trust" for one in wrong):
        return NotTrusted.exit_code
    return Unhealthy.exit_code if wrong else 0


def _detach(context: Context) -> Daemon | int:
    """Become the daemon, or print what it said and return its exit code."""
    from ovn.runner import detach

    log = context.location.local / "logs" / f"run-{context.clock.now():%Y%m%d-%H%M%S}.log"
    found = detach.detach(log)
    if not isinstance(found, detach.Message):
        return found
    if context.json:
        context.out.json({"exit_code": found.exit_code, "lines": list(found.lines), "log": str(log)})
        return found.exit_code
    for line in found.lines:
        context.out.line(line)
    if found.exit_code == 0:
        context.out.note(f"detached; its output is in '{log}'")
    return found.exit_code
