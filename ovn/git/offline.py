"""Load libgit2 for a process of our own, in which it never talks to a network.

On import pygit2 reads every certificate of the machine, a quarter of the time that the import
takes (25 of 100 ms), and where the machine has none the import fails (pygit2 1.21).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableMapping

TRUSTED = {"SSL_CERT_FILE": "", "SSL_CERT_DIR": os.sep}
"""Where ``ssl.get_default_verify_paths`` is sent: no file, and a folder that exists, unread."""


def load(environ: MutableMapping[str, str]) -> None:
    """Import pygit2 without certificates; ``environ`` is this process's, afterwards as before.

    Not for a program of somebody else, who may need them.
    """
    before = {name: environ.get(name) for name in TRUSTED}
    environ.update(TRUSTED)
    try:
        import pygit2  # noqa: F401
    finally:
        for name, value in before.items():
            if value is None:
                del environ[name]
            else:
                environ[name] = value
