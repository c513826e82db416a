"""Nights with the real CLIs: what an agent does well, badly, and when it is killed.

Claude Code and Codex run in ``.ci/run``; the others, marked ``more``, in ``./dev test --all``.
"""

from __future__ import annotations

import json
import os
import re
import signal

import pytest

from .conftest import program
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
