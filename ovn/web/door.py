"""Who may come in: the rules for a request, before anything is read. Pure.

A page on another site can make a browser send requests to 127.0.0.1, and by DNS rebinding (a
name of its own that resolves to us) even read the answers. So the server answers only to names
that are its own, takes nothing that another origin sends, and wants a token for whatever leaves
the loopback address or changes something.
Sources: OWASP, "Cross-Site Request Forgery Prevention"; the Host check is that of Jupyter and
webpack-dev-server after their rebinding reports.
"""

from __future__ import annotations

import hmac
from ipaddress import ip_address
from urllib.parse import urlsplit

from ovn.frozen import dataclass

METHODS = frozenset(("GET", "HEAD", "POST"))

SHORTEST_TOKEN = 16
"""Characters of a token that somebody chose."""

LOOPBACK_NAMES = frozenset(("localhost",))


@dataclass(frozen=True, slots=True)
class Rules:
    """What the server was started with. ``host`` is the address it listens on, ``machine`` its name.

    ``token`` is None where everybody on this machine may read, and nobody may write.
    ``open_reading``: reading needs no token.
    """

    host: str
    machine: str
    token: str | None = None
    open_reading: bool = True


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a request decides. Headers are as they came; None is absent."""

    method: str
    host: str | None
    origin: str | None = None
    site: str | None = None
    bearer: str | None = None
    cookie: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody stays out: an HTTP status, a sentence, and what to do."""

    status: int
    text: str
    hint: str = ""


def judge(rules: Rules, asked: Asked) -> Refusal | None:
    """Return why the request is refused; None lets it in."""
    if asked.method not in METHODS:
        return Refusal(405, f"no such method here: '{asked.method}'")
    name = host_name(asked.host)
    if name is None or not is_ours(rules, name):
        return Refusal(421, "this server does not answer to that name", "open it by its address")
    if not _same_origin(asked):
        return Refusal(403, "the request comes from another page")
    if (asked.method == "POST" or not rules.open_reading) and not _has_token(rules, asked):
        return Refusal(401, "a token is needed", "open the address that 'git ovn serve' printed")
    return None


def is_loopback(host: str) -> bool:
    """Tell whether what listens on ``host`` is reached from this machine only."""
    if host.lower() in LOOPBACK_NAMES:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_ours(rules: Rules, name: str) -> bool:
    """Tell whether a name in ``Host`` is one of ours; an address cannot be rebound, a name can."""
    if name in LOOPBACK_NAMES or name == rules.host.lower():
        return True
    if is_loopback(rules.host):
        return is_loopback(name)
    return name == rules.machine.lower() or _is_address(name)


def host_name(header: str | None) -> str | None:
    """Return the name in a ``Host`` header without its port, lower case; None for none that is valid."""
    if not header or header != header.strip() or any(char in header for char in "/@?#\\ ,"):
        return None
    try:
        parts = urlsplit(f"//{header}")
        parts.port  # noqa: B018 - raises ValueError for what is no port
    except ValueError:
        return None
    return parts.hostname


def same(one: str, other: str) -> bool:
    """Compare two secrets in a time that tells nothing."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _same_origin(asked: Asked) -> bool:
    """Tell whether the request comes from our own page, from no page, or from a link that is only followed.

    A program sends neither header; a browser sends ``Origin`` with every POST, and with whatever
    a script of another page sends.
    """
    if asked.origin is not None:
        return urlsplit(asked.origin).netloc == asked.host and asked.origin.startswith("http")
    return asked.method != "POST" or asked.site in (None, "same-origin")


def _has_token(rules: Rules, asked: Asked) -> bool:
    if rules.token is None:
        return False
    return any(given is not None and same(given, rules.token) for given in (asked.bearer, asked.cookie))
