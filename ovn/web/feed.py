"""``/events``: server-sent events that say that something changed. One look a second, for all who listen.

What an event carries is small on purpose: whoever wants more reads the page. A client that does
not read is left behind, not waited for.
Source: WHATWG HTML, "Server-sent events".
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from ovn.clock import rfc3339
from ovn.errors import OvnError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ovn.web.reading import Reading
    from ovn.web.site import Site

MOST_CLIENTS = 64
LOOK_SECONDS = 1.0
COMMENT_SECONDS = 15.0
"""After so long without news a comment goes out, so that proxies and clients know we live."""

BYE = b"event: bye\ndata: {}\n\n"


class Feed:
    """Who listens, and what they were told last."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._news = asyncio.Condition()
        self._number = 0
        self._last: dict[str, Any] = {}
        self._looking: asyncio.Task[None] | None = None
        self._ended = False
        self.clients = 0

    @property
    def full(self) -> bool:
        """Whether nobody more can listen."""
        return self.clients >= MOST_CLIENTS

    async def listen(self) -> AsyncIterator[bytes]:
        """Yield events from now on: first how it stands, then each change."""
        self.clients += 1
        try:
            if self._looking is None:
                self._looking = asyncio.create_task(self._look())
            seen = -1
            while not self._ended:
                fresh = await self._wait(seen)
                seen = self._number if fresh else seen
                yield self._message() if fresh else b": still here\n\n"
            yield BYE
        finally:
            self.clients -= 1
            if self.clients == 0:
                self._stop()

    async def end(self) -> None:
        """Let everybody go: the server ends."""
        self._ended = True
        self._stop()
        async with self._news:
            self._news.notify_all()

    async def _wait(self, seen: int) -> bool:
        """Return whether there is news within ``COMMENT_SECONDS``."""
        try:
            async with asyncio.timeout(COMMENT_SECONDS), self._news:
                await self._news.wait_for(lambda: self._ended or (self._last and self._number != seen))
        except TimeoutError:
            return False
        return not self._ended or self._number != seen

    async def _look(self) -> None:
        while True:
            told = await self._told()
            if told is not None and told.get("stamp") != self._last.get("stamp"):
                async with self._news:
                    self._number += 1
                    self._last = told
                    self._news.notify_all()
            await asyncio.sleep(LOOK_SECONDS)

    async def _told(self) -> dict[str, Any] | None:
        try:
            return await self._site.read(news)
        except (OvnError, OSError, TimeoutError):  # it is being written to; the next look may do
            return None

    def _message(self) -> bytes:
        data = json.dumps(self._last, ensure_ascii=True)
        return f"id: {self._number}\nevent: change\ndata: {data}\n\n".encode()

    def _stop(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None


def news(reading: Reading) -> dict[str, Any]:
    """Return what an event says: when, the state commit, what is pending, who is at work."""
    view = reading.store.view()
    active = [one for one in view.sessions().values() if one.state == "active"]
    return {
        "stamp": reading.stamp(),
        "at": rfc3339(reading.clock.now()),
        "state": view.commit,
        "pending": sum(view.pending.values()),
        "sessions": {one.id: {"state": one.state, "feature": one.feature} for one in active},
        "runs": sorted(one.id for one in view.runs().values() if one.state == "running"),
    }
