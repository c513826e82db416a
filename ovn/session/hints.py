"""Hints at the end of tracebacks: a program has nobody else who would say what to do."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ovn.errors import OvnError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def hinting() -> Iterator[None]:
    """Add its hint to an error of ours that leaves."""
    try:
        yield
    except OvnError as error:
        hint(error)
        raise


def hint(error: BaseException | None) -> None:
    """Add its hint to an error of ours, once."""
    if isinstance(error, OvnError) and error.hint:
        words = f"hint: {error.hint}"
        if words not in getattr(error, "__notes__", ()):
            error.add_note(words)
