"""Every named crash point, killed at, raised at, out of space at; then the next operation.

Afterwards a work tree is wholly as before or wholly as wanted, what was acknowledged is there,
git finds the repository whole, and verbs work.
"""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from ovn import crash, names

from .harness import LONG, NEXT_OPERATION, check, shape, sized

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _pytest.mark import ParameterSet

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
