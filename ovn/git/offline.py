"""Load libgit2 when it is needed; in a process of our own without what it never needs there.

On import pygit2 reads every certificate of the machine, a quarter of the time that the import
takes (25 of 100 ms), and where the machine has none the import fails (pygit2 1.21).
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

    from ovn.git.libgit2 import Libgit2Store
    from ovn.git.locate import Location

TRUSTED = {"SSL_CERT_FILE": "", "SSL_CERT_DIR": os.sep}
"""Where ``ssl.get_default_verify_paths`` is sent: no file, and a folder that exists, unread."""

_ours: list[MutableMapping[str, str]] = []


def promise(environ: MutableMapping[str, str]) -> None:
    """Say that this process, whose environment it is, never talks to a network by libgit2.

    Not for a program of somebody else, who may need the certificates.
    """
    _ours[:] = [environ]


def open_libgit2(location: Location) -> Libgit2Store:
    """Return a repository's objects by libgit2, loading it now. Raises UnsupportedRepository."""
    with _without_certificates():
        from ovn.git.libgit2 import Libgit2Store

    return Libgit2Store(location)


@contextmanager
def _without_certificates() -> Iterator[None]:
    """Hide the certificates where that was promised; the environment is afterwards as before."""
    before = [(environ, {name: environ.get(name) for name in TRUSTED}) for environ in _ours]
    for environ in _ours:
        environ.update(TRUSTED)
    try:
        yield
    finally:
        for environ, values in before:
            for name, value in values.items():
                if value is None:
                    del environ[name]
                else:
                    environ[name] = value
