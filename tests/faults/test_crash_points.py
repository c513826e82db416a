"""Every named crash point, killed at, raised at, out of space at; then the next operation.

Afterwards a work tree is wholly as before or wholly as wanted, what was acknowledged is there,
git finds the repository whole, and verbs work.
"""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ovn import crash, names

from .harness import LONG, NEXT_OPERATION, Acknowledged, check, shape, sized

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _pytest.mark import ParameterSet

    from ..conftest import Repo  # noqa: TID252
    from .conftest import Base
    from .harness import Stable

WAYS = {
    "journal.": ("verb checkpoint x", "verb rollback base"),
    "pack.": ("verb checkpoint x", "verb rollback base"),
    "fold.": ("verb checkpoint x", "verb restore base"),
    "checkpoint.": ("verb checkpoint x", "verb restore base"),
    "operation.": ("verb rollback base", "verb restore base", "verb undo"),
}
"""The beginning of a point's name -> acts that come by it."""

ENDS = {"": {-signal.SIGKILL}, ":raise": {128}, ":enospc": {128, 0}}
"""How it is armed -> how the worker may end. A fold that finds no space is put off: 0."""

COME_BY = re.compile(r'crash_point\(\s*"([^"]+)"')

FAST = {("fold.before_ref", "verb checkpoint x"), ("operation.after_files", "verb rollback base")}
"""The two that the fast suite has time for."""


def cases() -> Iterator[ParameterSet]:
    """Yield point, act and how; in CI a point is raised at on its first way only, and once."""
    for point in crash.POINTS:
        for act in next((acts for prefix, acts in WAYS.items() if point.startswith(prefix)), ()):
            for how in ENDS:
                first = act in (acts[0] for acts in WAYS.values())
                for nth in range(1, sized(1, 3) + 1):
                    fast = (point, act) in FAST and not how and nth == 1
                    if fast or first or not how or LONG:
                        marks = () if fast else pytest.mark.slow
                        yield pytest.param(
                            point, act, f"{how}@{nth}", marks=marks, id=f"{point}{how}@{nth}-{act}"
                        )


@pytest.mark.parametrize(("point", "act", "how"), list(cases()))
def test_ended_at_a_crash_point_nothing_is_lost_and_nothing_half_done(
    base: Base, stable: Stable, point: str, act: str, how: str
) -> None:
    repo, acked, then = base.repo, base.acked, base.then
    if act == "verb undo":
        assert stable.start(repo.path, ["verb rollback base"]).wait() == 0
    before = shape(repo)
    armed = stable.start(repo.path, [act], env={names.ENV_CRASH: point + how})
    code, kind = armed.wait(), how.partition("@")[0]
    assert code in ENDS[kind] or (code == 0 and not how.endswith("@1")), (armed.said(), armed.complaints())
    assert kind != ":enospc" or code == 0 or "no space left" in armed.complaints().lower()
    started = time.monotonic()
    after = stable.start(repo.path, ["verb checkpoint after"])
    assert after.wait() == 0, (after.said(), after.complaints())
    assert time.monotonic() - started < NEXT_OPERATION
    now = shape(repo)
    if act.startswith("verb restore"):
        before, now, then = before["files"], now["files"], then["files"]
    assert now in (before, then) or act == "verb undo", "half of it was done"
    check(repo, acked.add(armed), in_doubt=1)
    look = stable.start(repo.path, ["verb list", "verb fsck", "verb operations", "verb log"])
    assert look.wait() == 0, (look.said(), look.complaints())


HANDOFF = ("verb start --no-verify one", "edit", "verb handoff --accomplished it --next more")
SHIFT = {
    "lease.after_take": ("verb start --no-verify one",),
    **dict.fromkeys(
        ("commit.before", "commit.after", "handoff.after_commit", "handoff.after_record"), HANDOFF
    ),
}
"""Point -> the acts of a shift; the last of them comes by it."""


@pytest.mark.slow
@pytest.mark.parametrize("point", SHIFT)
def test_a_shift_that_died_is_followed_by_another_at_once(home: Repo, stable: Stable, point: str) -> None:
    """Nobody has to mend anything: the next start pays the debts, and the work is kept."""
    *first, last = SHIFT[point]
    if first:
        begun = stable.start(home.path, first)
        assert begun.wait() == 0, (begun.said(), begun.complaints())
    edited = home.read("edited") if first else None
    died = stable.start(home.path, [last], env={names.ENV_CRASH: point})
    assert died.wait() == -signal.SIGKILL, (died.said(), died.complaints())
    started = time.monotonic()
    after = stable.start(home.path, ["verb status", "verb start --no-verify --take-over two", "verb fsck"])
    assert after.wait() == 0, (after.said(), after.complaints())
    assert time.monotonic() - started < NEXT_OPERATION
    assert after.said().count(":end 0") == 3, (after.said(), after.complaints())
    if edited is not None:
        assert home.read("edited") == edited
    check(home, Acknowledged().add(died))


def test_every_point_is_in_the_code_and_killed_at_by_a_test() -> None:
    """A point that nobody comes by, or that no test arms, proves nothing."""
    root = Path(crash.__file__).resolve().parents[1]
    used = {name for path in (root / "ovn").rglob("*.py") for name in COME_BY.findall(path.read_text())}
    assert used == set(crash.POINTS)
    nights = (root / "tests/runner/test_night.py").read_text()
    killed = {point for point in crash.POINTS if point.startswith(tuple(WAYS))} | set(SHIFT)
    killed |= {point for point in crash.POINTS if point.startswith("run.") and f'"{point}"' in nights}
    assert killed == set(crash.POINTS)
