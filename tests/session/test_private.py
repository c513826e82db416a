"""What looks like a secret is recorded as it is, and keeps its session from being shared."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from ovn import DurableSession, StateLayer, active
from ovn.cli.main import main
from ovn.githooks import install

if TYPE_CHECKING:
    from pathlib import Path

    from ..conftest import Repo  # noqa: TID252

TOKEN = "ghp_" + "a1B2" * 9


def session_of(runner):
    return runner.store().view().session("s")


@pytest.mark.parametrize(
    "value",
    [TOKEN, {"out": ["fine", f"token {TOKEN}"]}, {"password": "hunter2hunter2"}, TOKEN + "x" * 9000],
    ids=["text", "nested", "by its name", "large"],
)
def test_a_result_that_looks_like_a_secret_makes_its_session_private_and_is_kept_as_it_is(runner, value):
    async def program(session):
        return [await session.step("quiet", lambda: "nothing"), await session.step("say", lambda: value)]

    assert runner.run(program) == ["nothing", value]
    assert session_of(runner).private == "the result of step 'say' looks like a secret"
    assert active.hidden(runner.location.local) == ["s"]
    assert runner.run(program) == ["nothing", value]
    assert len(runner.records("session.private")) == 1


def test_it_is_said_before_the_result_is_there(runner):
    async def program(session):
        await session.step("say", lambda: TOKEN)

    runner.run(program)
    kinds = [record["type"] for _, record in runner.store().records("s")]
    assert kinds.index("session.private") < kinds.index("step")


def test_an_embedded_document_is_looked_into(runner):
    async def program(session):
        return await session.step("read", lambda: ['{"api_key": "0123456789abcdef"}'])

    runner.run(program)
    assert session_of(runner).private is not None


def test_a_value_of_a_layer_is_looked_at_too(runner):
    async def program(session):
        session.layer(StateLayer.PERSISTENT)["login"] = TOKEN

    runner.run(program)
    assert session_of(runner).private == "a value of PERSISTENT looks like a secret"


def test_harmless_results_are_not_private(runner):
    async def program(session):
        return await session.step("say", lambda: {"text": "the token was refused", "count": 3, "key": "a"})

    runner.run(program)
    assert session_of(runner).private is None
    assert active.hidden(runner.location.local) == []


def test_a_mark_that_was_lost_is_there_again_when_the_program_goes_on(runner):
    async def program(session):
        await session.step("say", lambda: TOKEN)

    runner.run(program)
    active.unhide(runner.location.local, "s")
    runner.run(program)
    assert active.hidden(runner.location.local) == ["s"]


def push(repo: Repo) -> subprocess.CompletedProcess[bytes]:
    return repo.run("push", "-q", "origin", "overnight/state", ok=(0, 1))


def test_a_person_says_that_it_is_shared(repo: Repo, ready, tmp_path: Path, monkeypatch, capfd) -> None:
    subprocess.run(["git", "init", "-q", "--bare", tmp_path / "server"], check=True)
    repo.git("remote", "add", "origin", str(tmp_path / "server"))
    install.install(ready)
    repo.git("config", "ovn.pushCheckpoints", "true")
    with DurableSession.start("s", repo=repo.path) as session:
        session.step("fine", lambda: 1)
    assert push(repo).returncode == 0
    monkeypatch.chdir(repo.path)
    with DurableSession.start("t", repo=repo.path) as session:
        session.step("login", lambda: TOKEN)
        assert main(["session", "share", "t"]) != 0
    capfd.readouterr()
    refused = push(repo)
    assert refused.returncode != 0
    assert b"holds session 't', which recorded what looks like a secret" in refused.stderr
    assert main(["status"]) == 0
    assert "private:     t recorded what looks like a secret" in capfd.readouterr().out
    monkeypatch.setenv("OVN_SESSION", "t")
    assert main(["session", "share", "t"]) != 0
    monkeypatch.delenv("OVN_SESSION")
    assert main(["session", "share", "t"]) == 0
    assert push(repo).returncode == 0
    assert main(["session", "share", "t"]) == 0
    assert "is not private" in capfd.readouterr().err
    assert main(["session", "share", "nobody"]) == 128
