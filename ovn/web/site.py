"""The site: one repository behind one reading thread, and how it was started."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from ovn.clock import SYSTEM
from ovn.web import door
from ovn.web.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Callable

    from ovn.clock import Clock
    from ovn.config import Config
    from ovn.git.locate import Location

T = TypeVar("T")

PATIENCE = 20.0
"""Seconds that a page waits for what it reads."""


class Site:
    """What every page needs. ``rules`` are the doorman's; ``answers`` allows answering questions."""

    def __init__(
        self,
        location: Location,
        config: Callable[[], Config],
        rules: door.Rules,
        *,
        answers: bool = False,
        clock: Clock = SYSTEM,
    ) -> None:
        self.location = location
        self.rules = rules
        self.answers = answers and rules.token is not None
        self.clock = clock
        self._config = config
        self._secret = secrets.token_bytes(32)
        self._thread = ThreadPoolExecutor(1, "ovn reader")
        self._reading: Reading | None = None

    async def read(self, what: Callable[[Reading], T]) -> T:
        """Return what ``what`` returns in the reading thread. Raises TimeoutError, and what it raises."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(PATIENCE):
            return await loop.run_in_executor(self._thread, lambda: what(self._open()))

    def _open(self) -> Reading:
        if self._reading is None:
            self._reading = Reading(self.location, self._config, self.clock)
        return self._reading

    def close(self) -> None:
        """End the reading thread."""
        if self._reading is not None:
            self._thread.submit(self._reading.close)
        self._thread.shutdown(wait=True, cancel_futures=False)

    def form_mark(self, form: str) -> str:
        """Return what a form of ours carries, so that no other page can send one (CSRF)."""
        return hmac.new(self._secret, form.encode(), hashlib.sha256).hexdigest()

    def is_form_mark(self, form: str, given: str) -> bool:
        """Tell whether a form that came in was ours."""
        return door.same(self.form_mark(form), given)
