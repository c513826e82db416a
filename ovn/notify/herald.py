"""The one who tells: events go in at once, messages go out in a thread of their own.

The queue is bounded, every way out has a time limit, and ``close`` waits a few seconds and no
longer. What does not get through is kept as one sentence for the night's own log.
"""

from __future__ import annotations

import queue
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from ovn.clock import SYSTEM
from ovn.frozen import dataclass
from ovn.notify import channels, sieve
from ovn.notify.events import Event, message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from ovn.clock import Clock
    from ovn.config import Notifications
    from ovn.notify.channels import Channel
    from ovn.notify.events import About, Severity

WAITING = 64
"""Messages that may wait to go out."""

TRIES = (0.0, 2.0, 8.0)
"""Seconds before each try."""

LONGEST_WAIT = 60.0
"""Seconds that a service may ask us to wait."""

CLOSING = 12.0
"""Seconds that the end of a night waits for its messages: one command, or one slow server."""


@dataclass(frozen=True, slots=True)
class _Letter:
    channel: Channel
    message: dict[str, Any]


class Herald:
    """Tells a person through every channel; without one it does nothing. A context manager.

    Leaving it by an exception tells of a crash: the night did not come to its end.
    """

    def __init__(
        self,
        ways: Sequence[Channel] = (),
        *,
        about: About | None = None,
        memory: Path | None = None,
        clock: Clock = SYSTEM,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._ways = tuple(ways)
        self._about = about
        self._memory = memory
        self._clock = clock
        self._tell = tell
        self._known = sieve.load(memory) if memory is not None else sieve.Memory()
        self._letters: queue.Queue[_Letter | None] = queue.Queue(WAITING)
        self._closing = threading.Event()
        self._troubles: list[str] = []
        self._said: set[str] = set()
        self._thread: threading.Thread | None = None

    @property
    def listening(self) -> bool:
        """Whether anybody is told anything."""
        return bool(self._ways)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, Exception):
            self.notify("crash", f"the run could not go on: {error}", subject="runner", severity="bad")
        self.close()

    def notify(
        self,
        kind: str,
        text: str,
        *,
        subject: str = "",
        session: str | None = None,
        feature: str | None = None,
        severity: Severity | None = None,
        **facts: Any,
    ) -> None:
        """Tell of an event, unless it was told already or there were too many. Returns at once."""
        self.say_troubles()
        if not self._ways or self._about is None:
            return
        event = Event(
            kind,
            text,
            self._clock.now(),
            self._about,
            subject=subject,
            session=session,
            feature=feature,
            severity=severity,
            facts=facts,
        )
        verdict = sieve.sift(self._known, event, event.at.timestamp())
        self._remember(verdict.memory)
        if verdict.goes:
            made = message(event, verdict.held_back)
            for way in self._ways:
                self._send(_Letter(way, made))

    def say_troubles(self) -> None:
        """Say in the night's own log what did not get through; the same only once."""
        while self._troubles:
            words = self._troubles.pop(0)
            if words not in self._said:
                self._said.add(words)
                self._tell(f"a notification did not get through: {words}")

    def close(self, seconds: float = CLOSING) -> bool:
        """Wait for what is on its way, that long at most; return whether all of it went out."""
        thread, self._thread = self._thread, None
        if thread is None:
            self.say_troubles()
            return True
        self._closing.set()
        with suppress(queue.Full):  # then the thread ends when it has sent them all
            self._letters.put_nowait(None)
        thread.join(seconds)
        if thread.is_alive():
            self._troubles.append("there was no time left at the end")
        self.say_troubles()
        return not thread.is_alive()

    def _remember(self, memory: sieve.Memory) -> None:
        if memory is self._known:
            return
        self._known = memory
        if self._memory is None:
            return
        try:
            sieve.save(self._memory, memory)
        except OSError as error:
            self._troubles.append(f"what was sent could not be noted: {(error.strerror or '').lower()}")

    def _send(self, letter: _Letter) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="notifications", daemon=True)
            self._thread.start()
        try:
            self._letters.put_nowait(letter)
        except queue.Full:
            self._troubles.append("too many were waiting")

    def _work(self) -> None:
        while (letter := self._letters.get()) is not None:
            trouble = self._deliver(letter)
            if trouble is not None:
                self._troubles.append(trouble)
            if self._closing.is_set() and self._letters.empty():
                return

    def _deliver(self, letter: _Letter) -> str | None:
        """Send a letter, again where that may help; return what went wrong in the end."""
        trouble, wait = None, 0.0
        for pause in TRIES:
            # while closing, the first try is made and no later one is waited for
            if pause and self._closing.wait(min(max(pause, wait), LONGEST_WAIT)):
                break
            answer = letter.channel.send(letter.message)
            trouble = answer.trouble
            if trouble is None or answer.again is None:
                break
            wait = answer.again
        return trouble


def herald_of(
    wanted: Notifications,
    about: About,
    *,
    top: Path,
    local: Path,
    environ: Mapping[str, str],
    tell: Callable[[str], None] = lambda _: None,
    clock: Clock = SYSTEM,
) -> Herald:
    """Return who tells of what happens in a repository; a wrong address is said, and nothing more.

    ``top`` is the work tree that the command runs in, ``local`` where is remembered what went
    out, ``environ`` the person's.
    """
    ways, troubles = channels.of(wanted, top, environ)
    for words in troubles:
        tell(f"notifications: {words}")
    return Herald(ways, about=about, memory=local / sieve.FILE, clock=clock, tell=tell)
