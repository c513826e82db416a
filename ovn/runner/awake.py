"""Keeping the machine awake while a night lasts, where it can be asked: systemd-inhibit, caffeinate.

The program that holds the machine awake waits on a pipe whose other end only the runner has, so
it ends with the runner, however that ends.
"""

from __future__ import annotations

import select
import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

WAYS: dict[str, tuple[str, ...]] = {
    "systemd-inhibit": ("--what=sleep:idle", "--mode=block", "--who=git ovn", "--why={why}", "cat"),
    "caffeinate": ("-i", "-s", "cat"),
}
"""Program: its words. ``cat`` reads the pipe and so ends with it."""

SECONDS = 0.3
"""How long to wait for a refusal; one comes within milliseconds, where nobody answers on D-Bus."""


def program(environ: Mapping[str, str]) -> str | None:
    """Return the program of this machine that can keep it awake; None without any."""
    found = (shutil.which(name, path=environ.get("PATH")) for name in WAYS)
    return next((one for one in found if one is not None), None)


@contextmanager
def kept(environ: Mapping[str, str], why: str) -> Iterator[bool]:
    """Keep the machine from falling asleep meanwhile; give whether that could be had."""
    path = program(environ)
    if path is None:
        yield False
        return
    words = WAYS[path.rsplit("/", 1)[-1]]
    process = subprocess.Popen(
        [path, *(word.format(why=why) for word in words)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=dict(environ),
        start_new_session=True,
    )
    try:
        yield _holds(process)
    finally:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _holds(process: subprocess.Popen[bytes]) -> bool:
    """Tell whether it is still there after a moment: its output ends when it gives up."""
    pipes = [process.stdout] if process.stdout else []
    ended, _, _ = select.select(pipes, [], [], SECONDS)
    return not ended and process.poll() is None
