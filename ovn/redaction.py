"""Take secrets out of text that is meant for people. Pure, standard library.

For notes, handoffs, evidence, errors and logs. Step results are never changed: a replay would
lie. The shapes are those that their issuers publish (GitHub, AWS, Slack, Google, Stripe, npm,
PyPI, JWT, PEM), and words such as ``password=`` with what follows them.
"""

from __future__ import annotations

import re

HIDDEN = "[redacted]"

_SHAPES = (
    r"\b(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_[A-Za-z0-9_]{20,255})",
    r"\bglpat-[A-Za-z0-9_-]{20,}",
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
    r"\bAIza[A-Za-z0-9_-]{35}",
    r"\b(?:sk|pk|rk)[-_](?:live|test|ant|proj|or)[-_][A-Za-z0-9_-]{16,}",
    r"\bsk-[A-Za-z0-9_-]{32,}",
    r"\bnpm_[A-Za-z0-9]{36}\b",
    r"\bpypi-[A-Za-z0-9_-]{50,}",
    r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
)
_WHOLE = re.compile("|".join(_SHAPES))
_AFTER = re.compile(
    r"""(?ix)
    ( \b [a-z0-9_.-]{0,40}
      (?: password | passwd | secret | token | api[_-]?key | access[_-]?key | private[_-]?key )
      ["']? \s* [:=] \s* ["']?
    | \b authorization ["']? \s* [:=] \s* ["']? (?: bearer | basic | token ) \s+
    | \b bearer \s+
    )
    ( [^\s"',;&]{6,} )
    """
)
_IN_URL = re.compile(r"(\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{0,200}:)([^\s/@]{1,200})(@)", re.IGNORECASE)


def redact(text: str) -> str:
    """Return ``text`` with every secret of a known shape replaced by ``[redacted]``."""
    text = _WHOLE.sub(HIDDEN, text)
    text = _IN_URL.sub(rf"\1{HIDDEN}\3", text)
    return _AFTER.sub(rf"\1{HIDDEN}", text)


_MARKS = {
    "_": ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "sk_", "pk_", "rk_", "npm_"),
    "-": ("glpat-", "sk-", "pk-", "rk-", "pypi-"),
    ":": ("://",),
    "k": ("key", "token", "akia"),
    "s": ("passw", "secret", "asia"),
    "z": ("authorization", "aiza"),
    "r": ("bearer",),
    "x": ("xox",),
    "y": ("eyj",),
}
"""What stands, in lower case, in every text that ``redact`` changes, by a letter of its own.

Looking for a letter takes a third of the time of looking for a word, and most texts lack some.
"""


def holds_secret(text: str) -> bool:
    """Return whether ``redact`` would change the text; what is harmless costs a fiftieth of it."""
    low = text.casefold()  # as re.IGNORECASE has it: a long s is an s
    for letter, marks in _MARKS.items():
        if letter in low:
            for mark in marks:
                if mark in low:
                    return redact(text) != text
    return False
