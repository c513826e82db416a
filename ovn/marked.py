"""Our lines in a file that is somebody else's, between two marks. Pure.

What stands outside of the marks is never touched, byte for byte; orphaned marks are mended.
"""

from __future__ import annotations


def put(text: bytes, begin: bytes, end: bytes, body: bytes) -> bytes:
    """Return ``text`` with the block in it: in place of the one that is there, else at the end.

    ``begin`` and ``end`` are whole lines without their newline.
    """
    before, found, after = _split(text, begin, end)
    block = begin + b"\n" + body.removesuffix(b"\n") + b"\n" + end + b"\n"
    if found:
        return before + block + after
    gap = b"" if not before else b"\n" if before.endswith(b"\n") else b"\n\n"
    return before + gap + block


def take(text: bytes, begin: bytes, end: bytes) -> bytes:
    """Return ``text`` without the block, and without the empty line that ``put`` set before it."""
    before, found, after = _split(text, begin, end)
    if not found:
        return text
    if not after and before.endswith(b"\n\n"):
        before = before[:-1]
    return before + after


def _split(text: bytes, begin: bytes, end: bytes) -> tuple[bytes, bool, bytes]:
    """Return what stands before the block, whether there is one, and what stands after it.

    A begin without its end is a block of one line.
    """
    lines = text.splitlines(keepends=True)
    bare = [line.rstrip(b"\r\n") for line in lines]
    if begin not in bare:
        return text, False, b""
    first = bare.index(begin)
    last = bare.index(end, first) if end in bare[first:] else first
    return b"".join(lines[:first]), True, b"".join(lines[last + 1 :])
