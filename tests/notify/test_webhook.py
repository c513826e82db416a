"""One POST, to good servers and to those that are slow, dead, chatty, redirecting or no servers at all."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time

import pytest

from ovn.notify import webhook
from ovn.notify.webhook import Target

from .conftest import serving


def send(address: str, seconds: float = 5, **environ: str) -> webhook.Answer:
    where = webhook.target(address)
    assert isinstance(where, Target), where
    return webhook.post(where, b'{"text": "x"}', environ, seconds=seconds)


def test_a_message_arrives(receiver):
    assert send(receiver.address) == webhook.Answer()
    assert receiver.got == [{"text": "x"}]
    ((method, path, headers),) = receiver.requests
    assert (method, path, headers["Content-Type"]) == ("POST", "/hook/s3cret", "application/json")


@pytest.mark.parametrize(
    ("status", "again"), [(400, None), (403, None), (404, None), (429, 0.0), (500, 0.0), (503, 0.0)]
)
def test_a_refusal_is_told_and_only_some_are_worth_another_try(receiver, status, again):
    receiver.answers[:] = [status]
    assert send(receiver.address) == webhook.Answer(f"127.0.0.1 answered {status}", again=again)


def test_a_service_says_how_long_to_wait(receiver):
    receiver.answers[:] = [429]
    receiver.headers["Retry-After"] = "17"
    assert send(receiver.address).again == 17


def test_a_redirect_is_not_followed(receiver):
    receiver.answers[:] = [307]
    receiver.headers["Location"] = receiver.address
    said = send(receiver.address)
    assert said == webhook.Answer("127.0.0.1 answered 307: a redirect, which is not followed")
    assert len(receiver.got) == 1


def test_of_a_huge_answer_only_the_head_is_read():
    sent = []

    def flood(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
        while len(sent) < 10_000:
            sent.append(connection.send(b"x" * 65536))

    with serving(flood) as address:
        assert send(address) == webhook.Answer()
    assert len(sent) < 1000


def test_an_endless_head_is_cut():
    def flood(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"X-Filler: " + b"x" * 1000 + b"\r\n")

    with serving(flood) as address:
        assert send(address) == webhook.Answer()


def test_a_server_that_never_answers_costs_the_time_limit_and_no_more():
    began = time.monotonic()
    with serving(lambda connection: connection.recv(65536) and time.sleep(20)) as address:
        said = send(address, seconds=0.3)
    assert said == webhook.Answer("127.0.0.1 did not answer within 0.3 s", again=0)
    assert time.monotonic() - began < 10


def test_a_server_that_drips_has_one_deadline_for_all_its_bytes():
    def drip(connection: socket.socket) -> None:
        connection.recv(65536)
        while True:
            connection.sendall(b"H")
            time.sleep(0.02)

    with serving(drip) as address:
        assert send(address, seconds=0.3).trouble == "127.0.0.1 did not answer within 0.3 s"


def test_what_is_no_web_server_is_told():
    with serving(lambda connection: connection.sendall(b"220 smtp ready\r\n\r\n")) as address:
        assert send(address).trouble in (
            "127.0.0.1 did not answer in HTTP",
            "127.0.0.1 cannot be reached: connection reset by peer",
        )


def test_a_server_that_hangs_up_is_told():
    with serving(lambda connection: connection.close()) as address:
        assert send(address).again == 0


def test_a_dead_server_is_told():
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    said = send(f"http://127.0.0.1:{port}/s3cret")
    assert said == webhook.Answer("127.0.0.1 cannot be reached: connection refused", again=0)


def test_no_reason_ever_names_the_address(receiver):
    receiver.answers[:] = [404]
    assert "s3cret" not in str(send(receiver.address))
    assert "s3cret" not in str(webhook.target("https://u:s3cret@example.com/"))


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://example.com/x", "http is for this machine only"),
        ("ftp://example.com/x", "must begin with https://"),
        ("example.com", "must begin with https://"),
        ("https://", "must begin with https://"),
        ("https://[::1/x", "is no URL"),
        ("https://example.com:99999/x", "is no URL"),
        ("https://example.com/a b", "characters that a URL cannot"),
        ("https://example.com/\u202ex", "characters that a URL cannot"),
        ("https://me:pw@example.com/", "no user name"),
    ],
)
def test_a_wrong_address_is_refused_in_words(address, words):
    said = webhook.target(address)
    assert isinstance(said, str)
    assert words in said


@pytest.mark.parametrize(
    ("address", "target"),
    [
        (
            "https://hooks.slack.com/services/T/B/x",
            Target(True, "hooks.slack.com", 443, "/services/T/B/x", "slack"),
        ),
        ("slack+https://mm.example/h?a=b", Target(True, "mm.example", 443, "/h?a=b", "slack")),
        ("discord+http://127.0.0.1:8080", Target(False, "127.0.0.1", 8080, "/", "discord")),
        ("json+https://discord.com/api", Target(True, "discord.com", 443, "/api", "json")),
    ],
)
def test_an_address_says_where_and_in_which_shape(address, target):
    assert webhook.target(address) == target


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A key and a certificate for localhost that nobody vouches for."""
    folder = tmp_path_factory.mktemp("tls")
    line = (
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    done = subprocess.run(
        ["openssl", *line.split(), "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip("no openssl to make a certificate with")
    return folder


def test_https_is_checked_against_the_persons_certificates(certificate, monkeypatch):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")

    def answer(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            while not secure.recv(65536).endswith(b"}"):
                pass
            secure.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    with serving(answer) as plain:
        address = plain.replace("http://127.0.0.1", "https://localhost")
        assert send(address) == webhook.Answer("localhost: self-signed certificate")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
        assert send(address) == webhook.Answer()


def test_https_goes_through_the_persons_proxy():
    asked: list[bytes] = []
    came = threading.Event()

    def refuse(connection: socket.socket) -> None:
        asked.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
        came.set()

    with serving(refuse) as address:
        proxy = address.removesuffix("/s3cret")
        said = send("https://example.invalid/s3cret", https_proxy=proxy)
        assert came.wait(5)
    assert said.again == 0
    assert asked[0].startswith(b"CONNECT example.invalid:443 ")


@pytest.mark.parametrize(
    ("environ", "proxy"),
    [
        ({}, None),
        ({"https_proxy": "http://proxy:3128"}, ("proxy", 3128)),
        ({"HTTPS_PROXY": "proxy:3128"}, ("proxy", 3128)),
        ({"https_proxy": "http://proxy", "no_proxy": "b.org, .example.com"}, None),
        ({"https_proxy": "http://proxy", "no_proxy": "*"}, None),
        ({"https_proxy": "http://proxy", "no_proxy": "ample.com"}, ("proxy", 8080)),
    ],
)
def test_which_proxy(environ, proxy):
    assert webhook._proxy("hooks.example.com", environ) == proxy
