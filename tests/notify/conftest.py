"""Servers on the loopback interface: one that listens well, and those that a night must survive."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from ovn.notify.events import About, Event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ABOUT = About("demo", "20260102-abcd", "refs/heads/night/20260102-abcd")


def event(kind: str = "blocked", text: str = "it is red", **more: Any) -> Event:
    """Return an event at a fixed moment."""
    return Event(kind, text, more.pop("at", NOW), more.pop("about", ABOUT), **more)


@dataclass
class Receiver:
    """A web server that keeps what it was sent; ``answers`` are its status codes, 200 when used up."""

    port: int
    answers: list[int] = field(default_factory=list)
    got: list[Any] = field(default_factory=list)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook/s3cret"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A server that takes messages."""
    found: Receiver

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.got.append(json.loads(body))
            found.requests.append((self.command, self.path, dict(self.headers)))
            self.send_response(found.answers.pop(0) if found.answers else 200)
            for name, value in found.headers.items():
                self.send_header(name, value)
            self.end_headers()

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = Receiver(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield found
        server.shutdown()


@contextmanager
def serving(act: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve each connection by ``act`` and give the address; whatever ``act`` does, it is ended."""
    listening = socket.create_server(("127.0.0.1", 0))
    opened: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            opened.append(connection)
            threading.Thread(target=quietly, args=(connection,), daemon=True).start()

    def quietly(connection: socket.socket) -> None:
        with suppress(OSError):
            act(connection)

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/s3cret"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        for one in opened:
            one.close()


def until(true: Callable[[], object], seconds: float = 10) -> None:
    """Return as soon as something is true; fail when it never is."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)
