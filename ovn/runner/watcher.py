"""What the runner does beside a working agent: looks, keeps its work, and says when it is enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn import active, checkpoints, names
from ovn.agents import ours
from ovn.agents.usage import Usage
from ovn.checks import health
from ovn.errors import GitFailed, Locked, NoSpace, StaleLease
from ovn.frozen import dataclass, field
from ovn.runner import watchdog
from ovn.runner.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from ovn.agents.events import Account, Reader
    from ovn.state.store import StateStore

PULSE_SECONDS = 1.0

LOOK_SECONDS = 5.0
"""How often HEAD and the registry are looked at, and what was used."""

DISK_SECONDS = 15.0
"""How often the disk is looked at."""

DIRTY_SECONDS = 60.0
"""The least time between two checkpoints that a changed file asks for."""

DIRTY_SHARE = 20
"""Checkpoints take at most one part in so many of the time, however large the work tree is."""


@dataclass(frozen=True, slots=True)
class Post:
    """What a watcher is set to watch: whose attempt, and its limits.

    ``used`` is what the night used before, ``noted`` what was recorded of it, ``deadline`` its
    end by time and the stop word.
    """

    session: str
    generation: int
    feature: str
    number: int
    checkpoint_seconds: float
    rules: watchdog.Rules = field(default_factory=watchdog.Rules)
    budget: watchdog.Budget = field(default_factory=watchdog.Budget)
    used: Usage = field(default_factory=Usage)
    deadline: tuple[datetime, str] | None = None
    noted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Ears:
    """How to understand an agent: its lines, what it used so far, whether it runs our hooks."""

    reader: Reader
    spent: Callable[[], Usage]
    hooked: bool


class Watcher:
    """Watches one attempt. ``trouble`` ends the night, ``enough`` only the attempt; both are None or words.

    ``unready`` ends the attempt too: it put something out in time, and nothing tells that it works.

    ``note(what, text)`` records a fact, ``tell`` and ``pulse`` are for people, ``look`` looks for
    what else a person must hear.
    """

    def __init__(
        self,
        store: StateStore,
        post: Post,
        limits: checkpoints.Limits,
        ears: Ears,
        *,
        note: Callable[[str, str], None] = lambda *_: None,
        tell: Callable[[str], None] = lambda _: None,
        pulse: Callable[[str], None] = lambda _: None,
        look: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._post = post
        self._limits = limits
        self._ears = ears
        self._note = note
        self._tell = tell
        self._pulse = pulse
        self._also = look
        self.stream = Stream(ears.reader)
        self.trouble: str | None = None
        self.enough: str | None = None
        self.unready = False
        self._written = 0
        self._noted = post.noted
        self._hooks = False
        now = self._began = store.clock.monotonic()
        self._due = {"pulse": now, "look": now + LOOK_SECONDS, "disk": now + DISK_SECONDS}
        self._due["checkpoint"] = now + post.checkpoint_seconds
        self._dirty_at = now
        self._window = watchdog.Window(now)
        self._standing = self._moves()
        self._clocks = self._read_clocks()

    def tick(self, written: int) -> None:
        """Do what is due; ``written`` is how many bytes the agent put out so far.

        An error that the agent's work can go on with is told and survived.
        """
        self._look_for_gap()
        now = self._store.clock.monotonic()
        for event in self.stream.take(now):
            self._window.add(event)
        if self._is_due("pulse", now, PULSE_SECONDS):
            self._beat(written, now)
            self._look_at_time()
            self._keep_what_changed(now)
        if self._is_due("look", now, LOOK_SECONDS):
            self._look_for_progress(now)
            self._judge(now)
        if self._is_due("disk", now, DISK_SECONDS):
            self._look_at_disk()
            self._also()
        if self._is_due("checkpoint", now, self._post.checkpoint_seconds):
            self._checkpoint()
        self._clocks = self._read_clocks()

    def look_for_hooks(self, folder: Path, seconds: float | None) -> None:
        """Judge an agent of whose hooks none left its sign in time.

        If it works, they are off: nothing guards it. If it only put something out, it may be about
        to start. One that put out nothing is left to the deadline for a sign of life.
        """
        if seconds is None or self._hooks or self._store.clock.monotonic() - self._began < seconds:
            return
        self._hooks = (folder / ours.HOOKS_FILE).exists()
        if self._hooks:
            return
        if self.stream.worked:
            self._end_night("hooks-off", f"it works, and no hook of it ran within {seconds:g} s")
        else:
            self.unready = self._written > 0

    def look_for_hooks_at_the_end(self, folder: Path, told: Account) -> None:
        """Note that an agent worked without our hooks; a quick one was over before any deadline."""
        worked = bool(told.tools) or (told.ended and told.ok)
        if self._ears.hooked and worked and not (folder / ours.HOOKS_FILE).exists():
            self._end_night("hooks-off", "it worked, and no hook of it ran")

    def _is_due(self, what: str, now: float, seconds: float) -> bool:
        if now < self._due[what]:
            return False
        self._due[what] = now + seconds
        return True

    def _end_night(self, word: str, text: str) -> None:
        if self.trouble is None:
            self.trouble = word
            self._note(word, text)

    def _beat(self, written: int, now: float) -> None:
        """Leave a sign of life for an agent that talks: what it changes meanwhile is its own."""
        seconds, post = int(now - self._began), self._post
        self._pulse(f"{post.feature}: attempt {post.number}, {seconds} s, {written} bytes")
        if written == self._written:
            return
        self._written = written
        active.beat(self._store.location.local, post.session)
        if not self._ears.hooked:  # what it prints is all that can be known of what it does
            self._window.add(watchdog.Event(now, "acted", "output"))

    # -- time --------------------------------------------------------------------------

    def _read_clocks(self) -> watchdog.Reading:
        clock = self._store.clock
        return watchdog.Reading(clock.now().timestamp(), clock.monotonic(), clock.boottime())

    def _look_for_gap(self) -> None:
        found = watchdog.gap(self._clocks, self._read_clocks())
        if found is not None:
            self._note(found.kind, found.text)

    def _look_at_time(self) -> None:
        """End at the time of day that was asked for, however long the machine slept meanwhile."""
        end = self._post.deadline
        if end is not None and self._store.clock.now() >= end[0]:
            self.trouble = self.trouble or end[1]

    # -- progress, cost ----------------------------------------------------------------

    def _moves(self) -> tuple[object, ...]:
        """Return what only moves when the agent gets somewhere: HEAD, the registry, the session's end."""
        view = self._store.view()
        session = view.session(self._post.session)
        registry = tuple(sorted((one.id, one.status, one.phases) for one in view.features().values()))
        evidence = tuple(sorted((one.id, one.evidence) for one in view.features().values() if one.evidence))
        head = self._store.objects.resolve("HEAD", peel=True)
        return head, registry, evidence, session.state if session else None

    def _look_for_progress(self, now: float) -> None:
        moves = self._moves()
        if moves != self._standing:
            self._standing = moves
            self._window.add(watchdog.Event(now, "progress"))

    def _judge(self, now: float) -> None:
        found = watchdog.verdict(self._post.rules, self._window, now)
        if found is not None and self.enough is None:
            self.enough = f"{found[0]}: {found[1]}"
            self._note(*found)
        for one in watchdog.spent(self._post.budget, self._post.used + self._ears.spent()):
            if one.over:
                self._end_night(one.word, one.text)
            elif f"{one.word}-near" not in self._noted:
                self._noted |= {f"{one.word}-near"}
                self._note(f"{one.word}-near", one.text)

    # -- disk, checkpoints -------------------------------------------------------------

    def _look_at_disk(self) -> None:
        found = health.disk_of(self._store.location.common_dir)
        if not found.ok:
            self._end_night("disk", found.text)

    def _keep_what_changed(self, now: float) -> None:
        """Take the checkpoint that the agent's hooks ask for by a mark: it changed something."""
        if now < self._dirty_at:
            return
        mark = self._store.location.local / names.DIRTY_FOLDER / self._post.session
        try:
            mark.unlink()
        except FileNotFoundError:
            return
        self._window.add(watchdog.Event(now, "acted", "files"))
        self._checkpoint()
        took = self._store.clock.monotonic() - now
        self._dirty_at = now + max(DIRTY_SECONDS, DIRTY_SHARE * took)
        self._due["checkpoint"] = now + self._post.checkpoint_seconds

    def _checkpoint(self) -> None:
        post = self._post
        text = f"attempt {post.number} at {post.feature}"
        request = checkpoints.Request(post.session, kind="automatic", text=text, by="runner")
        try:
            checkpoints.take(self._store, request, self._limits, generation=post.generation)
        except NoSpace as error:
            self._end_night("disk", str(error))
        except StaleLease:
            self.trouble = "lost-lease"  # nothing here is ours to record any more
        except (GitFailed, Locked) as error:
            self._tell(f"no checkpoint this time: {error}")
