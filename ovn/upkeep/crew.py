"""The doctor's rows for agents: found, which version, does it start, are its hooks alive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn import agents
from ovn.agents import probing
from ovn.errors import OvnError
from ovn.upkeep.doctor import FAIL, OK, WARN, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ovn.config import Config
    from ovn.git.locate import Location


def examine(
    location: Location, config: Config, environ: Mapping[str, str], *, every: bool = False
) -> Iterator[Finding]:
    """Yield what was found of the configuration's agent; with ``every`` of each one that is in PATH.

    ``every`` also starts each of them, for half a minute at most, to see our hooks run; no model
    is asked. ``environ`` is what an agent gets to see.
    """
    settings = agents.Settings.of(config.agent)
    name = "command" if settings.argv else config.agent.name
    if name not in probing.TESTED:
        yield _any(name, settings, location, environ)
    for one in probing.TESTED:
        found = probing.find(one, environ) if every or one == name else None
        if found is None and one != name:
            continue
        yield _row(one, found, settings, location, environ, wanted=one == name)
        if every and found is not None and found.wrong is None:
            yield _hooks(one, settings, location, environ)


def _any(name: str, settings: agents.Settings, location: Location, environ: Mapping[str, str]) -> Finding:
    """Return the row of a program of the person's own, or of a name that nobody knows."""
    try:
        wrong = agents.find(name, settings).health(settings, location.tree(), environ)
    except OvnError as error:
        return Finding("agent", WARN, str(error), error.hint)
    fix = "see 'agent' in .overnight/config.yaml" if wrong else None
    return Finding("agent", WARN if wrong else OK, wrong or f"'{settings.argv[0]}' can be started", fix)


def _row(
    name: str,
    found: probing.Found | None,
    settings: agents.Settings,
    location: Location,
    environ: Mapping[str, str],
    *,
    wanted: bool,
) -> Finding:
    row = f"agent {name}"
    wrong = agents.AGENTS[name].health(settings, location.tree(), environ)
    if found is None or (wrong is not None and wanted):
        text, _, fix = (wrong or f"'{name}' was not found").partition("; ")
        return Finding(row, WARN, text, fix or "see 'agent' in .overnight/config.yaml")
    if found.wrong is not None:
        return Finding(row, WARN, found.wrong, f"install it again, or look at what '{found.path}' is")
    tested = probing.TESTED[name]
    how = "as tested" if found.version == tested else f"tested with {tested}"
    return Finding(row, OK, f"{found.version} in '{found.path}', {how}")


def _hooks(name: str, settings: agents.Settings, location: Location, environ: Mapping[str, str]) -> Finding:
    row = f"hooks of {name}"
    try:
        unseen = probing.hooks_run(name, settings, location.tree(), environ)
    except OvnError as error:
        return Finding(row, FAIL, str(error), error.hint)
    if unseen is None:
        return Finding(row, OK, "they run")
    if not unseen.off:
        return Finding(row, WARN, unseen.why, f"start '{name}' by hand, and look what takes so long")
    fix = "hooks may be off in its settings; a night with it would end with exit code 14"
    return Finding(row, FAIL, unseen.why, fix)
