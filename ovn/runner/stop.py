"""Why a night ended, and who may ask it to: reasons, the stop file, signals."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from ovn.errors import INTERRUPTED, CrashLoop, InvalidDocument, NeedsPerson, RunLimited, Unhealthy
from ovn.frozen import dataclass
from ovn.model import canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import FrameType

    from ovn.runner.process import Wish


@dataclass(frozen=True, slots=True)
class Reason:
    """A way for a night to end: its exit code, its sentence, and whether a person wished for it.

    ``wished``: what was asked for came about, by a limit or by hand. It is no fault of the night's,
    and nothing has to be mended before the next one.
    """

    exit_code: int
    sentence: str
    wished: bool


WISHED, UNWISHED = True, False

REASONS: dict[str, Reason] = {
    "all-done": Reason(0, "every feature is done", WISHED),
    "nothing-left": Reason(
        NeedsPerson.exit_code, "nothing is left that can be worked on without a person", UNWISHED
    ),
    "until": Reason(RunLimited.exit_code, "the time of --until came", WISHED),
    "max-hours": Reason(RunLimited.exit_code, "the hours of --max-hours are over", WISHED),
    "max-sessions": Reason(
        RunLimited.exit_code, "as many sessions as --max-sessions allows were held", WISHED
    ),
    "max-cost": Reason(RunLimited.exit_code, "the cost of --max-cost is reached", WISHED),
    "max-tokens": Reason(RunLimited.exit_code, "the tokens of --max-tokens are used", WISHED),
    "agent-limit": Reason(  # under --no-auto-resume alone
        RunLimited.exit_code, "the agent's own limit is reached, and nobody waits for it", WISHED
    ),
    "stopped": Reason(INTERRUPTED, "stopped by a person", WISHED),
    "crash-loop": Reason(CrashLoop.exit_code, "the agent crashed too often without doing anything", UNWISHED),
    "disk": Reason(Unhealthy.exit_code, "the disk is nearly full", UNWISHED),
    "unhealthy": Reason(Unhealthy.exit_code, "the machine is not fit for a shift", UNWISHED),
    "hooks-off": Reason(
        Unhealthy.exit_code, "the agent's hooks did not run, so nothing guarded it", UNWISHED
    ),
    "broken-baseline": Reason(
        Unhealthy.exit_code, "the tests could not say anything before the work", UNWISHED
    ),
    "needs-person": Reason(NeedsPerson.exit_code, "a person must decide how to go on", UNWISHED),
}
"""Each word is what the run's document keeps in ``stop``."""

ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""A hang-up is an end with a handoff too; ``--detach`` is for what shall survive a terminal."""


class Stopped(BaseException):
    """A signal asked for the end while a command of the project ran, which it interrupts.

    Not an Exception: nothing but the night itself catches it.
    """


class Stopping:
    """What was asked for so far: by signals to this process, and by the stop file.

    As a context manager it takes the signals and gives them back. A second SIGINT, or
    ``now`` in the file, means at once.
    """

    def __init__(self, file: Path, run: str) -> None:
        self._file = file
        self._run = run
        self._asked: Wish = None
        self._before: dict[signal.Signals, Callable[[int, FrameType | None], object] | int | None] = {}
        self._interrupts = False
        self.by: str | None = None

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Let a signal end what runs inside by raising Stopped: tests may take half an hour."""
        if self.wish():
            raise Stopped
        self._interrupts = True
        try:
            yield
        finally:
            self._interrupts = False

    def wish(self) -> Wish:
        """Return what is asked for: nothing, an end, an end at once."""
        if self._asked != "now":
            asked = read(self._file, self._run)
            if asked is not None and (self._asked is None or asked == "now"):
                self._asked = asked
                self.by = self.by or "git ovn stop"
        return self._asked

    def _signalled(self, number: int, _: FrameType | None) -> None:
        again = self._asked is not None and number == signal.SIGINT
        self._asked = "now" if again or self._asked == "now" else "stop"
        self.by = self.by or signal.Signals(number).name
        if self._interrupts:
            self._interrupts = False
            raise Stopped

    def __enter__(self) -> Self:
        for number in ASKING:
            self._before[number] = signal.signal(number, self._signalled)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


def stop_file(local: Path, run: str) -> Path:
    """Return where a request to stop a run lies; ``local`` is ``Location.local``.

    One file for each: in linked work trees several nights go on at once.
    """
    return local / "stop" / run


def ask(file: Path, run: str, *, now: bool) -> None:
    """Ask a run to end: survives a runner that is busy, or dead and started again."""
    file.parent.mkdir(parents=True, exist_ok=True)
    scratch = file.with_name(f"{file.name}.{os.getpid()}")
    scratch.write_bytes(canonical.dump({"run": run, "how": "now" if now else "stop"}))
    scratch.replace(file)


def read(file: Path, run: str) -> Wish:
    """Return what the file asks of that run; None for another run, or for what says nothing."""
    try:
        text = file.read_bytes()[:4096]
    except FileNotFoundError:
        return None
    try:
        asked = canonical.load(text, str(file))
    except InvalidDocument:
        return None
    if not isinstance(asked, dict) or asked.get("run") != run:
        return None
    return "now" if asked.get("how") == "now" else "stop"


def clear(file: Path) -> None:
    """Forget a request: a person runs it again, or the run ended."""
    file.unlink(missing_ok=True)
