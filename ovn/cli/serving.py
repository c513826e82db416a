"""The pages beside a night: ``git ovn serve`` as a child that ends with the runner, however it ends.

The child ends when its standard input does, and only the runner holds the other end: so neither
kill -9 nor a forgotten signal leaves a server behind. What becomes of it is nothing to the night.
"""

from __future__ import annotations

import subprocess
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from ovn import myself
from ovn.errors import OvnError
from ovn.model import canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATIENCE = 20.0
"""Seconds until the child must have said where it listens."""

END_SECONDS = 5.0


@contextmanager
def beside(port: int | None, log: Path, tell: Callable[[str], None]) -> Iterator[None]:
    """Serve the pages on a port as long as the block runs; None serves none. ``tell`` gets the address.

    Raises OvnError, with the child's own words, when it cannot begin.
    """
    if port is None:
        yield
        return
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with log.open("ab") as words:
        child = subprocess.Popen(
            myself.argv("serve", "--port", str(port), "--until-eof", "--json"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=words,
            start_new_session=True,  # Ctrl-C in the terminal is for the night
        )
    try:
        tell(f"its pages are at {_begun(child)['address']}")
        yield
    finally:
        _end(child)


def _begun(child: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Return what the child says about its beginning. Raises OvnError."""
    import threading

    timer = threading.Timer(PATIENCE, child.kill)
    timer.start()
    try:
        told = _document(child)
    finally:
        timer.cancel()
    if "error" in told:
        raise OvnError(f"the pages cannot be served: {told['error']['message']}", hint=told["error"]["hint"])
    return told


def _document(child: subprocess.Popen[bytes]) -> dict[str, Any]:
    data = b""
    for line in child.stdout or ():
        data += line
        if line == b"}\n":
            found: dict[str, Any] = canonical.load(data, "the pages' server")
            return found
    raise OvnError("the pages' server ended before it began", hint="'git ovn serve' says why")


def _end(child: subprocess.Popen[bytes]) -> None:
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            with suppress(OSError):  # it is gone, and its pipe with it
                stream.close()
    try:
        child.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
