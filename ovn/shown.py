"""How text, times, durations and sizes are shown to people, in a terminal as well as on a page.

Whatever a repository or an agent wrote may try to steer what shows it, or to deceive its reader.
"""

from __future__ import annotations

from ovn.clock import parse_rfc3339

# The marks that turn the direction of text around, and the two line ends that are not '\n':
# with them a label can look like another one (CVE-2021-42574, "Trojan Source").
_DECEIVING = frozenset("\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def escape(text: str, *, lines: bool = False) -> str:
    r"""Return ``text`` with all that could steer a terminal or deceive its reader made visible.

    C0, DEL, C1, bidi marks and lone surrogates become ``\x1b``, ``\u202e`` and so on; a byte
    that was not UTF-8 (a surrogate escape) becomes ``\xff``. With ``lines``, newline and tab
    stay. Meant for reading, not for reading back: a backslash stays as it is.
    """
    if text.isprintable():
        return text
    kept = "\n\t" if lines else ""
    return "".join(char if char in kept or not _steers(char) else _visible(char) for char in text)


def _steers(char: str) -> bool:
    code = ord(char)
    return code < 0x20 or 0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000 or char in _DECEIVING


def _visible(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code < 0xDD00:  # a byte, as os.fsdecode keeps it
        code -= 0xDC00
    short = {9: "\\t", 10: "\\n", 13: "\\r"}.get(code)
    return short or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def duration(seconds: float) -> str:
    """Return a duration for people: ``0.2 s``, ``48 s``, ``3 min 5 s``, ``2 h 10 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    minutes, left = divmod(whole, 60)
    hours, minutes_left = divmod(minutes, 60)
    if whole < 60:
        return f"{whole} s"
    return f"{minutes} min {left} s" if whole < 3600 else f"{hours} h {minutes_left} min"


def when(moment: str) -> str:
    """Return a moment that ``rfc3339`` wrote, with its day, in this machine's zone: ``3 Jan 00:38``."""
    return f"{parse_rfc3339(moment).astimezone():%-d %b %H:%M}"


def size(count: int) -> str:
    """Return a number of bytes for people, in powers of 1000: ``999 B``, ``1.5 kB``, ``20.0 MB``."""
    if count < 1000:
        return f"{count} B"
    power = 1
    while power < 4 and round(count / 1000**power, 1) >= 1000:
        power += 1
    return f"{count / 1000**power:.1f} {('kB', 'MB', 'GB', 'TB')[power - 1]}"
