"""The baseline. What the tests said before new work, by failing test id."""

from ovn.baseline.comparing import Comparison, broken, compare, describe
from ovn.baseline.running import Setting, Told, ensure, ensure_at
from ovn.baseline.testids import Reading, read

__all__ = [
    "Comparison",
    "Reading",
    "Setting",
    "Told",
    "broken",
    "compare",
    "describe",
    "ensure",
    "ensure_at",
    "read",
]
