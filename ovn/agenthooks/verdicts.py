"""What a rule for tool calls can say."""

from __future__ import annotations


class Verdict:
    """A refusal with its reason and what to do instead; or (not ``denied``) "a checkpoint first"."""

    __slots__ = ("denied", "hint", "reason", "rule")

    def __init__(self, rule: str, reason: str, hint: str = "", *, denied: bool = True) -> None:
        self.rule = rule
        self.reason = reason
        self.hint = hint
        self.denied = denied

    def __str__(self) -> str:
        """Return it as the model reads it."""
        return f"git ovn refused this: {self.reason}." + (f" Instead: {self.hint}." if self.hint else "")


def deny(rule: str, reason: str, hint: str = "") -> Verdict:
    """Return a refusal."""
    return Verdict(rule, reason, hint)


GUARD = Verdict("guard", "it discards uncommitted work", denied=False)
"""Allowed once a checkpoint holds what it would discard."""
