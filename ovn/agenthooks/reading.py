"""JSON as a hook reads it: by the interpreter's own scanner, without the package around it.

``import json`` brings regular expressions and enumerations along, which takes longer than all
else that a hook does after a tool; ``json`` itself is used where the scanner is not there.
"""

from __future__ import annotations

_SPACE = " \t\n\r"


class _Context:
    """What the scanner asks for: plain values."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo: dict[str, str] = {}  # noqa: RUF012 - typing costs more than all of this


def loads(raw: bytes) -> object:
    """Return the value that the bytes say, in UTF-8. Raises ValueError for what is no JSON."""
    text = raw.removeprefix(b"\xef\xbb\xbf").decode()  # as the codec "utf-8-sig", which is a module more
    try:
        from _json import make_scanner
    except ImportError:  # another Python than CPython
        import json

        return json.loads(text)
    start = len(text) - len(text.lstrip(_SPACE))
    try:
        value, end = make_scanner(_Context)(text, start)  # type: ignore[arg-type]
    except StopIteration as error:
        raise ValueError(f"no JSON at character {error.value}") from None
    if text[end:].strip(_SPACE):
        raise ValueError(f"more than one value, at character {end}")
    return value
