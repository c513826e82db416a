"""A home for Gemini CLI in which our hooks and tools are on, and everything else is the person's.

Its only other ways in are files of the repository, and system-wide ones that it takes from root
alone. So ``GEMINI_CLI_HOME`` names a folder of ours whose entries are links into the person's
``.gemini``; but ``settings.json``, which is theirs with our hooks and our server added.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ovn.errors import Unhealthy

if TYPE_CHECKING:
    from collections.abc import Mapping

ENV_HOME = "GEMINI_CLI_HOME"
FOLDER = ".gemini"
SETTINGS = "settings.json"

_COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)


def make(home: Path, ours: Mapping[str, Any], environ: Mapping[str, str]) -> None:
    """Make or renew the home. Raises Unhealthy where the person's settings cannot be read."""
    theirs = Path(environ.get(ENV_HOME) or environ.get("HOME") or "/") / FOLDER
    folder = home / FOLDER
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for entry in theirs.iterdir() if theirs.is_dir() else ():
        link = folder / entry.name
        if entry.name != SETTINGS and not link.exists():
            link.unlink(missing_ok=True)
            link.symlink_to(entry)
    fd = os.open(folder / SETTINGS, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(json.dumps(_merged(_read(theirs / SETTINGS), ours), indent=2) + "\n")


def _read(path: Path) -> dict[str, Any]:
    """Return the person's settings: JSON with comments."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}
    try:
        found = json.loads(_COMMENT.sub(lambda match: match[1] or "", text) or "{}")
    except ValueError as error:
        raise Unhealthy(
            f"'{path}' cannot be read: {error}", hint="mend it: Gemini CLI needs it too"
        ) from error
    return found if isinstance(found, dict) else {}


def _merged(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    """Return both: mappings joined, lists one after the other, else ours."""
    found = dict(theirs)
    for key, value in ours.items():
        before = found.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            found[key] = _merged(before, value)
        elif isinstance(before, list) and isinstance(value, list):
            found[key] = [*before, *value]
        else:
            found[key] = value
    return found
