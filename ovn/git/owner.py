"""Whose file is this? A process named so that a later one of the same pid is not taken for it."""

from __future__ import annotations

import os
import re
from typing import Self

from ovn import host
from ovn.frozen import dataclass

_LINE = r"git ovn (\d{1,18}) (.+) (\S+)\n"  # seldom needed: compiled then


@dataclass(frozen=True, slots=True)
class Owner:
    """A process: its pid, a text that only its start has, and the boot it belongs to."""

    pid: int
    start: str
    boot: str

    @classmethod
    def me(cls) -> Self:
        """Return the running process."""
        return cls(os.getpid(), host.process_start(os.getpid()) or "", host.boot_id())

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Return the owner that ``line`` wrote; None for anything else."""
        match = re.fullmatch(_LINE, text)
        return cls(int(match[1]), match[2], match[3]) if match is not None else None

    @property
    def line(self) -> str:
        """``git ovn PID START BOOT``, a line."""
        return f"git ovn {self.pid} {self.start} {self.boot}\n"

    def alive(self) -> bool:
        """Return whether this very process still runs."""
        return self.boot == host.boot_id() and host.process_start(self.pid) == self.start
