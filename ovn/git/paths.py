"""Paths as text: what git has as bytes, JSON and terminals get quoted the way git quotes.

UTF-8 is kept as it is (as with ``core.quotePath=false``); a path that holds a control
character, a quote, a backslash or bytes that are not UTF-8 is put in double quotes with C
escapes. ``unquote`` takes it back, byte for byte; git's own quoted output too.
"""

from __future__ import annotations

import re

_NAMED = {7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r", 34: '"', 92: "\\"}
_VALUES = {name: code for code, name in _NAMED.items()}
_ESCAPE = r'\\([0-3][0-7]{2}|[abtnvfr"\\])'  # seldom needed, as the next: compiled then
_PLAIN = r'[^\x00-\x1f\x7f-\x9f"\\\ud800-\udfff]*\Z'


def quote(path: bytes) -> str:
    """Return the path as text that encodes to UTF-8 and holds no control character (C0, C1, DEL)."""
    text = path.decode("utf-8", "surrogateescape")
    if _is_plain(text):
        return text
    return '"' + "".join(map(_escape, text)) + '"'


def _is_plain(text: str) -> bool:
    if text.isascii():
        return '"' not in text and "\\" not in text and (text.isprintable() or not text)
    return re.match(_PLAIN, text) is not None


def _escape(character: str) -> str:
    code = ord(character)
    if code in _NAMED:
        return "\\" + _NAMED[code]
    if _is_plain(character):
        return character
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", "surrogateescape"))


def unquote(text: str) -> bytes:
    """Return the path that ``quote``, or git itself, wrote so; raises ValueError on half a quote."""
    if not text.startswith('"'):
        return text.encode("utf-8", "surrogateescape")
    if len(text) < 2 or not text.endswith('"'):
        raise ValueError(f"a quoted path without its end: {text!r}")
    inner = text[1:-1]
    rest = re.sub(_ESCAPE, "", inner)
    if "\\" in rest or '"' in rest:
        raise ValueError(f"not a quoted path: {text!r}")
    done, at = [], 0
    for escape in re.finditer(_ESCAPE, inner):
        done += [inner[at : escape.start()].encode("utf-8", "surrogateescape"), _byte(escape[1])]
        at = escape.end()
    return b"".join(done) + inner[at:].encode("utf-8", "surrogateescape")


def _byte(escape: str) -> bytes:
    return bytes([_VALUES[escape] if escape in _VALUES else int(escape, 8)])
