"""Nights with the real CLIs: what an agent does well, badly, and when it is killed.

Claude Code and Codex run in ``.ci/run``; the others, marked ``more``, in ``./dev test --all``.
"""

from __future__ import annotations

import json
import os
import re
import signal
import time

import pytest

from ovn.agents import events, opencode, past
from ovn.runner import attempt as attempts

from . import machines
from .conftest import VERSIONS, program
from .night import Night

pytestmark = pytest.mark.agents

FIRST = ("claude", "codex")
SECOND = ("gemini", "opencode")
EVERY = [*FIRST, *(pytest.param(cli, marks=pytest.mark.more) for cli in SECOND)]

TITLE = re.compile("# [a-z0-9-]+: what you need to know")
"""Of the context; the prompt only quotes it, without the mark of a heading."""

MODES = {"gemini": {"permission_mode": "bypassPermissions"}}
"""Gemini CLI has no shell without it."""


@pytest.fixture
def night(repo, tmp_path):
    """Return ``night(cli, **sections) -> Night``."""
    made = []

    def begin(cli: str, **sections) -> Night:
        program(cli)
        agent = {**MODES.get(cli, {}), **sections.pop("agent", {})}
        made.append(Night(cli, repo, tmp_path, agent=agent, **sections))
        return made[0]

    yield begin
    for one in made:
        one.stub.close()


@pytest.mark.parametrize("cli", EVERY)
def test_a_night_of_three_features(night, cli):
    """One passes, one fails its verify and is rolled back, one is killed with its runner and resumed."""
    one = night(cli)
    done = one.tool("handoff", next=["go on"])
    one.feature("pass", "P0", one.shell("echo good > pass.txt"), done)
    bad = [one.shell("echo bad > fail.txt"), done, {"text": "that was all"}]
    one.feature("fail", "P1", *bad, *bad)
    one.feature(
        "killed",
        "P2",
        {"text": "the secret word is XYLOPHONE", **one.shell("true")},
        {"hang": 100},
        one.shell("echo good > killed.txt"),
        done,
    )
    first = one.begin()
    one.wait_until("killed", 2, 150)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    assert one.run() == 15, one.log  # a person has to look at what was rolled back

    assert one.statuses() == {"fail": "blocked", "killed": "done", "pass": "done"}, one.log
    assert [run.exit_code for run in one.one("pass").evidence.commands] == [0]
    assert one.one("killed").evidence.tree == one.repo.git("rev-parse", "HEAD^{tree}")
    assert not (one.repo.path / "fail.txt").exists()
    assert one.repo.git("tag", "--list", "ovn/*/failed-fail*")
    assert one.repo.git("status", "--porcelain") == ""
    for feature in ("pass", "fail", "killed"):
        assert all(hooks for hooks in one.hooks(feature)), feature
        view = one.store.view()
        assert [view.handoff(session.id).author for session in one.sessions(feature)].count("agent"), feature
    assert "XYLOPHONE" in json.dumps(one.asked["killed"][-1])
    assert all(
        "what you need to know" in json.dumps(body) for bodies in one.asked.values() for body in bodies
    )
    assert one.repo.git("for-each-ref", "refs/ovn/lease") == ""
    left = {path.name for path in one.repo.path.iterdir()}
    assert not left & {".claude", ".codex", ".gemini", ".opencode", ".mcp.json"}


@pytest.mark.parametrize("cli", FIRST)
def test_a_limit_with_an_end_is_waited_for_and_the_work_goes_on(night, cli):
    """The end comes from the CLI's own data; the attempt costs nothing."""
    one = night(cli)
    machines.subscribed(cli, one.environ)
    one.feature(
        "pass",
        "P0",
        one.shell("true"),
        lambda: machines.limited(cli, int(time.time()) + 8),
        one.shell("echo good > pass.txt"),
        one.tool("handoff", next=["go on"]),
    )
    assert one.run() == 0, one.log
    assert "waiting until" in one.log
    assert one.statuses() == {"pass": "done"}
    assert one.one("pass").attempts == 0
    (session,) = one.sessions("pass")
    assert len(session.attempts) == 2
    assert one.hooks("pass")[1][0] == "SessionStart resume"


@pytest.mark.more
def test_opencode_that_waits_in_silence_says_until_when_in_its_stream(night):
    """By our plugin; where it is ended for its silence the night waits for that moment instead."""
    one = night("opencode")
    ends: list[int] = []

    def limit():
        ends.append(int(time.time()) + 25)
        return machines.limited("opencode", ends[-1])

    one.feature("pass", "P0", limit, one.shell("echo good > pass.txt"), one.tool("handoff", next=["go on"]))
    assert one.run() == 0, one.log
    (session,) = one.sessions("pass")
    folder = attempts.folder_of(one.store, session.run, session.id, 1)
    (waited,) = [line for line in events.lines(past.output(folder)) if line and line["type"] == "ovn_retry"]
    account = events.account(opencode.events, json.dumps(waited).encode())
    assert account.trouble.kind == "wait-until"
    assert abs(account.trouble.until - ends[0]) < 15


@pytest.mark.more
@pytest.mark.parametrize("cli", [*FIRST, *SECOND])
def test_a_stream_that_hangs_is_found_ended_and_resumed(night, cli):
    one = night(cli, session={"silence_minutes": 0.5})
    one.feature(
        "pass",
        "P0",
        {"text": "the secret word is XYLOPHONE", **one.shell("true")},
        {"hang": 150},
        one.shell("echo good > pass.txt"),
        one.tool("handoff", next=["go on"]),
    )
    assert one.run() == 0, one.log
    assert "ended after 30 s of silence" in one.log
    assert one.statuses() == {"pass": "done"}
    assert "XYLOPHONE" in json.dumps(one.asked["pass"][-1])


@pytest.mark.parametrize("cli", EVERY)
def test_hooks_that_a_person_turned_off_are_found_and_said(night, cli):
    one = night(cli)
    machines.without_hooks(cli, one.folder / "home", one.environ)
    one.feature("pass", "P0", one.shell("echo good > pass.txt"))
    assert one.run() == 14, one.log
    assert "the agent's hooks did not run, so nothing guarded it" in one.log
    assert one.statuses() == {"pass": "in_progress"}


@pytest.mark.parametrize("cli", [*FIRST, pytest.param("gemini", marks=pytest.mark.more)])
def test_who_will_not_hand_off_is_held_back_three_times_and_then_ended(night, cli):
    """The runner writes the handoff then, from git; the agent is not asked again."""
    one = night(cli, budget={"max_attempts_per_feature": 1})
    one.feature("pass", "P0", one.shell("echo good > pass.txt"))
    assert one.run() == 0, one.log
    (hooks,) = one.hooks("pass")
    assert sum(hook.startswith(("Stop", "AfterAgent")) for hook in hooks) == 4
    (session,) = one.sessions("pass")
    assert one.store.view().handoff(session.id).author == "runner"
    assert "asking the agent" not in one.log


@pytest.mark.more
@pytest.mark.parametrize("cli", [*FIRST, *SECOND])
def test_the_doctor_sees_whether_hooks_run_and_asks_no_model(night, cli):
    one = night(cli)
    rows = _checks(one)
    assert [rows[f"{what} {cli}"]["verdict"] for what in ("agent", "hooks of")] == ["ok", "ok"], [
        rows[f"{what} {cli}"]["text"] for what in ("agent", "hooks of")
    ]
    assert VERSIONS[cli]["version"] in rows[f"agent {cli}"]["text"]
    if cli in FIRST:
        machines.without_hooks(cli, one.folder / "home", one.environ)
        assert _checks(one)[f"hooks of {cli}"]["verdict"] == "fail"
    assert one.stub.requests == []


def _checks(one):
    done = one.ovn("doctor", "--agents", "--json")
    return {row["name"]: row for row in json.loads(done.stdout)["checks"]}


PROPOSAL = {"features": [{"id": "parser", "title": "Parse", "verify": ["test -f parser.py"]}]}


@pytest.mark.parametrize("cli", [*FIRST, pytest.param("gemini", marks=pytest.mark.more)])
def test_the_initializer_is_held_to_its_file_and_told_what_is_wrong(night, cli):
    """It wants to stop with nothing done, then writes what is invalid, then what is right."""
    one = night(cli)
    file = ".overnight/features.json"
    one.plan[""] = [
        {"text": "done already"},
        one.write(file, json.dumps({"features": []})),
        one.write("init.sh", "#!/bin/sh\n"),
        {"text": "written"},
        one.write(file, json.dumps(PROPOSAL)),
    ]
    one.repo.write("SPEC.md", "# A parser\n")
    one.trust()
    done = one.ovn("init", "--agent", cli, "--spec", "SPEC.md")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "refused: features: needs at least 1 items" in done.stderr
    assert list(one.store.view().features()) == ["parser"]
    assert one.repo.git("log", "-1", "--format=%s") == "Baseline: 1 features to build"
    told = json.dumps(one.asked[""])
    assert "is not there yet: write every feature" in told
    assert "needs at least 1 items" in told
