"""The night's log for machines: records and nothing else, with one id from run to attempt."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Project


def records(said: str) -> list[dict]:
    return [json.loads(line) for line in said.splitlines()]


def test_every_line_is_a_record_that_names_run_session_and_attempt(project: Project) -> None:
    project.feature("a")
    project.agent("[ $OVN_ATTEMPT = 1 ] && { echo bad > a.txt; exit; }; echo good > a.txt")
    found = records(project.run("--log-format", "json"))
    run, session = project.night().id, project.sessions()[0].id
    ids = [one["id"] for one in found]
    assert all(one == run or one.startswith(f"{run}/") for one in ids)
    assert list(dict.fromkeys(one for one in ids if session in one)) == [
        f"{run}/{session}/1",
        f"{run}/{session}/2",
    ]
    ended = next(one for one in found if "attempt 2: exit code 0" in one["message"])
    assert (ended["run"], ended["session"], ended["attempt"], ended["level"]) == (run, session, 2, "INFO")
    assert found[-1]["message"].startswith("see 'git ovn log'")


def test_an_error_that_ends_the_night_is_a_record_too(project: Project) -> None:
    project.feature("a")
    project.configure(logging={"format": "json"}, agent={"argv": ["/no/such/agent"]})
    found = records(project.run(code=14))
    assert (found[-1]["level"], "does not exist" in found[-1]["message"]) == ("ERROR", True)


@pytest.mark.measured
def test_the_configuration_says_what_is_worth_a_record(project: Project) -> None:
    project.feature("a", verify="false")
    project.configure(logging={"format": "json", "level": "WARNING"}, budget={"max_attempts_per_feature": 1})
    assert records(project.run(code=15)) == []


def test_for_people_a_quiet_log_still_says_where_and_how_it_ended(project: Project) -> None:
    project.feature("a")
    project.configure(logging={"level": "WARNING"})
    said = project.run()
    assert "begins on branch" in said
    assert "every feature is done" in said
    assert "attempt 1" not in said


def test_no_secret_reaches_the_log(project: Project) -> None:
    project.feature("a", verify="echo token=abcdefgh12345678; false")
    project.configure(budget={"max_attempts_per_feature": 1})
    said = project.run("--log-format", "json", code=15)
    assert "abcdefgh12345678" not in said
