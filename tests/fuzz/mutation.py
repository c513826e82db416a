"""Broken variants of sound inputs: cut, flipped, doubled, spliced with what breaks readers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

_WORDS = """
{ } [ ] ( ) | > " ' \\ : , - # % & * = ? !! &a *a <<: !!python/object:os.system
NaN Infinity -Infinity 1e999 -0 0x10 010 1:30:00 1.0 true no null ~ -1 18446744073709551616 9999-99-99
2026-01-01T00:00:00Z \\ud800 \\u0000 \\x1b ../ /etc/passwd -x -- .lock .. @{0} @{-1} $(id) ;rm
refs/heads/main HEAD version id features status ## ${OVN_X} ${OVN_X:-
"""
TOKENS: tuple[bytes, ...] = (
    *(word.encode() for word in _WORDS.split()),
    *(
        b"\0",
        b"\n",
        b"\r\n",
        b"\t",
        b" ",
        b"- [x] ",
        b"# Session:",
        b"Ovn-Checkpoint: s/0001\n",
        b"Ovn-Omitted: {\n",
    ),
    *(b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x1b[31m", b"\x1b]0;x\x07", b"\x08\x08"),
    *(mark.encode() for mark in "\ufeff\u202e\u2028\x85\x9b"),
    *(b"[" * 2000, b"{" * 500, b'{"a":' * 300, b"1" * 5000, b"9" * 19, b"A" * 300, b"@{" + b"9" * 400 + b"}"),
    *(b"0" * 40, b"f" * 40),
)
"""What readers of JSON, YAML, names, refs and text have stumbled over."""


def mutate(data: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """Return ``data`` with one to six things done to it; ``others`` are spliced in now and then."""
    for _ in range(chance.choice((1, 1, 2, 3, 6))):
        at = chance.randrange(len(data) + 1)
        end = min(len(data), at + chance.choice((0, 1, 1, 2, 8, 40, 400)))
        act = chance.randrange(8)
        if act <= 2:
            data = data[:at] + chance.choice(TOKENS) + data[end:]
        elif act == 3:
            data = data[:at] + data[end:]
        elif act == 4:
            data = data[:at] + bytes(byte ^ 1 << chance.randrange(8) for byte in data[at:end]) + data[end:]
        elif act == 5:
            data = data[:end] + data[at:end] * chance.choice((1, 2, 30)) + data[end:]
        elif act == 6:
            other = chance.choice(others)
            data = data[:at] + other[chance.randrange(len(other) + 1) :]
        else:
            data = data[:at]
    return data[: 1 << 17]
