"""Asking a night to end."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from ovn.errors import error_classes
from ovn.report.needs import PERSON
from ovn.runner import stop
from ovn.runner.stop import REASONS, Stopping, ask, clear, read

if TYPE_CHECKING:
    from pathlib import Path


def test_nothing_is_asked_until_somebody_asks(tmp_path: Path) -> None:
    with Stopping(tmp_path / "stop", "r-1") as stopping:
        assert (stopping.wish(), stopping.by) == (None, None)


@pytest.mark.parametrize("number", stop.ASKING)
def test_a_signal_asks_for_an_end_and_handlers_come_back(tmp_path: Path, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with Stopping(tmp_path / "stop", "r-1") as stopping:
        os.kill(os.getpid(), number)
        assert (stopping.wish(), stopping.by) == ("stop", number.name)
    assert signal.getsignal(number) is before


def test_a_second_int_means_at_once_and_a_second_term_does_not(tmp_path: Path) -> None:
    with Stopping(tmp_path / "stop", "r-1") as stopping:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stopping.wish() == "stop"
        os.kill(os.getpid(), signal.SIGINT)
        assert stopping.wish() == "now"
        os.kill(os.getpid(), signal.SIGTERM)
        assert stopping.wish() == "now"


def test_the_file_asks_its_own_run_only(tmp_path: Path) -> None:
    file = tmp_path / "ovn" / "stop"
    ask(file, "r-1", now=False)
    assert (read(file, "r-1"), read(file, "r-2")) == ("stop", None)
    stopping = Stopping(file, "r-1")
    assert (stopping.wish(), stopping.by) == ("stop", "git ovn stop")
    ask(file, "r-1", now=True)
    assert stopping.wish() == "now"
    clear(file)
    clear(file)
    assert (read(file, "r-1"), stopping.wish()) == (None, "now")


@pytest.mark.parametrize("content", [b"", b"now", b"[]", b'{"run": 3}', b"\xff\xfe", b"[" * 4096])
def test_a_file_that_says_nothing_asks_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "stop").write_bytes(content)
    assert read(tmp_path / "stop", "r-1") is None


def test_reasons_have_the_contracts_codes() -> None:
    known = {cls.exit_code for cls in error_classes()} | {0, 130}
    assert {reason.exit_code for reason in REASONS.values()} <= known
    limits = [word for word, reason in REASONS.items() if reason.exit_code == 20]
    assert limits == ["until", "max-hours", "max-sessions", "max-cost", "max-tokens", "agent-limit"]


def test_every_end_is_one_that_a_person_wished_for_or_one_that_somebody_has_to_look_at() -> None:
    """Here once more, by hand: a new reason must be put on one side."""
    asked = "all-done until max-hours max-sessions max-cost max-tokens agent-limit stopped"
    wrong = "nothing-left crash-loop disk unhealthy hooks-off broken-baseline needs-person"
    assert {word for word, reason in REASONS.items() if reason.wished is True} == set(asked.split())
    assert {word for word, reason in REASONS.items() if reason.wished is False} == set(wrong.split())
    assert set(wrong.split()) >= PERSON
