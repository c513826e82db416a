"""Two baselines side by side. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn.frozen import dataclass

if TYPE_CHECKING:
    from ovn.model.documents import Baseline

ITSELF = "(the command itself)"
"""Stands for a command that was red without naming a test."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Test ids, each list in the order of the newer (for ``newly_passing`` the older) baseline."""

    newly_failing: tuple[str, ...]
    newly_passing: tuple[str, ...]
    still_failing: tuple[str, ...]

    @property
    def worse(self) -> bool:
        """Whether anything fails that did not fail before."""
        return bool(self.newly_failing)


def broken(baseline: Baseline) -> bool:
    """Tell whether the tests could not say anything: red, and no failing test is named."""
    return baseline.exit_code != 0 and not baseline.failing


def compare(before: Baseline, after: Baseline) -> Comparison:
    """Return what changed between two baselines of one command.

    A command that is red without naming a test counts as one failing id, ``ITSELF``; then
    nothing is said to pass newly, because nothing was seen to pass.
    """
    old, new = _failing(before), _failing(after)
    return Comparison(
        newly_failing=tuple(name for name in new if name not in set(old)),
        newly_passing=() if broken(after) else tuple(name for name in old if name not in set(new)),
        still_failing=tuple(name for name in new if name in set(old)),
    )


def describe(ids: tuple[str, ...], most: int = 5) -> str:
    """Return the first ids, and how many more there are."""
    more = f" and {len(ids) - most} more" if len(ids) > most else ""
    return ", ".join(ids[:most]) + more


def _failing(baseline: Baseline) -> tuple[str, ...]:
    return (ITSELF,) if broken(baseline) else baseline.failing
