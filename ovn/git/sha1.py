"""SHA-1, by which git names objects, from the small module that every CPython has.

``hashlib`` loads OpenSSL with it, which takes as long as a git command runs; the standard
library's own ``random`` goes this way for its hash too. But OpenSSL has the processor's own
instructions, eleven times as fast, for which it is worth its while where there is much to do.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # typing's own would keep git's look waiting
if TYPE_CHECKING:
    from hashlib import _Hash
    from hashlib import sha1 as _small
else:
    try:
        from _sha1 import sha1 as _small
    except ImportError:  # not CPython, or one that was built without it
        from hashlib import sha1 as _small

MUCH = 1 << 12
"""Bytes from which on OpenSSL is quicker, where it is loaded already."""

VERY_MUCH = 1 << 20
"""Bytes for which it is worth loading."""


def sha1(data: bytes = b"") -> _Hash:
    """Return the hash of ``data``, to be fed with more or asked for its digest."""
    if len(data) >= MUCH and ("_hashlib" in sys.modules or len(data) >= VERY_MUCH):
        import hashlib

        return hashlib.sha1(data, usedforsecurity=False)
    return _small(data, usedforsecurity=False)
