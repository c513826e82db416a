"""The application: its addresses, and what answers at each."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from ovn import names
from ovn.errors import NotFound, NotInitialised, OvnError, Refused
from ovn.recovery.diagnosis import course
from ovn.recovery.facts import Us, gather
from ovn.runner import sole
from ovn.session import questions
from ovn.shift import status
from ovn.web import metrics, render, views, vitals
from ovn.web.feed import Feed
from ovn.web.guard import Guard

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.requests import Request

    from ovn.model.documents import Question
    from ovn.web.reading import Reading
    from ovn.web.site import Site

    Handler = Callable[[Request], Awaitable[Response]]

JSON_VERSION = 1
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
COOKIE = "ovn-token"
WORDS = {"Not Found": "there is no such page", "Method Not Allowed": "this address takes no such request"}
"""What to say instead of HTTP's own phrases."""

_log = logging.getLogger(__name__)


def create(site: Site, cookie: str = COOKIE) -> Guard:
    """Return the application, doorman included. ``cookie`` names the token's: ports share cookies."""
    pages = Pages(site)

    @contextlib.asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        warming = asyncio.create_task(pages.warm())
        yield
        warming.cancel()
        await pages.feed.end()
        site.close()

    routes = [
        Route("/", pages.home),
        Route("/night/{run}", pages.night),
        Route("/feature/{feature}", pages.feature),
        Route("/checkpoint/{session}/{number}", pages.checkpoint),
        Route("/questions", pages.questions),
        Route("/questions/{question}", pages.answer, methods=["POST"]),
        Route("/health", pages.health),
        Route("/status", pages.status),
        Route("/metrics", pages.metrics),
        Route("/events", pages.events),
        Route("/static/{name}", pages.static),
    ]
    handlers: dict[Any, Any] = {HTTPException: pages.wrong, OvnError: pages.failed, TimeoutError: pages.late}
    return Guard(Starlette(routes=routes, lifespan=life, exception_handlers=handlers), site.rules, cookie)


class Pages:
    """The answers. Reading and rendering happen in the site's one reading thread."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.zone = site.clock.now().astimezone().tzinfo
        self.renderer = render.Renderer(self.zone)  # type: ignore[arg-type]  # an aware moment has one
        self.feed = Feed(site)

    async def _page(
        self, template: str, make: Callable[[Reading], dict[str, Any]], code: int = 200
    ) -> Response:
        shown = {"answers": self.site.answers, "mark": self.site.form_mark}
        text = await self.site.read(lambda reading: self.renderer.page(template, **make(reading), **shown))
        return HTMLResponse(text, code)

    async def warm(self) -> None:
        """Read the newest night before somebody asks for it: the first look is the longest one."""
        try:
            await self.site.read(lambda reading: views.night(reading, None, 0, self.renderer.zone))
        except (OvnError, OSError, TimeoutError) as error:  # whoever asks is told
            _log.info("the newest night cannot be read yet: %s", error)

    # -- pages -----------------------------------------------------------------------------

    async def home(self, _: Request) -> Response:
        """Show all nights."""
        return await self._page("home.html", views.home)

    async def night(self, request: Request) -> Response:
        """Show one night with its timeline."""
        wanted = request.path_params["run"]
        run = None if wanted == "latest" else wanted
        page = _number(request.query_params.get("page", "0"))
        return await self._page("night.html", lambda found: views.night(found, run, page, self.renderer.zone))

    async def feature(self, request: Request) -> Response:
        """Show one feature."""
        wanted = request.path_params["feature"]
        return await self._page("feature.html", lambda found: views.feature(found, wanted))

    async def checkpoint(self, request: Request) -> Response:
        """Show one checkpoint."""
        session, number = request.path_params["session"], request.path_params["number"]
        return await self._page("checkpoint.html", lambda found: views.checkpoint(found, session, number))

    async def questions(self, _: Request) -> Response:
        """Show what waits for a person."""
        return await self._page("questions.html", views.asked)

    async def answer(self, request: Request) -> Response:
        """Take the answer to a question, from our own form, from one who has the token."""
        if not self.site.answers:
            raise HTTPException(403, "this server takes no answers; start it with --answers")
        form = parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=8)
        wanted = request.path_params["question"]
        if not self.site.is_form_mark(wanted, form.get("mark", [""])[-1]):
            raise HTTPException(403, "the form is not one of this server; load the page again")
        text = form.get("answer", [""])[-1].strip()
        if not text:
            raise HTTPException(400, "an answer must say something")
        await self.site.read(lambda reading: _answered(reading, wanted, text))
        return RedirectResponse("/questions", 303)

    # -- for machines ----------------------------------------------------------------------

    async def health(self, request: Request) -> Response:
        """Answer 200 or 503, with reasons."""
        findings = await self.site.read(
            lambda reading: vitals.judge(reading.keep("vitals", lambda: vitals.look(reading), 1.0))
        )
        wrong = [one for one in findings if not one.ok]
        told: dict[str, Any] = {"version": JSON_VERSION, "ok": not wrong}
        told["reasons"] = [f"{one.name}: {one.text}" for one in wrong]
        if "verbose" in request.query_params:
            told["checks"] = [
                {"name": one.name, "ok": one.ok, "text": one.text, "hint": None if one.ok else one.hint}
                for one in findings
            ]
        return JSONResponse(told, 503 if wrong else 200)

    async def status(self, _: Request) -> Response:
        """Serve what ``git ovn status --json`` prints."""
        told = await self.site.read(lambda reading: reading.keep("status", lambda: standing(reading), 2.0))
        return JSONResponse({"version": JSON_VERSION, **told})

    async def metrics(self, _: Request) -> Response:
        """Give numbers to Prometheus."""
        found = await self.site.read(
            lambda reading: reading.keep("metrics", lambda: metrics.values(reading), 1.0)
        )
        return Response(metrics.render(found), media_type=PROMETHEUS)

    async def events(self, _: Request) -> Response:
        """Send news as they come."""
        if self.feed.full:
            raise HTTPException(503, "too many listen already", {"retry-after": "30"})
        return StreamingResponse(self.feed.listen(), media_type="text/event-stream")

    async def static(self, request: Request) -> Response:
        """Serve style, script, icon."""
        name = request.path_params["name"]
        if name not in render.STATIC:
            raise HTTPException(404)
        kept = {"cache-control": "max-age=31536000, immutable"}
        return Response(render.static(name), media_type=render.STATIC[name], headers=kept)

    # -- what goes wrong -------------------------------------------------------------------

    async def wrong(self, request: Request, error: Exception) -> Response:
        """Say what is wrong with an address, a form or a method."""
        assert isinstance(error, HTTPException)  # noqa: S101  it is registered for these alone
        text = WORDS.get(str(error.detail), str(error.detail))
        return self._sorry(request, error.status_code, text, dict(error.headers or {}))

    async def failed(self, request: Request, error: Exception) -> Response:
        """Say what reading the state raised."""
        codes = {NotFound: 404, NotInitialised: 404, Refused: 409}
        code = next((code for cls, code in codes.items() if isinstance(error, cls)), 503)
        return self._sorry(request, code, str(error), hint=getattr(error, "hint", None))

    async def late(self, request: Request, _: Exception) -> Response:
        """Say that the reading thread is busy for too long."""
        return self._sorry(request, 503, "reading the repository takes too long just now")

    def _sorry(
        self,
        request: Request,
        code: int,
        text: str,
        headers: dict[str, str] | None = None,
        hint: str | None = None,
    ) -> Response:
        if "text/html" in request.headers.get("accept", ""):
            page = self.renderer.page("sorry.html", code=code, text=text, hint=hint)
            return HTMLResponse(page, code, headers)
        body = {"version": JSON_VERSION, "error": {"status": code, "message": text, "hint": hint}}
        return Response(json.dumps(body) + "\n", code, headers, "application/json")


def standing(reading: Reading) -> dict[str, Any]:
    """Return where this work tree stands, for nobody in particular."""
    found = gather(reading.store, reading.config, us=Us())
    runners = {one.run for one in sole.alive(reading.location.local)}
    return status.document(reading.store, found, course(found.facts), runners)


def _answered(reading: Reading, wanted: str, text: str) -> None:
    """Record the answer. Raises NotFound, Refused."""
    known = reading.store.view().question(wanted) if names.is_name(wanted) else None
    if known is None:
        raise NotFound(f"no question '{wanted}'")
    given = questions.answered(known, text, reading.clock.now())
    told: Question = questions.record(reading.store, given, by="person")
    if told.answered != given.answered:
        raise Refused(f"question '{told.id}' was answered meanwhile: {told.answer!r}")


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 9 else 0
