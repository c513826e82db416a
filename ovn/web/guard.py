"""The doorman in front of the application: asks the rules, limits sizes and times, sets headers.

Plain ASGI, so that it stands before everything, also before routes that do not exist.
"""

from __future__ import annotations

import asyncio
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, RedirectResponse

from ovn.frozen import dataclass
from ovn.web import door

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from ovn.web.door import Asked, Refusal, Rules

MOST_BODY = 64 << 10
"""Bytes of a request's body: an answer is at most a few lines."""

MOST_SECONDS = 30.0
"""Seconds that a request may take, its body and its answer included; a stream has its own limits."""

STREAMS = frozenset(("/events",))

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # not no-referrer: browsers then send "Origin: null" with our own forms
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}


class TooLarge(HTTPException):
    """A body went on beyond ``MOST_BODY``. One of Starlette's errors, for it comes up inside of it too."""

    def __init__(self) -> None:
        super().__init__(413, f"the request is larger than {MOST_BODY} bytes", {"connection": "close"})


@dataclass(slots=True)
class Guard:
    """The application behind the doorman. ``cookie`` is the name of the token's cookie."""

    app: ASGIApp
    rules: Rules
    cookie: str
    seconds: float = MOST_SECONDS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it with a refusal."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answering = _Answering(send)
        try:
            await self._let_in(scope, _limited(receive), answering)
        except TimeoutError:
            await answering.refuse(scope, receive, door.Refusal(408, "the request took too long"))
        except TooLarge as error:
            await answering.refuse(scope, receive, door.Refusal(error.status_code, error.detail))

    async def _let_in(self, scope: Scope, receive: Receive, answering: _Answering) -> None:
        headers = Headers(scope=scope)
        refusal = door.judge(self.rules, asked_by(scope["method"], headers, self.cookie))
        brought = self._brought(scope, refusal)
        if brought is not None:
            await brought(scope, receive, answering.send)
        elif refusal is not None:
            await answering.refuse(scope, receive, refusal)
        elif _length(headers) > MOST_BODY:
            raise TooLarge
        elif scope["path"] in STREAMS:
            await self.app(scope, receive, answering.send)
        else:
            async with asyncio.timeout(self.seconds):
                await self.app(scope, receive, answering.send)

    def _brought(self, scope: Scope, refusal: Refusal | None) -> RedirectResponse | None:
        """Return the way on for one who brings the token in the address: into a cookie, out of sight."""
        known = refusal is None or refusal.status == 401
        if self.rules.token is None or scope["method"] not in ("GET", "HEAD") or not known:
            return None
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = [value for name, value in query if name == "token"]
        if not given or not door.same(given[-1], self.rules.token):
            return None
        rest = urlencode([(name, value) for name, value in query if name != "token"])
        # the path is made relative to this host: '//elsewhere' would lead to another one
        path = "/" + scope["path"].lstrip("/\\")
        response = RedirectResponse(path + (f"?{rest}" if rest else ""), status_code=303)
        response.set_cookie(self.cookie, self.rules.token, httponly=True, samesite="strict", path="/")
        return response


@dataclass(slots=True)
class _Answering:
    """The way out: every answer gets the headers; one that began cannot be refused any more."""

    out: Send
    began: bool = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.began = True
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await self.out(message)

    async def refuse(self, scope: Scope, receive: Receive, refusal: Refusal) -> None:
        if self.began:
            return
        text = f"{refusal.text}\n" + (f"hint: {refusal.hint}\n" if refusal.hint else "")
        headers = {"connection": "close"} if refusal.status in (408, 413) else {}
        if refusal.status == 401:
            headers["www-authenticate"] = "Bearer"
        await PlainTextResponse(text, refusal.status, headers)(scope, receive, self.send)


def asked_by(method: str, headers: Headers, cookie: str) -> Asked:
    """Return what of a request's headers decides."""
    hosts = headers.getlist("host")
    kind, _, bearer = headers.get("authorization", "").partition(" ")
    return door.Asked(
        method=method,
        host=hosts[0] if len(hosts) == 1 else None,
        origin=headers.get("origin"),
        site=headers.get("sec-fetch-site"),
        bearer=bearer.strip() if kind.lower() == "bearer" else None,
        cookie=_cookie(headers.get("cookie", ""), cookie),
    )


def _cookie(header: str, name: str) -> str | None:
    try:
        found = SimpleCookie(header).get(name)
    except CookieError:
        return None
    return found.value if found is not None else None


def _length(headers: Headers) -> int:
    said = headers.get("content-length", "0")
    return int(said) if said.isdecimal() and len(said) < 19 else MOST_BODY + 1


def _limited(receive: Receive) -> Receive:
    """Count what comes in, for a body that says no length or a wrong one."""
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > MOST_BODY:
            raise TooLarge
        return message

    return counted
