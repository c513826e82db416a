"""Telling never blocks, never fails, never repeats; what does not get through is said once."""

from __future__ import annotations

import json
import os
import threading
import time

import pytest

from ovn.config import Notifications
from ovn.notify import channels, herald, sieve
from ovn.notify.webhook import Answer

from .conftest import ABOUT, serving, until


@pytest.fixture
def said():
    return []


@pytest.fixture
def make(tmp_path, said):
    """Return ``make(**notifications)``: a herald in a folder of its own."""

    def made(webhook=None, command=None, **environ):
        return herald.herald_of(
            Notifications(webhook, command),
            ABOUT,
            top=tmp_path,
            local=tmp_path,
            environ={**os.environ, **environ},
            tell=said.append,
        )

    return made


def test_a_person_is_told_by_webhook_and_by_command(make, receiver, tmp_path, said):
    command = (
        'printf "%s|%s|" "$OVN_NOTIFY_HEADLINE" "$OVN_NOTIFY_TEXT" >told; printf %s "$OVN_NOTIFICATION" >json'
    )
    with make(receiver.address, command) as telling:
        telling.notify("blocked", "it is red", session="s", feature="parser", attempts=3)
    assert said == []
    assert (tmp_path / "told").read_text() == "demo: a feature is blocked (parser)|it is red|"
    assert json.loads((tmp_path / "json").read_text()) == receiver.got[0]
    assert receiver.got[0]["facts"] == {"attempts": 3}


def test_what_was_told_is_not_told_again_by_the_next_runner(make, receiver):
    for _ in range(3):
        with make(receiver.address) as telling:
            telling.notify("start", "x")
            telling.notify("start", "x")
    assert len(receiver.got) == 1


def test_nobody_wants_to_know(make, tmp_path, said):
    with make() as telling:
        telling.notify("end", "x")
        assert not telling.listening
    assert (said, list(tmp_path.iterdir()), threading.active_count()) == ([], [], threading.active_count())


def test_a_night_never_waits_for_a_slow_server(make, said, monkeypatch):
    monkeypatch.setattr("ovn.notify.webhook.SECONDS", 30)
    with serving(lambda connection: connection.recv(65536) and time.sleep(60)) as address:
        telling = make(address)
        began = time.monotonic()
        for number in range(20):
            telling.notify("blocked", "x", feature=f"f{number}")
        told_in = time.monotonic() - began
        assert not telling.close(0.05)
    assert told_in < 5
    assert said == ["a notification did not get through: there was no time left at the end"]


def test_a_dead_server_is_said_once_and_without_its_address(make, said, monkeypatch):
    monkeypatch.setattr(herald, "TRIES", (0.0,))
    with serving(lambda connection: None) as address:
        pass
    with make(address) as telling:
        for number in range(5):
            telling.notify("blocked", "x", feature=f"f{number}")
    assert said == ["a notification did not get through: 127.0.0.1 cannot be reached: connection refused"]


def test_a_server_in_trouble_is_asked_again(make, receiver, said, monkeypatch):
    monkeypatch.setattr(herald, "TRIES", (0.0, 0.01, 0.01))
    receiver.answers[:] = [503, 429]
    telling = make(receiver.address)
    telling.notify("end", "x")
    until(lambda: len(receiver.got) == 3)
    assert telling.close()
    assert said == []


def test_a_refusal_for_good_is_not_asked_again(make, receiver, said):
    receiver.answers[:] = [404]
    with make(receiver.address) as telling:
        telling.notify("end", "x")
    assert len(receiver.got) == 1
    assert said == ["a notification did not get through: 127.0.0.1 answered 404"]


def test_a_wrong_address_is_said_at_the_beginning(make, said):
    with make("http://example.com/s3cret") as telling:
        telling.notify("end", "x")
    assert said == [
        "notifications: the webhook's address must begin with https://; http is for this machine only"
    ]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("echo no password=hunter2hunter2; exit 3", "notifications.command gave 3: no password=[redacted]"),
        (("/no/such/program",), "notifications.command gave 127: '/no/such/program': not found"),
    ],
)
def test_a_command_that_fails_is_said(make, said, command, words):
    with make(command=command) as telling:
        telling.notify("end", "x")
    assert said == [f"a notification did not get through: {words}"]


def test_a_command_that_hangs_is_ended(make, said, monkeypatch):
    monkeypatch.setattr(channels, "COMMAND_SECONDS", 0.2)
    with make(command="sleep 100") as telling:
        telling.notify("end", "x")
    assert "ended after 0.2 s without an answer" in said[0]


def test_more_than_can_wait_is_dropped_and_said(make, receiver, said):
    hold = threading.Event()

    class Slow:
        def send(self, message):
            hold.wait(10)
            return Answer()

    telling = herald.Herald([Slow()], about=ABOUT, tell=said.append)
    for number in range(herald.WAITING + 5):
        telling._send(herald._Letter(Slow(), {"n": number}))
    hold.set()
    assert telling.close()
    assert "a notification did not get through: too many were waiting" in said


def test_a_full_disk_is_no_reason_not_to_tell(make, receiver, said, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sieve, "save", refuse)
    with make(receiver.address) as telling:
        telling.notify("end", "x")
    assert len(receiver.got) == 1
    assert said == [
        "a notification did not get through: what was sent could not be noted: no space left on device"
    ]


def test_a_run_that_dies_of_an_error_is_told_as_a_crash(make, receiver):
    with pytest.raises(ValueError, match="boom"), make(receiver.address):
        raise ValueError("boom")
    (told,) = receiver.got
    assert (told["event"], told["severity"], told["text"]) == (
        "crash",
        "bad",
        "the run could not go on: boom",
    )
