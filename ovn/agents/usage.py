"""What an agent used: tokens and money, per process. Pure.

Some CLIs count over all processes of one of their sessions, so what is added up are
differences; others count anew with every process.
"""

from __future__ import annotations

from dataclasses import fields

from ovn.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens sent (``cached`` of them from a cache) and received; ``cost`` in USD, 0 where not told."""

    input: int = 0
    output: int = 0
    cached: int = 0
    cost: float = 0.0

    @property
    def tokens(self) -> int:
        """Tokens in both directions."""
        return self.input + self.output

    def __add__(self, other: Usage) -> Usage:
        """Return both together."""
        return Usage(
            self.input + other.input,
            self.output + other.output,
            self.cached + other.cached,
            self.cost + other.cost,
        )


def since(now: Usage, before: Usage) -> Usage:
    """Return what came on top of an earlier count of the same agent session.

    A count that went down was begun anew (Claude Code up to 2.1.197 counted by process): then
    all of it is new.
    """
    went_down = any(getattr(now, one.name) < getattr(before, one.name) for one in fields(Usage))
    if went_down:
        return now
    return Usage(
        now.input - before.input,
        now.output - before.output,
        now.cached - before.cached,
        round(now.cost - before.cost, 9),
    )


def tokens(value: object) -> int:
    """Return a count as a stream tells it; 0 for what is no count."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def money(value: object) -> float:
    """Return an amount as a stream tells it; 0 for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return float(value) if 0 < value < float("inf") else 0.0
