"""The files that ship with the package: schemas, the hook shim, prompts.

In a wheel they live in ``ovn/_data/``; in an editable install the checkout's top-level
folders are read, so that there is one copy to edit.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def path(folder: str, name: str = "") -> Path:
    """Return the path of a shipped file, e.g. ``path("schemas", "feature.schema.json")``."""
    shipped = _PACKAGE / "_data" / folder
    base = shipped if shipped.is_dir() else _PACKAGE.parent / folder
    return base / name if name else base


def read(folder: str, name: str) -> bytes:
    """Return the bytes of a shipped file; raises FileNotFoundError."""
    return path(folder, name).read_bytes()
