"""SHA-1, by which git names objects, from the small module that every CPython has.

``hashlib`` loads OpenSSL with it, which takes as long as a git command runs; the standard
library's own ``random`` goes this way for its hash too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["sha1"]

if TYPE_CHECKING:
    from hashlib import sha1
else:
    try:
        from _sha1 import sha1
    except ImportError:  # not CPython, or one that was built without it
        from hashlib import sha1
