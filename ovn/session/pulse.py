"""A sign of life every few seconds, also while a step takes an hour: one thread that sleeps."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from ovn import active
from ovn.state import layers

if TYPE_CHECKING:
    from ovn.session.core import Core

SECONDS = 10.0

_log = logging.getLogger(__name__)


class Pulse:
    """Touches the session's beat, and says how much of TRANSIENT waits, until it is stopped."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"ovn pulse {core.id}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Return when no more signs of life come."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        local, said = self._core.store.location.local, 0
        while not self._stopped.wait(SECONDS):
            try:
                active.beat(local, self._core.id)
                waiting = self._core.layers.waiting()
                if waiting != said:
                    layers.say(local, self._core.id, waiting)
                    said = waiting
            except OSError as error:  # a full disk: the next beat may do
                _log.warning("session '%s' could not leave a sign of life: %s", self._core.id, error)
