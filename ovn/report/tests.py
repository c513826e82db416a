"""Where a feature made the tests weaker: fewer of them, fewer assertions in them, newly skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ovn.report.model import Weakening
    from ovn.report.work import Stretch
    from ovn.state.store import StateStore

KINDS = ("deleted test file", "deleted test", "fewer assertions", "newly skipped")


def weaker_in(_store: StateStore, _stretches: Sequence[Stretch]) -> tuple[Weakening, ...]:
    return ()
