"""System calls that fail, and system calls that are the last: never a silent loss, never half of it."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, cast

import pytest

from ovn.state.store import StateStore

from .harness import LONG, NEXT_OPERATION, check, needs_strace, put_back, shape, sized
from .tracing import WRITING, counted, sample, traced

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .conftest import Base, Figures
    from .harness import Stable, Worker

pytestmark = [pytest.mark.slow, pytest.mark.strace, needs_strace()]

FAILING = {
    "ENOSPC": "write pwrite64 fsync fdatasync syncfs rename mkdir openat link unlink".split(),
    "EIO": "write pwrite64 fadvise64 fsync fdatasync syncfs rename mkdir openat link unlink".split(),
    "EROFS": "openat mkdir link rename unlink".split(),
    "EMFILE": ["openat"],
}
"""The error, and the calls that can have it."""

REFUSED, STATE_CONFLICT, MUTE = 128, 12, 74
ENDS = {0, REFUSED, STATE_CONFLICT, MUTE, -signal.SIGKILL}
"""How an act may end; MUTE: the worker could not write how it ended."""


class Trials:
    """One act again and again, each time with another system call that fails or is the last."""

    def __init__(self, base: Base, stable: Stable, acts: list[str]) -> None:
        self.base, self.stable, self.acts = base, stable, acts
        self.before = shape(base.repo)
        self.tried = self.hit = 0
        self.wrong: list[tuple[object, ...]] = []

    def sweep(self, calls: Sequence[str], wanted: int, how: str) -> None:
        """Try each call at ``wanted`` of its times; ``how`` is strace's, with ``{}`` for the number."""
        most = counted(self.stable, self.base.repo.path, self.acts, calls)
        for call, number in most.items():
            for when in sample(number, wanted):
                self.attempt(call, f"{call}:{how.format(when)}")

    def attempt(self, call: str, inject: str) -> None:
        """Carry out the act once; see that it told the truth and that the next operation works."""
        repo = self.base.repo
        put_back(repo, self.before)
        with traced(self.stable, repo.path, self.acts, f"--trace={call}", f"--inject={inject}") as (
            worker,
            log,
        ):
            code = worker.wait()
        trace = log.read_text(errors="replace")
        self.tried += 1
        self.hit += (
            "(INJECTED)" in trace or code == -signal.SIGKILL or "failed with -9" in worker.complaints()
        )
        faults = list(self._faults(worker, code, mute=call == "write"))
        self.base.acked.add(worker)
        started = time.monotonic()
        after = self.stable.start(repo.path, ["verb checkpoint after", "step", "transact"])
        if after.wait():
            faults.append(f"the next operation does not work: {after.said()} {after.complaints()}")
        took = time.monotonic() - started
        if took > NEXT_OPERATION:
            faults.append(f"the next operation takes {took:.1f} s")
        self.base.acked.add(after)
        found = shape(repo)
        told = {line.split("'")[1] for line in worker.complaints().splitlines() if "stays as it is" in line}
        if found["files"] != self.before["files"] and without(found, told) != without(self.base.then, told):
            faults.append("half of it was done")
        if "verb rollback base" in self.acts and found not in (self.before, self.base.then):
            faults.append("branch, index and files do not belong together")
        if faults:
            self.wrong.append((inject, code, faults, worker.said(), worker.complaints()[-600:], trace[-600:]))

    def _faults(self, worker: Worker, code: int, *, mute: bool) -> Iterator[str]:
        words = worker.complaints() + "\n".join(line for line in worker.said() if line.startswith(":no"))
        if "this is a bug" in words or "Traceback" in words:
            yield "it failed by a bug"
        elif code not in ENDS:
            yield f"its exit code was {code}"
        elif code > 0 and "error: " not in words and not mute:
            yield "it failed without a word"
        if self.acts == ["step"] and code == REFUSED and f"{worker.out.stem}:0" in told(self.base):
            yield "what was refused is recorded"

    def conclude(self, figures: Figures, floor: int) -> None:
        """Fail the test unless all was well, and at least ``floor`` of the acts were hit."""
        figures(tried=self.tried, hit=self.hit)
        report = "\n\n".join("\n".join(map(str, one)) for one in self.wrong)
        assert not self.wrong, f"{len(self.wrong)} of {self.tried} went wrong\n{report}"
        assert self.hit >= floor, "hardly anything was hit: this test shows nothing"
        check(self.base.repo, self.base.acked, in_doubt=2 * self.hit)


def without(found: dict[str, object], told: set[str]) -> dict[str, object]:
    """Return a shape's files but for those that the act said it leaves alone."""
    files = cast("dict[str, object]", found["files"])
    return {name: file for name, file in files.items() if name not in told}


def told(base: Base) -> str:
    """Return all that the records of the shared session say."""
    return str(list(StateStore.open(base.repo.location).records("s")))


@pytest.mark.parametrize("act", ["verb checkpoint x", "step", "transact", "verb restore base"])
@pytest.mark.parametrize("error", FAILING)
@pytest.mark.parametrize("lasting", ["", "+"], ids=["once", "from-then-on"])
def test_a_call_that_fails_is_said_and_nothing_is_half_acknowledged(
    base: Base, stable: Stable, act: str, error: str, lasting: str, figures: Figures
) -> None:
    """Each call, in CI with the commonest error at its first and last time, else in the middle."""
    trials = Trials(base, stable, [act])
    often = 2 if error == "ENOSPC" and not lasting else 1
    trials.sweep(FAILING[error], sized(often, 40), f"error={error}:when={{}}{lasting}")
    trials.conclude(figures, floor=1)


@pytest.mark.parametrize("act", ["verb checkpoint x", "fold", "verb restore base", "verb rollback base"])
def test_killed_at_a_system_call_nothing_is_lost_and_nothing_half_done(
    base: Base, stable: Stable, act: str, figures: Figures
) -> None:
    """The worker, or a git of its, dies at that call: each call at some of its times."""
    trials = Trials(base, stable, ["step", act])
    trials.sweep(WRITING, sized(2, 500), "signal=KILL:when={}")
    trials.conclude(figures, floor=sized(10, 50))


def test_the_long_size_is_the_whole_sweep() -> None:
    """In ``./dev soak`` every k up to 500 is tried, more than any call is made."""
    assert sample(500, sized(2, 500)) == (list(range(1, 501)) if LONG else [1, 500])
