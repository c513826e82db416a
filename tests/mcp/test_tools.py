"""A whole shift by tools alone, as an agent would: real server, real verbs, real repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from ovn import names


class Client:
    """The other side of the protocol."""

    def __init__(self, repo, environ) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-m", "ovn", "mcp"],
            cwd=repo.path, env={**os.environ, **environ}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def ask(self, method, **params):
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def call(self, name, **arguments):
        return self.ask("tools/call", name=name, arguments=arguments)["result"]


@pytest.fixture
def client(repo):
    def ovn(*words):
        line = [sys.executable, "-I", "-m", "ovn", *words]
        done = subprocess.run(line, cwd=repo.path, capture_output=True, check=True)
        return json.loads(done.stdout) if "--json" in words else None

    ovn("init", "--project", "demo", "--no-hooks")
    repo.commit("set up")
    ovn("feature", "add", "The parser", "--id", "parser", "--verify", "test -f parser.py")
    begun = ovn("start", "session-001", "--json")
    assert begun["feature"]
    made = Client(repo, {names.ENV_SESSION: "session-001"})
    yield made
    made.process.stdin.close()
    made.process.wait(timeout=30)
    made.process.stdout.close()


def test_a_shift_by_tools_alone(client, repo):
    assert client.ask("initialize", protocolVersion="2025-06-18")["result"]["serverInfo"]["name"] == "git-ovn"
    assert client.call("status")["structuredContent"]["session"]["id"] == "session-001"
    repo.write("parser.py", "pass\n")
    kept = client.call("checkpoint", label="before the rewrite", text="it works so far")
    assert kept["structuredContent"]["label"] == "before-the-rewrite"
    assert not client.call("note", text="the grammar is in PEG")["isError"]
    asked = client.call("ask_human", question="which dialect?", options=["a", "b"])
    assert asked["structuredContent"]["question"]["answer"] is None
    loose = client.call("verify_feature", feature="parser")
    assert loose["structuredContent"]["evidence"]["partial"]
    repo.commit("add the parser")
    assert client.call("verify_feature", feature="parser")["structuredContent"]["done"]
    assert client.call("next_feature")["structuredContent"]["feature"] is None
    refused = client.call("handoff", accomplished=["parser"], tried=["x" * 30_000])
    assert refused["isError"]
    said = client.call("handoff", accomplished=["parser"], tried=["a regular expression"])
    assert (said["isError"], said["structuredContent"]["tried"]) == (False, ["a regular expression"])
    assert client.call("status")["structuredContent"]["features"]["done"] == 1
