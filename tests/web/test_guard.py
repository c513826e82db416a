"""The doorman of a real server: other names, other origins, too much, too slow, no commands."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import sys
from urllib.parse import quote

import pytest

from ovn.web import guard, listening

from . import nights

pytestmark = pytest.mark.unmeasured

TOKEN = "a-token-for-the-tests"
PATHS = (
    "/",
    "/night/latest",
    "/feature/parser",
    "/questions",
    "/health",
    "/status",
    "/metrics",
    "/static/style.css",
)


def hear(port: int, data: bytes, seconds: float = 20.0) -> bytes:
    """Send bytes as they are and return all that comes back until the other side closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as line:
        line.sendall(data)
        heard = b""
        while chunk := line.recv(65536):
            heard += chunk
        return heard


@pytest.mark.parametrize("path", [*PATHS, "/events", "/nothing"])
def test_a_rebound_name_reads_nothing(serve, store, path):
    answer = serve().ask(path, host="evil.example:80")
    assert answer.status == 421
    assert b"demo" not in answer.body


def test_every_answer_forbids_scripts_frames_and_sniffing(serve, store):
    nights.night(store)
    at = serve()
    for path in [*PATHS, "/nothing", "/night/none"]:
        headers = at.ask(path).headers
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers


def test_a_page_elsewhere_may_not_ask(serve, store):
    assert serve().ask("/status", Origin="http://evil.example").status == 403


@pytest.mark.measured
def test_a_body_beyond_the_limit_is_refused_with_and_without_a_length(serve, store):
    at = serve(token=TOKEN, answers=True)
    big = b"x" * (guard.MOST_BODY + 1)
    wanted = {"Authorization": f"Bearer {TOKEN}"}
    assert at.ask("/questions/q", "POST", big, **wanted).status == 413
    head = f"POST /questions/q HTTP/1.1\r\nHost: 127.0.0.1:{at.port}\r\nAuthorization: Bearer {TOKEN}\r\n"
    chunks = b"".join(b"%x\r\n%b\r\n" % (8192, b"x" * 8192) for _ in range(10))
    heard = hear(at.port, head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
    assert heard.startswith(b"HTTP/1.1 413")
    assert at.ask("/health").status == 200


def test_a_length_that_is_none_is_refused(serve, store):
    at = serve()
    heard = hear(
        at.port, f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{at.port}\r\nContent-Length: -1\r\n\r\n".encode()
    )
    assert heard.startswith(b"HTTP/1.1 400")


def test_a_head_beyond_the_limit_is_refused(serve, store):
    at = serve()
    heard = hear(at.port, b"GET / HTTP/1.1\r\nX: " + b"x" * (listening.MOST_HEAD * 2) + b"\r\n\r\n")
    assert heard.startswith(b"HTTP/1.1 400")


def test_a_head_that_never_ends_is_not_waited_for(serve, store, monkeypatch):
    monkeypatch.setattr(listening.Patient, "head_seconds", 0.2)
    at = serve()
    with contextlib.suppress(ConnectionResetError):  # as good an end
        assert hear(at.port, b"GET / HTTP/1.1\r\nX: ") == b""
    assert at.ask("/health").status == 200


def test_a_body_that_never_ends_is_not_waited_for(serve, store):
    at = serve(token=TOKEN, answers=True, seconds=0.3)
    head = f"POST /questions/q HTTP/1.1\r\nHost: 127.0.0.1:{at.port}\r\nAuthorization: Bearer {TOKEN}\r\n"
    heard = hear(at.port, head.encode() + b"Content-Length: 100\r\n\r\nanswer=")
    assert heard.startswith(b"HTTP/1.1 408")


def test_a_client_that_does_not_read_is_not_kept(serve, store, monkeypatch):
    monkeypatch.setattr(listening.Patient, "read_seconds", 0.2)
    at = serve()
    asked = f"GET /static/style.css HTTP/1.1\r\nHost: 127.0.0.1:{at.port}\r\n\r\n".encode()
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.settimeout(20)
        line.connect(("127.0.0.1", at.port))
        with pytest.raises(ConnectionError):  # reset: the server threw away what was not read
            for _ in range(20_000):
                line.sendall(asked * 100)
    assert at.ask("/health").status == 200


def test_a_connection_serves_several_requests(serve, store):
    at = serve()
    connection = http.client.HTTPConnection("127.0.0.1", at.port, timeout=20)
    for _ in range(3):
        connection.request("GET", "/health")
        found = connection.getresponse()
        assert (found.status, found.read()[:1]) == (200, b"{")
    connection.close()


# -- the token -------------------------------------------------------------------------


def test_the_token_comes_by_the_address_once_and_then_by_a_cookie_that_no_script_sees(serve, store):
    at = serve(token=TOKEN, open_reading=False)
    assert at.ask("/").status == 401
    first = at.ask(f"/night/latest?page=0&token={TOKEN}")
    assert (first.status, first.headers["location"]) == (303, "/night/latest?page=0")
    cookie = first.headers["set-cookie"]
    assert re.search("httponly", cookie, re.IGNORECASE)
    assert re.search("samesite=strict", cookie, re.IGNORECASE)
    assert at.ask("/", Cookie=cookie.partition(";")[0]).status == 200
    assert at.ask("/", Authorization=f"Bearer {TOKEN}").status == 200
    assert at.ask("/?token=wrong").status == 401


def test_the_token_leads_to_no_other_host(serve, store):
    at = serve(token=TOKEN, open_reading=False)
    for path in ("//evil.example", "/\\evil.example", "/%5Cevil.example", "/%2F/evil.example"):
        answer = at.ask(f"{path}?token={TOKEN}")
        assert not answer.headers.get("location", "/").replace("\\", "/").startswith("//"), path


# -- commands --------------------------------------------------------------------------


@pytest.fixture
def started(monkeypatch) -> list[str]:
    """Return the names of the programs that this process starts from now on."""
    programs: list[str] = []
    listening_to = True

    def hook(event: str, args: tuple) -> None:
        if not listening_to:
            return
        if event == "subprocess.Popen":
            programs.append(str(args[1][0] if args[1] else args[0]))
        elif event in ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "pty.spawn"):
            programs.append(event)

    sys.addaudithook(hook)  # stays for ever, and is deaf after the test
    yield programs
    listening_to = False


def test_nothing_that_can_be_asked_runs_a_command(serve, repo, store, started):
    repo.write(
        ".overnight/config.yaml", "commands: {baseline: touch ran, health: [touch ran], setup: touch ran}\n"
    )
    repo.git("config", "core.fsmonitor", f"touch {repo.path}/ran")
    nights.night(store, text="$(touch ran); `touch ran`")
    at = serve(token=TOKEN, answers=True)
    started.clear()
    wanted = [
        *PATHS,
        "/health?verbose=$(touch%20ran)",
        "/night/$(touch%20ran)",
        f"/feature/{quote(';touch ran')}",
    ]
    for path in [
        *wanted,
        "/checkpoint/s3/0001",
        "/checkpoint/--output=ran/0001",
        "/checkpoint/..%2F..%2Fran/1",
    ]:
        at.ask(path)
        at.ask(path, "POST", b"answer=$(touch ran)&command=touch+ran", Authorization=f"Bearer {TOKEN}")
    assert {name.rpartition("/")[2] for name in started} <= {"git"}
    assert not (repo.path / "ran").exists()


def test_asking_changes_no_ref_and_no_file(serve, repo, store):
    nights.night(store)
    at = serve()
    at.ask("/status")  # git itself may write its index once

    def look() -> tuple[str, list[tuple[str, int]]]:
        files = [path for path in repo.git_dir.rglob("*") if path.is_file()]
        return repo.git("for-each-ref"), sorted((str(path), path.stat().st_mtime_ns) for path in files)

    before = look()
    for path in [*PATHS, "/checkpoint/s3/0001"]:
        assert at.ask(path).status in (200, 503), path
    assert look() == before
