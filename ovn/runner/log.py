"""An agent's log: its head and its tail, however much the agent writes.

``NAME`` holds the head; what comes after goes to ``NAME.tail-0``, ``NAME.tail-1`` ... of equal
size, of which the last two are kept. ``gather`` puts them together: at the end, or by the
next run after a ``kill -9``, since their names say what is missing between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

HEAD = 4 << 20
TAIL = 4 << 20
RECENT = 16 << 10
"""Bytes kept in memory: what a prompt quotes of a failed attempt."""


class CappedLog:
    """Takes any amount of output; uses at most ``head + 2 * tail`` bytes of disk.

    A disk that refuses is noted in ``broken`` (the first error's words), and the output is
    still taken: an agent must not hang on a pipe because its log is full.
    """

    def __init__(self, path: Path, *, head: int = HEAD, tail: int = TAIL) -> None:
        self.path = path
        self.total = 0
        self.broken: str | None = None
        self._sizes = (head, tail)
        self._recent = b""
        self._part = -1
        self._left = head
        self._file: BinaryIO | None = path.open("wb")

    @property
    def recent(self) -> bytes:
        """The last bytes that were written."""
        return self._recent

    def write(self, chunk: bytes) -> None:
        """Take output. Never raises for the disk's sake."""
        self.total += len(chunk)
        self._recent = (self._recent + chunk)[-RECENT:]
        try:
            while chunk and self.broken is None:
                if self._left == 0:
                    self._next_part()
                now, chunk = chunk[: self._left], chunk[self._left :]
                self._left -= len(now)
                if self._file is not None:
                    self._file.write(now)
            if self._file is not None:
                self._file.flush()
        except OSError as error:
            self.broken = error.strerror or str(error)

    def close(self) -> int:
        """Put head and tail together in one file; return how many bytes were dropped."""
        try:
            self._shut()
            return gather(self.path, self._sizes[1])
        except OSError as error:
            self.broken = self.broken or error.strerror or str(error)
            return 0

    def _next_part(self) -> None:
        self._shut()
        self._part += 1
        self._left = self._sizes[1]
        part_path(self.path, self._part - 2).unlink(missing_ok=True)
        self._file = part_path(self.path, self._part).open("wb")

    def _shut(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


def part_path(log: Path, number: int) -> Path:
    """Return where the tail's part with that number lies."""
    return log.with_name(f"{log.name}.tail-{number}")


def gather(log: Path, tail: int = TAIL) -> int:
    """Append the kept parts to the head, with a line that says what is missing between.

    Returns the bytes dropped; 0 and no change when there are no parts. Raises OSError.
    """
    prefix = f"{log.name}.tail-"
    numbers = sorted(int(path.name.removeprefix(prefix)) for path in log.parent.glob(f"{prefix}*"))
    if not numbers:
        return 0
    dropped = numbers[0] * tail
    with log.open("ab") as file:
        if dropped:
            file.write(f"\n... git ovn dropped {dropped} bytes here ...\n".encode())
        for number in numbers:
            file.write(part_path(log, number).read_bytes())
    for number in numbers:
        part_path(log, number).unlink()
    return dropped
