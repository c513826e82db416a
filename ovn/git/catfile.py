"""Objects from a ``git cat-file`` that stays and answers: packs, deltas and alternates are its business.

It is there 2 ms after it was asked for, while loading libgit2 takes 70 to 100.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ovn.errors import CorruptObject

if TYPE_CHECKING:
    import subprocess
    from typing import IO

    from ovn.git.run import Git


class CatFile:
    """One ``git cat-file --batch-command``, started at the first question; not for two threads at once."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self.asked = 0

    def read(self, oid: str) -> tuple[str, bytes] | None:
        """Return an object's kind and bytes; None when it is not here. Raises CorruptObject."""
        process = self._running()
        head = self._ask("contents", oid)
        if head is None:
            return None
        size = int(head[2])
        data = _stream(process.stdout).read(size + 1)
        if len(data) != size + 1:
            raise self._broken(oid)
        return head[1].decode(), data[:-1]

    def has(self, oid: str) -> bool:
        """Return whether the object is here. Raises CorruptObject."""
        return self._ask("info", oid) is not None

    def close(self) -> None:
        """Let git go; the next question starts another. A forked child leaves its parent's alone."""
        process, self._process = self._process, None
        if process is None:
            return
        for stream in (process.stdin, process.stdout):
            _stream(stream).close()
        if self._owner == os.getpid():
            process.wait()

    def __del__(self) -> None:
        self.close()

    def _ask(self, command: str, oid: str) -> list[bytes] | None:
        """Return the words of git's answer: id, kind and size; None for 'missing'."""
        process = self._running()
        self.asked += 1
        try:
            os.write(_stream(process.stdin).fileno(), f"{command} {oid}\n".encode())
        except BrokenPipeError as error:
            raise self._broken(oid) from error
        words = _stream(process.stdout).readline().split()
        if len(words) < 2:
            raise self._broken(oid)
        return words if len(words) == 3 else None

    def _broken(self, oid: str) -> CorruptObject:
        self.close()
        return CorruptObject(f"cannot read object '{oid}': git itself gave up on it")

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._owner != os.getpid():
            self.close()  # forked: two processes on one pipe would read each other's answers
        if self._process is None:
            self._owner = os.getpid()
            self._process = self._git.converse("cat-file", "--batch-command")
        return self._process


def _stream(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise ValueError("not a pipe")
    return stream
