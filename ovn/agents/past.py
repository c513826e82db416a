"""What this attempt's stream tells, and what those before it in the session told.

The logs are the only memory: an attempt's folder lies beside its elders' (``001``, ``002`` ...),
each with ``agent.log``, so nothing is remembered that a crash could lose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn.agents import events
from ovn.agents.usage import Usage, since

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from ovn.agents.events import Account, Reader

LOG = "agent.log"
"""What the runner calls an agent's output, in the attempt's folder."""


def account(reader: Reader, folder: Path) -> Account:
    """Return what the output kept in an attempt's folder tells; also while it still grows."""
    return events.account(reader, output(folder))


def output(folder: Path) -> bytes:
    """Return the kept output of an attempt; empty before it said anything.

    The runner keeps a long one as a head and numbered tails until the attempt ended.
    """
    try:
        head = (folder / LOG).read_bytes()
    except FileNotFoundError:
        return b""
    tails = sorted(
        (path for path in folder.glob(f"{LOG}.tail-*")), key=lambda path: int(path.name.rsplit("-", 1)[1])
    )
    return b"\n".join([head, *(path.read_bytes() for path in tails)]) if tails else head


def elders(folder: Path) -> Iterator[Path]:
    """Yield the folders of the attempts before this one in its session, the newest first."""
    found = [path for path in folder.parent.glob("[0-9]*") if path.is_dir() and path.name < folder.name]
    yield from sorted(found, reverse=True)


def spent(reader: Reader, folder: Path, of_session: Callable[[Account], bool] = lambda _: False) -> Usage:
    """Return what this attempt alone used.

    ``of_session`` tells of an account whether the CLI counted its session over all processes.
    """
    now = account(reader, folder)
    if now.session is None or not of_session(now):
        return now.usage
    for elder in elders(folder):
        before = account(reader, elder)
        if before.session == now.session and before.usage != Usage():
            return since(now.usage, before.usage)
    return now.usage


def resumable(reader: Reader, folder: Path) -> str | None:
    """Return the agent's own session that the attempt before this one used; None to begin afresh.

    A session is worth resuming if its last process did not say that only a fresh one helps.
    """
    before = next(elders(folder), None)
    if before is None:
        return None
    told = account(reader, before)
    if told.trouble is not None and told.trouble.kind == "fresh-session":
        return None
    return told.session


def limit_end(told: Account, environ: Mapping[str, str], now: datetime) -> float | None:  # noqa: ARG001 - the agents' common shape
    """Return when the limit ends that the stream itself tells of."""
    return told.trouble.until if told.trouble else None
