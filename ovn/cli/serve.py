"""``git ovn serve``: nights, health and metrics over HTTP."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import click

from ovn.cli.options import json_option
from ovn.cli.output import Painted

if TYPE_CHECKING:
    from collections.abc import Callable

    from ovn.cli.context import Context
    from ovn.config import Config
    from ovn.web.door import Rules

PORT = 8642
PORTS = click.IntRange(0, 65535)
PACKAGES = ("starlette", "uvicorn", "jinja2", "prometheus_client")

MISSING = "install the pages with 'pip install \"git-ovn[web]\"'"


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, metavar="H", help="Listen on this address.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=PORT,
    show_default=True,
    metavar="P",
    help="0: any that is free.",
)
@click.option("--answers", is_flag=True, help="Let who has the token answer questions.")
@click.option("--until-eof", is_flag=True, hidden=True, help="End when standard input ends.")
@json_option
@click.pass_obj
def command(context: Context, host: str, port: int, answers: bool, until_eof: bool) -> None:
    """Serve the nights as pages, and /health, /status, /metrics, /events for machines.

    On this machine's own address everybody here may read. Another address, and answering
    questions, take a token: OVN_WEB_TOKEN, else a new one, which is in the address printed.
    Nothing that is served can run a command. Ctrl-C ends it.
    """
    _require()
    from ovn.web import app, door, listening
    from ovn.web.site import Site

    context.store.require_init()
    rules = rules_for(context, host, answers=answers)
    with listening.bound(host, port) as sock:
        port = listening.port_of(sock)
        site = Site(context.location, lambda: _config(context), rules, answers=answers, clock=context.clock)
        _tell(context, rules, port)
        if not door.is_loopback(host):
            context.out.warning("what is sent is not encrypted; put it behind something that does that")
        logging.getLogger("uvicorn").setLevel(logging.ERROR)
        listening.serve(app.create(site, f"{app.COOKIE}-{port}"), sock, _until(until_eof))


def rules_for(context: Context, host: str, *, answers: bool) -> Rules:
    """Return the doorman's rules: a token where one is needed, or where the environment has one."""
    import secrets

    from ovn import host as machine
    from ovn import names
    from ovn.errors import UsageError
    from ovn.web import door

    open_reading = door.is_loopback(host)
    given = context.environ.get(names.ENV_WEB_TOKEN) or None
    if given is not None and len(given) < door.SHORTEST_TOKEN:
        hint = f"it needs {door.SHORTEST_TOKEN} characters at least"
        raise UsageError(f"the token in '{names.ENV_WEB_TOKEN}' is too short", hint=hint)
    token = given or (secrets.token_urlsafe(24) if answers or not open_reading else None)
    return door.Rules(host, machine.hostname(), token, open_reading)


def _config(context: Context) -> Config:
    """Return the configuration as it is now, not as it was when the server started."""
    from ovn.config import load

    return load(context.location.tree(), context.environ)


def _require() -> None:
    """Raise NotFound, with what to install, where the extra is missing."""
    from importlib.util import find_spec

    from ovn.errors import NotFound

    missing = [
        name for name in ("starlette", "uvicorn", "jinja2", "prometheus_client") if find_spec(name) is None
    ]
    if missing:
        raise NotFound(f"the packages for the pages are not installed: {', '.join(missing)}", hint=MISSING)


def _tell(context: Context, rules: Rules, port: int) -> None:
    shown = f"[{rules.host}]" if ":" in rules.host else rules.host
    address = f"http://{shown}:{port}/"
    link = f"{address}?token={rules.token}" if rules.token is not None else address
    if context.json:
        context.out.json({"address": address, "host": rules.host, "port": port, "token": rules.token})
    else:
        context.out.line("serving ", Painted(link, "bold"))
        context.out.note("Ctrl-C ends it")
    sys.stdout.flush()


def _until(eof: bool) -> Callable[[], bool] | None:
    """Return what says that standard input ended: whoever started us is gone."""
    if not eof:
        return None
    import os
    import select

    def ended() -> bool:
        ready, _, _ = select.select([sys.stdin], [], [], 0)
        return bool(ready) and not os.read(sys.stdin.fileno(), 1)

    return ended
