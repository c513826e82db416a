"""Write what is generated, or with ``--check`` name what differs; one way for every generator."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ROOT = Path(__file__).resolve().parent.parent


def settle(files: Mapping[str, str], whole: Iterable[str] = ()) -> int:
    """Write the files that differ, or with ``--check`` only name them and return 1.

    ``files`` are texts by path from the root. Of the folders ``whole`` every file is generated: one that
    is not among ``files`` goes.
    """
    checking = "--check" in sys.argv
    surplus = {str(path.relative_to(ROOT)) for folder in whole for path in (ROOT / folder).glob("*")}
    stale = [name for name in sorted({*files, *surplus}) if _there(name) != files.get(name)]
    for name in () if checking else stale:
        _put(ROOT / name, files.get(name))
    if stale:
        print(*stale, "are out of date; run ./dev docs" if checking else "written", sep="\n")
    return 1 if stale and checking else 0


def _there(name: str) -> str | None:
    path = ROOT / name
    return path.read_text(encoding="utf-8") if path.exists() else None


def _put(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
