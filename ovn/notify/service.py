"""Signs of life for systemd: ``READY=1``, ``STATUS=``, ``WATCHDOG=1``, ``STOPPING=1``.

The protocol is one datagram per message to the socket in ``NOTIFY_SOCKET`` (sd_notify(3)). The
heartbeat comes from a thread, since a project's tests may take half an hour; it stops when
the night itself showed no sign of life for ``PATIENCE``, so a night that hangs is started again.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Self

from ovn.clock import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from socket import socket

    from ovn.clock import Clock

VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
"""What the service manager gives to its process."""

PATIENCE = 3600.0
"""Seconds without a sign of life from the night itself: the longest command takes 1,800."""


class Service:
    """The service manager's end; does nothing where none listens. A context manager."""

    def __init__(self, environ: Mapping[str, str], clock: Clock = SYSTEM) -> None:
        self._clock = clock
        self._socket = _open(environ.get("NOTIFY_SOCKET", ""))
        self._every = interval(environ, os.getpid())
        self._alive = clock.monotonic()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        if self._socket is not None and self._every is not None:
            self._thread = threading.Thread(target=self._beat, name="sd_notify", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.say("STOPPING=1")
        self._over.set()
        if self._thread is not None:
            self._thread.join(2)
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def ready(self) -> None:
        """Say that the night began: ``systemctl start`` returns."""
        self.say("READY=1")

    def alive(self) -> None:
        """Note that the night itself goes on."""
        self._alive = self._clock.monotonic()

    def status(self, text: str) -> None:
        """Show one line in ``systemctl status``."""
        self.alive()
        line = "".join(char if char.isprintable() else " " for char in text)
        self.say(f"STATUS={line[:200]}")

    def passing(self, tell: Callable[[str], None]) -> Callable[[str], None]:
        """Return ``tell``, each line of which is also the status and a sign of life."""

        def told(text: str) -> None:
            self.status(text)
            tell(text)

        return told

    def say(self, text: str) -> None:
        """Send one message. A manager that does not listen is no reason to end a night."""
        if self._socket is None:
            return
        try:
            self._socket.send(text.encode("utf-8", "replace"))
        except OSError:
            return

    def _beat(self) -> None:
        while True:
            if self._clock.monotonic() - self._alive < PATIENCE:
                self.say("WATCHDOG=1")
            if self._over.wait(self._every):
                return


def for_children(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without what is for this process alone: a child speaks for nobody."""
    return {name: value for name, value in environ.items() if name not in VARIABLES}


def interval(environ: Mapping[str, str], pid: int) -> float | None:
    """Return every how many seconds to beat: half of WATCHDOG_USEC; None where nobody waits. Pure."""
    text, whose = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not text.isdecimal() or int(text) == 0 or (whose and whose != str(pid)):
        return None
    return int(text) / 2_000_000


def _open(address: str) -> socket | None:
    """Return the connected socket; None without one, or with one that cannot be reached."""
    if address[:1] not in ("/", "@"):
        return None
    import socket

    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    try:
        made.connect("\0" + address[1:] if address[0] == "@" else address)
        made.setblocking(False)  # a manager that is busy misses a message
    except OSError:
        made.close()
        return None
    return made
