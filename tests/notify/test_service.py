"""Signs of life for systemd, over real datagram sockets."""

from __future__ import annotations

import os
import socket

import pytest

from ovn.notify import service
from ovn.notify.service import Service

from .conftest import until


class Manager:
    """The other end: a socket as systemd opens it."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address.replace("@", "\0", 1) if address.startswith("@") else address)
        self._socket.setblocking(False)
        self.got: list[str] = []

    def look(self) -> list[str]:
        while True:
            try:
                self.got.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return self.got

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's path has 108 bytes
    address = (
        f"@ovn-test-{os.getpid()}" if request.param == "abstract" else os.path.relpath(tmp_path / "s", "/")
    )
    address = address if address.startswith("@") else f"/{address}"
    found = Manager(address)
    found.address = address
    yield found
    found.close()


def test_the_manager_hears_the_whole_story(manager):
    with Service({"NOTIFY_SOCKET": manager.address}) as telling:
        telling.ready()
        told = []
        telling.passing(told.append)("session 1: \x1b[31mparser\nX=1")
    assert manager.look() == ["READY=1", "STATUS=session 1:  [31mparser X=1", "STOPPING=1"]
    assert told == ["session 1: \x1b[31mparser\nX=1"]


def test_the_watchdog_hears_a_heartbeat(manager):
    environ = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "20000", "WATCHDOG_PID": str(os.getpid())}
    with Service(environ):
        until(lambda: manager.look().count("WATCHDOG=1") >= 3)


def test_a_night_that_hangs_has_no_heartbeat(manager, monkeypatch):
    monkeypatch.setattr(service, "PATIENCE", -1.0)
    environ = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "20000"}
    with Service(environ) as telling:
        assert telling._over.wait(0.1) is False
    assert "WATCHDOG=1" not in manager.look()


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "x"}, None),
        ({"WATCHDOG_USEC": "60000000"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "7"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "8"}, None),
    ],
)
def test_the_heart_beats_twice_in_the_time_allowed_and_only_for_its_own_process(environ, seconds):
    assert service.interval(environ, 7) == seconds


@pytest.mark.parametrize("address", ["", "relative", "/no/such/socket", "@nobody-listens-here"])
def test_where_nobody_listens_nothing_happens(address):
    with Service({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000"}) as telling:
        telling.ready()
        telling.status("x")


def test_a_manager_that_went_away_or_is_busy_is_no_reason_to_end(manager):
    with Service({"NOTIFY_SOCKET": manager.address}) as telling:
        for number in range(2000):
            telling.status(f"{number}")
        manager.close()
        telling.status("nobody hears it")
