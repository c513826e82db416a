"""A run without its terminal."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from ovn.runner.detach import Message

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """
import os, sys, time
from pathlib import Path
from ovn.runner.detach import Daemon, Message, detach

found = detach(Path("log"))
if isinstance(found, Message):
    print(found.exit_code, *found.lines)
    sys.exit(found.exit_code)
{begin}
print("to the log", os.getsid(0) != os.getpid(), sys.stdin.read() == "", flush=True)
Path("pid").write_text(str(os.getpid()))
while not Path("end").exists(): time.sleep(0.02)
Path("ended").touch()
"""


def run(tmp_path: Path, begin: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    words = [sys.executable, "-c", SCRIPT.format(begin=begin)]
    return subprocess.run(words, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)


def wait_for(path: Path) -> None:
    end = time.monotonic() + 10
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.02)
    assert path.exists()


def test_the_caller_returns_with_the_first_lines_and_the_daemon_goes_on(tmp_path: Path) -> None:
    done = run(tmp_path, "found.say(Message(0, ('run r-1', 'on night/r-1'))); found.say(Message(1, ()))")
    assert (done.returncode, done.stdout, done.stderr) == (0, "0 run r-1 on night/r-1\n", "")
    wait_for(tmp_path / "pid")
    assert (tmp_path / "log").read_text() == "to the log True True\n"
    (tmp_path / "end").touch()
    wait_for(tmp_path / "ended")


def test_a_run_that_does_not_begin_says_why_with_its_exit_code(tmp_path: Path) -> None:
    done = run(tmp_path, "found.say(Message(11, ('held',))); sys.exit()")
    assert (done.returncode, done.stdout) == (11, "11 held\n")


def test_a_daemon_that_dies_is_no_success(tmp_path: Path) -> None:
    done = run(tmp_path, "os._exit(0)")
    assert done.returncode == Message(128, ()).exit_code
    assert "died before it began" in done.stdout
