"""The first question to git: where is the repository? It answers while whoever wants to know is loaded."""

from __future__ import annotations

import os
import subprocess

TYPE_CHECKING = False  # typing's own would keep git waiting
if TYPE_CHECKING:
    from pathlib import Path

_QUESTION = (
    *("git", "rev-parse", "--is-bare-repository", "--show-object-format", "--absolute-git-dir"),
    *("--git-common-dir", "--show-toplevel"),  # the last one fails where there is no work tree
)


def ask(start: Path | None = None) -> subprocess.Popen[bytes]:
    """Ask about ``start`` (default: here); ``ovn.git.locate`` reads the answer. Raises OSError."""
    return subprocess.Popen(
        _QUESTION,
        cwd=start,
        env={**os.environ, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
