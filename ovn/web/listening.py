"""The server under the application: uvicorn, with limits that hold before a request is whole."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from ovn.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp

HEAD_SECONDS = 10.0
"""Seconds until a request's head must be whole: uvicorn itself waits for ever for a slow one."""

READ_SECONDS = 20.0
"""Seconds that we keep what a client does not read: uvicorn itself would keep it for ever."""

IDLE_SECONDS = 10
MOST_HEAD = 16 << 10
MOST_CONNECTIONS = 256
BACKLOG = 64


class Patient(H11Protocol):
    """HTTP/1.1 whose patience ends: for the head of a request, and for a client that does not read."""

    head_seconds = HEAD_SECONDS
    read_seconds = READ_SECONDS
    _reading: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def handle_events(self) -> None:
        """Take what came; a request whose head is whole is waited for no longer."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:
            self._waiting.cancel()

    def on_response_complete(self) -> None:
        """Wait for the next request of the same connection."""
        self._waiting.cancel()
        self._wait()  # first: the next one may be here already, whole
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Begin to wait for a client that does not read."""
        super().pause_writing()
        self._reading = asyncio.get_running_loop().call_later(self.read_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: it reads again."""
        super().resume_writing()
        if self._reading is not None:
            self._reading.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._waiting.cancel()
        if self._reading is not None:
            self._reading.cancel()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._waiting = asyncio.get_running_loop().call_later(self.head_seconds, self.transport.abort)


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that listens there; port 0 is any that is free. Raises UsageError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise UsageError(f"no such address: '{host}'", hint="name one of this machine") from error
    family, kind, protocol, _, address = found[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise UsageError(*_cannot(host, port, error)) from error
    return listening


def _cannot(host: str, port: int, error: OSError) -> tuple[str]:
    if error.errno == errno.EADDRINUSE:
        return (f"port {port} is taken; name another one with '--port', 0 for any that is free",)
    return (f"cannot listen on '{host}', port {port}: {os.strerror(error.errno or 0).lower()}",)


def port_of(listening: socket.socket) -> int:
    """Return the port of a socket."""
    return int(listening.getsockname()[1])


def server(app: ASGIApp) -> uvicorn.Server:
    """Return the server of an application; ``run`` serves until a signal, or ``should_exit``."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=Patient,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=1,
            h11_max_incomplete_event_size=MOST_HEAD,
        )
    )


def serve(app: ASGIApp, listening: socket.socket, until: Callable[[], bool] | None = None) -> None:
    """Serve until a signal, or until ``until`` says so (asked every second)."""
    serving = server(app)

    async def both() -> None:
        watching = asyncio.create_task(_watch(serving, until)) if until is not None else None
        try:
            await serving.serve(sockets=[listening])
        finally:
            if watching is not None:
                watching.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await watching

    asyncio.run(both())


async def _watch(serving: uvicorn.Server, until: Callable[[], bool]) -> None:
    while not until():  # noqa: ASYNC110 - a process, a pipe: nothing that could set an event
        await asyncio.sleep(1)
    serving.should_exit = True
