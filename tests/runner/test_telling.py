"""What a night tells a person who is not there: real nights, and a web server on the loopback interface."""

from __future__ import annotations

import os
import socket
import sys
import time
from typing import TYPE_CHECKING

import pytest

from ..notify.conftest import Receiver, receiver, serving  # noqa: F401, TID252

if TYPE_CHECKING:
    from .conftest import Project

OVN = f"{sys.executable} -m ovn.cli.main"


@pytest.fixture
def told(project: Project, receiver: Receiver, monkeypatch):  # noqa: F811
    """Return ``told()``: the messages so far, as (event, text)."""
    project.configure(notifications={"webhook": "${OVN_WEBHOOK:-}"})
    monkeypatch.setenv("OVN_WEBHOOK", receiver.address)

    def told():
        return [(one["event"], one["text"]) for one in receiver.got]

    return told


def test_a_night_that_goes_well_is_two_messages(project: Project, told, receiver: Receiver) -> None:  # noqa: F811
    project.feature("a")
    project.run()
    run = project.night().id
    assert told() == [
        ("start", f"command works on night/{run}"),
        ("end", "1 of 1 features are done; every feature is done"),
    ]
    end = receiver.got[1]
    assert (end["severity"], end["run"], end["project"]) == ("good", run, "demo")
    assert end["facts"] == {"stop": "all-done", "exit_code": 0, "done": 1}
    project.check()


@pytest.mark.slow
def test_what_is_blocked_is_told(project: Project, told) -> None:
    project.configure(budget={"max_attempts_per_feature": 1})
    project.feature("bad", verify="echo no; false")
    project.run(code=15)
    start, blocked, end = told()
    assert (start[0], blocked[0], end[0]) == ("start", "blocked", "end")
    assert blocked[1].startswith("1 attempts failed; the last: red: no")
    assert "0 of 1 features are done; nothing is left" in end[1]


@pytest.mark.slow
def test_a_question_is_told_while_the_night_goes_on(project: Project, told, receiver: Receiver) -> None:  # noqa: F811
    project.feature("a")
    project.agent(f"{OVN} ask 'tabs or spaces?' --option tabs --option spaces; echo good > $1.txt")
    project.run()
    assert told()[1] == ("question", "tabs or spaces?")
    assert receiver.got[1]["session"] == project.sessions()[0].id


@pytest.mark.slow
def test_the_budget_is_told_at_its_warning_and_at_its_end(project: Project, told) -> None:
    for name in ("a", "b"):
        project.feature(name)
    project.agent("echo 0.9 > $OVN_COST_FILE; [ $1 = b ] && echo 0.1 > $OVN_COST_FILE; echo good > $1.txt")
    project.feature("c")
    project.run("--max-cost", "1", code=20)
    assert [text for event, text in told() if event == "budget"] == [
        "0.90 of 1.00 USD are spent",
        "1.00 of 1.00 USD are spent; the night ends here",
    ]


@pytest.mark.slow
def test_an_agent_that_is_stuck_and_a_crash_are_told(project: Project, told) -> None:
    project.configure(session={"silence_minutes": 0.01}, recovery={"max_restarts": 0})
    project.feature("a")
    project.agent("echo hello; exec sleep 60")
    project.run(code=21)
    assert [event for event, _ in told()] == ["start", "stuck", "crash", "end"]
    assert told()[1][1] == "ended after 0.6 s of silence"
    assert told()[2][1] == "crash 1 in a row: ended after 0.6 s of silence"


@pytest.mark.slow
def test_a_crash_and_its_recovery_are_told(project: Project, told) -> None:
    project.feature("a")
    project.agent("[ $OVN_ATTEMPT = 2 ] || kill -9 $$; echo good > a.txt")
    project.run()
    assert told()[1:3] == [
        ("crash", "crash 1 in a row: died by signal 9"),
        ("recovery", "the agent works again"),
    ]


@pytest.mark.slow
def test_a_runner_that_was_killed_tells_that_it_is_back_and_not_again_that_it_began(
    project: Project, told
) -> None:
    project.feature("a")
    project.agent("[ -e ../again ] && { echo good > a.txt; exit; }; touch ../again; exec sleep 60")
    process = project.begin()
    wait_for_file(project.folder / "again")
    process.kill()
    process.wait()
    project.run()
    assert [event for event, _ in told()] == ["start", "recovery", "end"]
    assert told()[1][1].startswith("the runner had died; ")


def wait_for_file(path, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_dead_server_changes_nothing_but_a_line(project: Project, monkeypatch) -> None:
    project.configure(notifications={"webhook": "${OVN_WEBHOOK:-}"})
    project.feature("a")
    with serving(lambda connection: connection.close()) as address:
        pass
    monkeypatch.setenv("OVN_WEBHOOK", address)
    said = project.run()
    assert project.statuses() == {"a": "done"}
    assert said.count("a notification did not get through: 127.0.0.1 cannot be reached") == 1
    assert "s3cret" not in said
    project.check()


def test_neither_the_agent_nor_its_tests_see_the_address(project: Project, told) -> None:
    project.feature("a", verify='grep -qx good a.txt && test -z "$OVN_WEBHOOK"')
    project.agent("env > ../seen; echo good > a.txt")
    project.run()
    assert "s3cret" not in (project.folder / "seen").read_text()


def test_systemd_hears_that_the_night_began_what_it_does_and_that_it_ends(project: Project) -> None:
    project.feature("a")
    address = f"ovn-night-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{address}")
        project.run(env={"NOTIFY_SOCKET": f"@{address}", "WATCHDOG_USEC": "60000000"})
        manager.setblocking(False)
        got = []
        while True:
            try:
                got.append(manager.recv(4096).decode())
            except BlockingIOError:
                break
    assert got[-1] == "STOPPING=1"
    assert got.index("WATCHDOG=1") < 2
    assert "READY=1" in got[:2]
    assert any(one.startswith("STATUS=a: attempt 1") for one in got)
    said = {one.partition("=")[0] for one in got}
    assert said == {"READY", "STATUS", "WATCHDOG", "STOPPING"}, "somebody else spoke in its name"


@pytest.mark.measured
def test_the_check_in_the_evening_says_who_will_be_told(project: Project, monkeypatch) -> None:
    project.configure(notifications={"webhook": "${OVN_WEBHOOK:-}"})
    project.feature("a")
    assert "telling    nobody is told anything" in project.run("--check", code=None)
    monkeypatch.setenv("OVN_WEBHOOK", "https://hooks.slack.com/services/s3cret")
    assert "telling    by webhook" in project.run("--check", code=None)
    monkeypatch.setenv("OVN_WEBHOOK", "hooks.slack.com/services/s3cret")
    said = project.run("--check", code=14)
    assert "the webhook's address must begin with https://" in said
    assert "s3cret" not in said
