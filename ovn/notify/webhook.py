"""One POST to an address that somebody else runs: bounded in time and size, following nothing.

The whole exchange has one deadline (a server that sends a byte a second has no more of it), of
the answer only the head is read, and a redirect is a refusal: the address is the secret, and is
told to nobody. Reasons name the host and never the address.
"""

from __future__ import annotations

import re
import time
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ovn.frozen import dataclass
from ovn.notify import shapes

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping
    from http.client import HTTPConnection

    from ovn.notify.shapes import Shape

SECONDS = 10.0
"""From the first packet to the status line."""

HEAD = 16 << 10
"""Bytes of the answer that are read at most."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")

_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
_RETRY_AFTER = re.compile(rb"\r\nretry-after:[ \t]*(\d{1,6}(?:\.\d+)?)[ \t]*\r\n", re.IGNORECASE)
_PREFIXES: dict[str, Shape] = {"slack+": "slack", "discord+": "discord", "json+": "json"}


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send to. ``shape`` is told by the host, or by ``slack+https://``, ``discord+``, ``json+``."""

    secure: bool
    host: str
    port: int
    path: str
    shape: Shape


@dataclass(frozen=True, slots=True)
class Answer:
    """How it went: ``trouble`` is None, or why not, in words for people.

    ``again`` is None where another try is of no use, else the seconds to wait at least.
    """

    trouble: str | None = None
    again: float | None = None


def target(address: str) -> Target | str:
    """Return the target of an address, or why it cannot be one; nothing of it is repeated."""
    prefix = next((one for one in _PREFIXES if address.startswith(one)), "")
    try:
        parts = urlsplit(address.removeprefix(prefix))
        host, port = parts.hostname, parts.port
    except ValueError:
        return "the webhook's address is no URL"
    if parts.scheme not in ("http", "https") or not host:
        return "the webhook's address must begin with https://"
    if parts.username is not None or parts.password is not None:
        return "the webhook's address must hold no user name and no password"
    if any(ord(char) <= 0x20 or ord(char) >= 0x7F for char in address):
        return "the webhook's address holds characters that a URL cannot"
    if parts.scheme == "http" and host not in LOOPBACK:
        return "the webhook's address must begin with https://; http is for this machine only"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    shape = _PREFIXES.get(prefix) or shapes.shape_of(host)
    secure = parts.scheme == "https"
    return Target(secure, host, port or (443 if secure else 80), path, shape)


def post(
    where: Target, body: bytes, environ: Mapping[str, str] | None = None, *, seconds: float = SECONDS
) -> Answer:
    """Send the body and return how it went; never raises for what the other side does.

    ``environ`` has the person's proxy variables.
    """
    import http.client
    import ssl

    end = time.monotonic() + seconds
    connection = _connection(where, environ or {}, seconds)
    headers = {"Content-Type": "application/json", "User-Agent": "git-ovn", "Connection": "close"}
    try:
        connection.request("POST", where.path, body, headers)
        head = _head(connection.sock, end)
    except TimeoutError:
        return Answer(f"{where.host} did not answer within {seconds:g} s", again=0)
    except ssl.SSLCertVerificationError as error:
        return Answer(f"{where.host}: {error.verify_message}")
    except (OSError, http.client.HTTPException, ValueError) as error:
        words = getattr(error, "strerror", None) or type(error).__name__
        return Answer(f"{where.host} cannot be reached: {words.lower()}", again=0)
    finally:
        connection.close()
    return judge(where.host, head)


def judge(host: str, head: bytes) -> Answer:
    """Return what the head of an answer means. Pure."""
    found = _STATUS.match(head)
    if not found:
        return Answer(f"{host} did not answer in HTTP", again=0)
    status = int(found[1])
    if 200 <= status < 300:
        return Answer()
    if 300 <= status < 400:
        return Answer(f"{host} answered {status}: a redirect, which is not followed")
    later = _RETRY_AFTER.search(head)
    wait = float(later[1]) if later else 0.0
    return Answer(f"{host} answered {status}", again=wait if status == 429 or status >= 500 else None)


def _connection(where: Target, environ: Mapping[str, str], seconds: float) -> HTTPConnection:
    """Return the connection, not opened yet: through the person's proxy where there is one for https."""
    from http.client import HTTPConnection, HTTPSConnection

    if not where.secure:
        return HTTPConnection(where.host, where.port, timeout=seconds)
    proxy = _proxy(where.host, environ)
    if proxy is None:
        return HTTPSConnection(where.host, where.port, timeout=seconds)
    tunnel = HTTPSConnection(proxy[0], proxy[1], timeout=seconds)
    tunnel.set_tunnel(where.host, where.port)
    return tunnel


def _proxy(host: str, environ: Mapping[str, str]) -> tuple[str, int] | None:
    address = environ.get("https_proxy") or environ.get("HTTPS_PROXY")
    bypass = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    spared = [one.strip().lstrip("*.") for one in bypass.split(",")]
    if (
        not address
        or host in LOOPBACK
        or "*" in bypass.split(",")
        or any(map(partial(_inside, host), spared))
    ):
        return None
    parts = urlsplit(address if "://" in address else f"http://{address}")
    return (parts.hostname, parts.port or 8080) if parts.hostname else None


def _inside(host: str, domain: str) -> bool:
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))


def _head(connected: socket.socket, end: float) -> bytes:
    """Return the answer's head, or what came of it before the other side closed or said too much."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < HEAD:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connected.settimeout(left)
        chunk = connected.recv(4096)
        if not chunk:
            break
        head += chunk
    return head
