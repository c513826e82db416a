"""How this program starts itself again. Standard library only, light enough for hooks."""

from __future__ import annotations

import sys


def argv(*words: str) -> list[str]:
    """Return what to run for ``git ovn WORDS...``: this Python, this installation, whatever lies around.

    Isolated (``-I``): neither the current folder nor ``PYTHONPATH`` can put another ``ovn`` first.
    """
    return [sys.executable, "-I", "-m", "ovn", *words]
