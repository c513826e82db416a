"""``git ovn serve`` and ``git ovn run --serve``: real processes, and how they end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from ovn import myself
from ovn.clock import SYSTEM
from ovn.runner import sole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS = 60


@pytest.fixture
def serve(repo, store) -> Iterator[Callable[..., tuple[subprocess.Popen[bytes], dict[str, Any]]]]:
    """Return ``serve(*args, env=) -> (process, what it said)``; what still runs is ended."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(*args: str, **env: str) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
        process = subprocess.Popen(
            myself.argv("serve", "--port", "0", "--json", *args),
            cwd=repo.path,
            env=os.environ | env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        started.append(process)
        lines = []
        for line in process.stdout or ():
            lines.append(line)
            if line == b"}\n":
                break
        return process, json.loads(b"".join(lines))

    yield begin
    for one in started:
        one.kill()
        one.wait()
        for stream in (one.stdin, one.stdout, one.stderr):
            if stream is not None and not stream.closed:
                stream.close()


def get(address: str, **headers: str) -> tuple[int, bytes]:
    asked = urllib.request.Request(address, headers=headers)
    try:
        with urllib.request.urlopen(asked, timeout=SECONDS) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_it_serves_where_it_says_and_ends_when_asked_to(serve):
    process, said = serve()
    assert said["version"] == 1
    assert said["token"] is None
    assert get(f"{said['address']}health")[0] == 200
    process.send_signal(signal.SIGINT)
    assert process.wait(SECONDS) == 130
    assert b"Traceback" not in (process.stderr.read() if process.stderr else b"")


def test_it_ends_with_its_standard_input_when_told_to(serve):
    process, said = serve("--until-eof")
    assert get(f"{said['address']}health")[0] == 200
    process.stdin.close()
    assert process.wait(SECONDS) == 0


def test_another_address_makes_a_token_and_wants_it(serve):
    _, said = serve("--host", "0.0.0.0")
    address = f"http://127.0.0.1:{said['port']}/"
    assert len(said["token"]) >= 16
    assert get(address)[0] == 401
    assert get(address, Authorization=f"Bearer {said['token']}")[0] == 200


def test_the_token_may_be_ones_own(serve):
    _, said = serve("--answers", OVN_WEB_TOKEN="one-of-my-own-choice")
    assert said["token"] == "one-of-my-own-choice"


def test_a_short_token_a_taken_port_and_a_strange_address_are_usage_errors(ovn, store, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"port {port} is taken" in ovn("serve", "--port", port, code=129).err
    assert "no such address: 'nowhere.invalid'" in ovn("serve", "--host", "nowhere.invalid", code=129).err
    monkeypatch.setenv("OVN_WEB_TOKEN", "short")
    assert "too short" in ovn("serve", code=129).err


def test_without_state_there_is_nothing_to_serve(ovn):
    assert ovn("serve", code=10).err.startswith("error: this repository has no state yet")


def test_without_its_packages_it_says_what_to_install(ovn, store, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "starlette" else object())
    said = ovn("serve", code=128)
    assert "not installed: starlette" in said.err
    assert "git-ovn[web]" in said.err


def test_a_night_serves_its_pages_and_takes_them_along_when_it_ends(ovn, repo, store):
    """The agent is a shell that asks the pages while it works."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ask = f"import urllib.request as u; print(u.urlopen('http://127.0.0.1:{port}/status').read().decode())"
    script = f'"{sys.executable}" -c "{ask}" > seen.json && git add seen.json && git commit -qm seen'
    config = {"agent": {"name": "command", "argv": ["sh", "-c", script]}}
    repo.write(".overnight/config.yaml", json.dumps(config))
    repo.commit("configured")
    ovn("feature", "add", "See it", "--id", "seen", "--verify", "test -s seen.json")
    ovn("trust")
    said = ovn("run", "--serve", str(port))
    assert f"its pages are at http://127.0.0.1:{port}/" in said.out
    told = json.loads(repo.read("seen.json"))
    assert told["run"]["alive"] is True
    assert told["feature"]["id"] == "seen"
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=SECONDS)


def test_a_night_whose_pages_cannot_be_served_does_not_begin(ovn, repo, store):
    repo.write(".overnight/config.yaml", json.dumps({"agent": {"name": "command", "argv": ["true"]}}))
    repo.commit("configured")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = ovn("run", "--serve", port, code=128)
    assert f"the pages cannot be served: port {port} is taken" in said.err
    assert store.view().runs() == {}


@pytest.mark.slow
@pytest.mark.parametrize("detach", [False, True])
def test_the_pages_go_with_a_night_that_is_killed(repo, store, detach):
    """kill -9 on the runner: nothing of the night is left that could end its server but the pipe."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = {"agent": {"name": "command", "argv": ["sh", "-c", "touch .git/begun; sleep 120"]}}
    repo.write(".overnight/config.yaml", json.dumps(config))
    repo.commit("configured")
    words = ["run", "--serve", str(port), *(["--detach"] if detach else [])]
    for verb in (["feature", "add", "Wait", "--id", "wait", "--verify", "false"], ["trust"]):
        subprocess.run(myself.argv(*verb), cwd=repo.path, check=True, capture_output=True)
    process = subprocess.Popen(
        myself.argv(*words), cwd=repo.path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        begun = repo.git_dir / "begun"
        wait_for(begun.exists)
        assert get(f"http://127.0.0.1:{port}/health")[0] == 200
        (runner,) = sole.alive(repo.location.local)
    finally:
        for one in sole.alive(repo.location.local):
            os.kill(one.pid, signal.SIGKILL)
        process.wait(SECONDS)
    assert detach or runner.pid == process.pid
    wait_for(lambda: not answers(port))


def wait_for(so: Callable[[], bool]) -> None:
    end = SYSTEM.monotonic() + SECONDS
    while not so():
        assert SYSTEM.monotonic() < end
        SYSTEM.sleep(0.05)


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=SECONDS):
            return True
    except ConnectionRefusedError:
        return False
