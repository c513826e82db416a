"""What a program's session is begun in: configuration, limits of checkpoints, trust, this process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ovn import checkpoints, config, names
from ovn.checks import trust
from ovn.git.filters import untrusted
from ovn.git.run import Git, environment
from ovn.recovery.facts import Us

if TYPE_CHECKING:
    from ovn.config import Config
    from ovn.git.locate import Location

MEGABYTE = 10**6


def read_config(location: Location) -> Config:
    """Return ``.overnight/config.yaml`` of the work tree; raises InvalidConfig."""
    return config.load(location.tree(), environment())


def limits(location: Location, known: Config) -> checkpoints.Limits:
    """Return what checkpoints leave out here, and whether the repository's own filters may run."""
    wanted = known.checkpoints
    trusted = not untrusted(Git(location), "filter") or _allowed(location)
    return checkpoints.Limits(wanted.max_file_mb * MEGABYTE, wanted.max_total_mb * MEGABYTE, trusted=trusted)


def us() -> Us:
    """Return this process as the holder of leases."""
    return Us(pid=os.getpid())


def _allowed(location: Location) -> bool:
    """Ask the person's book of trust, which lies where ``git ovn trust`` keeps it."""
    variables = environment()
    base = Path(variables.get("XDG_STATE_HOME", ""))
    if not base.is_absolute():
        base = Path(variables.get("HOME", "/")) / ".local" / "state"
    book = trust.Book(base / "git-ovn", location, variables.get(names.ENV_TRUST))
    return trust.allows_filters(book, location)
