"""``git ovn trust`` from the command line."""

from __future__ import annotations

import pytest

from ovn.model import records

CONFIG = "commands: {setup: ./init.sh, baseline: pytest -q}\n"


@pytest.fixture
def cloned(store, repo):
    """A configuration that came with the repository."""
    repo.write(".overnight/config.yaml", CONFIG)
    repo.write("init.sh", "echo 1\n")
    return repo


def test_show_prints_what_could_run_and_allows_nothing(ovn, cloned):
    said = ovn("trust", "--show")
    lines = said.out.splitlines()
    assert lines[:2] == [
        "not trusted  commands.baseline: pytest -q",
        "not trusted  commands.setup: ./init.sh",
    ]
    assert lines[2].strip().startswith("./init.sh  sha256:")
    assert lines[3].startswith("sha256:")
    assert ovn("trust", "--show").out == said.out


def test_trust_allows_what_is_there_until_it_changes(ovn, cloned):
    ovn("trust")
    assert all(one["trusted"] for one in ovn("trust", "--show", "--json").json["items"])
    cloned.write("init.sh", "echo 2\n")
    rows = {one["where"]: one["trusted"] for one in ovn("trust", "--show", "--json").json["items"]}
    assert rows == {"commands.baseline": True, "commands.setup": False}


def test_trust_is_taken_back(ovn, cloned):
    ovn("trust")
    assert ovn("trust", "--revoke").out == "revoked\n"
    assert not any(one["trusted"] for one in ovn("trust", "--show", "--json").json["items"])
    assert ovn("trust", "--revoke").out == "nothing was trusted\n"


def test_a_machine_is_told_by_its_environment(ovn, cloned, monkeypatch):
    monkeypatch.setenv("OVN_TRUST", ovn("trust", "--show", "--json").json["digest"])
    assert all(one["trusted"] for one in ovn("trust", "--show", "--json").json["items"])
    cloned.write("init.sh", "echo 2\n")
    assert not any(one["trusted"] for one in ovn("trust", "--show", "--json").json["items"])


def test_an_agent_decides_nothing(ovn, cloned, monkeypatch):
    monkeypatch.setenv("OVN_SESSION", "s1")
    assert "a session cannot decide what is trusted" in ovn("trust", code=1).err
    assert "a session cannot decide" in ovn("trust", "--revoke", code=1).err
    ovn("trust", "--show")


def test_an_agent_that_hides_its_session_has_no_terminal(ovn, cloned, store, location):
    """In the work tree of a shift begun by a plain 'start' a person is known by the terminal."""
    from ovn import active

    data = {"kind": "detached", "worktree": "main"}
    store.record("s1", records.make("session.created", data, at="2026-01-02T03:04:05.000Z", by="person"))
    active.write(location.local, "main", active.Active("s1"))
    assert "a session cannot decide" in ovn("trust", code=1).err


def test_hostile_commands_are_shown_escaped(ovn, store, repo):
    repo.write(".overnight/config.yaml", 'commands: {setup: "echo \\e]0;x\\a \\u202e"}\n')
    said = ovn("trust", "--show")
    assert "echo \\x1b]0;x\\x07 \\u202e" in said.out
    assert "\x1b" not in said.out


def test_nothing_to_run_is_said(ovn, store):
    assert "nothing that could run" in ovn("trust").err


def test_a_wrong_configuration_is_named_with_its_place(ovn, store, repo):
    repo.write(".overnight/config.yaml", "comands: {}\n")
    said = ovn("trust", "--show", code=128)
    assert "line 1, column 1: unknown key 'comands'" in said.err
    assert "did you mean 'commands'?" in said.err


def test_two_ways_at_once_are_refused(ovn, store):
    assert "do not go together" in ovn("trust", "--show", "--revoke", code=129).err
