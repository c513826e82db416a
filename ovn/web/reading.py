"""What the pages read, in the one thread that reads it.

The state's store is for one thread, and so is this. What was gathered is kept as long as the
state branch and the journals stand where they stood.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from ovn.report import gather, nights
from ovn.runner import sole
from ovn.state.store import StateStore
from ovn.web import steps
from ovn.web.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from ovn.clock import Clock
    from ovn.config import Config
    from ovn.git.locate import Location
    from ovn.report.model import Night, Summary
    from ovn.web.steps import Step

KEPT = 16
"""Gathered things that are kept."""

FRESH_SECONDS = 5.0
"""How long a kept one may be shown although time goes on: who lives, what waits."""


class Reading:
    """One repository, read. Each method may raise what reading the state raises."""

    def __init__(self, location: Location, config: Callable[[], Config], clock: Clock) -> None:
        self.location = location
        self.clock = clock
        self.store = StateStore.open(location, clock)
        self._load_config = config
        self._kept: OrderedDict[Hashable, tuple[str, float, Any]] = OrderedDict()
        self._steps = steps.Shelf(self.store)
        self._tally = Tally(self.store)

    @property
    def config(self) -> Config:
        """The repository's configuration as it is now; raises InvalidConfig."""
        return self._load_config()

    def stamp(self) -> str:
        """Return a text that changes whenever the state does: the tip, and what is not folded yet."""
        pending = self.store.pending()
        alive = ",".join(sorted(one.run for one in sole.alive(self.location.local)))
        waiting = ",".join(f"{session}={count}" for session, count in sorted(pending.items()))
        return f"{self.store.tip() or 'nothing'}:{waiting}:{alive}"

    def nights(self) -> tuple[Summary, ...]:
        """Return the nights, newest first."""
        found: tuple[Summary, ...] = self.keep("nights", lambda: tuple(nights(self.store)))
        return found

    def night(self, run: str) -> Night:
        """Return one night. Raises NotFound."""
        found: Night = self.keep(("night", run), lambda: gather(self.store, run=run))
        return found

    def latest(self) -> Night:
        """Return the newest night; where no run was ever held, what the last session did."""
        found: Night = self.keep("latest", lambda: gather(self.store))
        return found

    def steps(self, night: Night) -> dict[str, list[Step]]:
        """Return the steps of a night's sessions, by session, in order."""
        return {one.id: found for one in night.sessions if one.steps and (found := self._steps.of(one.id))}

    def tally(self) -> Tally:
        """Return what all records add up to now."""
        self._tally.update()
        return self._tally

    def keep(self, key: Hashable, make: Callable[[], Any], seconds: float = FRESH_SECONDS) -> Any:
        """Return what ``make`` makes; what it made before while the state is the same and it is fresh."""
        stamp, now = self.stamp(), self.clock.monotonic()
        known = self._kept.get(key)
        if known is not None and known[0] == stamp and now - known[1] < seconds:
            self._kept.move_to_end(key)
            return known[2]
        made = make()
        self._kept[key] = (stamp, now, made)
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return made

    def close(self) -> None:
        """Let go of the journals."""
        self.store.close()
