"""A real server on a loopback port, in a thread of this process, and a client that says what it is told."""

from __future__ import annotations

import http.client
import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from ovn.config import Config
from ovn.state.store import StateStore
from ovn.web import app, door, listening
from ovn.web.site import Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS = 20.0
"""Until a request that is not answered fails its test."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Served:
    """A server that runs: where, and how to ask it."""

    port: int
    guard: Any
    site: Site
    made: list[Any] = field(default_factory=list)

    def ask(
        self,
        path: str,
        method: str = "GET",
        body: bytes | None = None,
        host: str | None = None,
        **headers: str,
    ) -> Answer:
        """Ask once. ``host`` replaces the Host header; underscores in names of headers become hyphens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        sent = {"Host": host or f"127.0.0.1:{self.port}", "Accept": "text/html"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body, sent)
            found = connection.getresponse()
            return Answer(found.status, {k.lower(): v for k, v in found.getheaders()}, found.read())
        finally:
            connection.close()


@pytest.fixture
def store(repo) -> StateStore:
    """Return the initialised state of the fresh repository."""
    state = StateStore.open(repo.location)
    state.init("demo")
    return state


@pytest.fixture
def serve(repo) -> Iterator[Callable[..., Served]]:
    """Return ``serve(token=, answers=, open_reading=, seconds=, config=) -> Served``."""
    running: list[tuple[Any, threading.Thread]] = []

    def start(
        *, token: str | None = None, answers: bool = False, open_reading: bool = True, seconds: float = 30.0
    ) -> Served:
        rules = door.Rules("127.0.0.1", "this-machine", token, open_reading)
        site = Site(repo.location, Config, rules, answers=answers)
        guard = app.create(site)
        guard.seconds = seconds
        sock = listening.bound("127.0.0.1", 0)
        server = listening.server(guard)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
        thread.start()
        running.append((server, thread))
        while not server.started and thread.is_alive():
            thread.join(0.01)
        return Served(listening.port_of(sock), guard, site)

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join(SECONDS)
        assert not thread.is_alive()
