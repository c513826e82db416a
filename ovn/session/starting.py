"""``DurableSession.start``: what ``async with`` and ``with`` begin a session by, and end it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NoReturn

from ovn.session import ending, opening
from ovn.session.asynchronous import DurableSession
from ovn.session.hints import hint, hinting
from ovn.session.pulse import Pulse
from ovn.session.signals import Signals
from ovn.session.synchronous import SyncSession

if TYPE_CHECKING:
    from types import TracebackType

    from ovn.session.core import Core
    from ovn.session.opening import Opening


class Starting:
    """A session that is about to begin, or to go on where it stopped; see ``DurableSession.start``."""

    def __init__(self, wish: Opening) -> None:
        self._wish = wish
        self._core: Core | None = None
        self._pulse: Pulse | None = None
        self._signals: Signals | None = None

    async def __aenter__(self) -> DurableSession:
        import asyncio

        core = self._begin()
        core.root = asyncio.current_task()
        return DurableSession(core)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._end(error)

    def __enter__(self) -> SyncSession:
        core = self._begin()
        core.root = threading.get_ident()
        return SyncSession(core)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._end(error)

    def _begin(self) -> Core:
        if self._core is not None:
            raise RuntimeError("this session has begun already; call start again")
        with hinting():
            self._core = core = opening.begin(self._wish)
        if core.over is None:
            self._pulse = Pulse(core)
            self._signals = Signals(core)
        return core

    def _end(self, error: BaseException | None) -> None:
        if self._signals is not None:
            self._signals.restore()
        if self._pulse is not None:
            self._pulse.stop()
        if self._core is not None:
            hint(error)
            with hinting():
                ending.leave(self._core, error)

    def __getattr__(self, name: str) -> NoReturn:
        """Say what is missing where the session's methods are asked for before it began."""
        if hasattr(DurableSession, name):
            raise AttributeError(
                f"the session has not begun: first 'with DurableSession.start(...) as session:', "
                f"then 'session.{name}'"
            )
        raise AttributeError(name)
