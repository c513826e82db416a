"""The machine: what is on disk, which process is which."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys

import pytest

from ovn import host

linux = pytest.mark.skipif(host.MACOS, reason="reads /proc")


@pytest.fixture
def child():
    """Return a process that waits until it is told to end."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process


def test_a_file_a_folder_and_a_filesystem_can_be_synced(tmp_path):
    with (tmp_path / "file").open("wb") as file:
        file.write(b"x")
        file.flush()
        host.sync_data(file.fileno())
    host.sync_path(tmp_path / "file")
    host.sync_path(tmp_path)
    host.sync_filesystem(tmp_path)


def test_a_sync_that_fails_says_so(tmp_path):
    with pytest.raises(FileNotFoundError):
        host.sync_path(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        host.sync_filesystem(tmp_path / "none")
    with pytest.raises(OSError, match="Bad file descriptor"):
        host.sync_data(1_000_000)


def test_an_error_of_syncfs_itself_is_raised_with_its_path(tmp_path, monkeypatch):
    import ctypes

    class Failing:
        def syncfs(self, fd):
            ctypes.set_errno(errno.EIO)
            return -1

    monkeypatch.setattr(host, "_libc", Failing)
    with pytest.raises(OSError, match="Input/output error") as caught:
        host.sync_filesystem(tmp_path)
    assert (caught.value.errno, caught.value.filename) == (errno.EIO, str(tmp_path))


def test_the_machine_has_a_name_and_a_boot():
    assert host.hostname() == os.uname().nodename
    assert host.boot_id() == host.boot_id() != ""


@linux
def test_a_process_is_known_by_its_start(child):
    start = host.process_start(child.pid)
    assert re.fullmatch(r"\d+", start)
    assert host.process_start(child.pid) == start
    assert host.process_start(os.getpid()) is not None


@linux
def test_a_process_that_is_gone_has_no_start(child):
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # a zombie now: it can do no more work
    assert host.process_start(child.pid) is None
    child.wait()
    assert host.process_start(child.pid) is None


@linux
def test_a_name_with_blanks_and_parentheses_does_not_confuse_it():
    """/proc/PID/stat holds the program's name as it is."""
    script = (
        "import ctypes, os; ctypes.CDLL(None).prctl(15, b') Z 1 (', 0, 0, 0); print('x', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        assert re.fullmatch(r"\d+", host.process_start(process.pid))
        process.kill()


@linux
def test_a_process_that_starts_one_program_after_the_other_is_found_too(tmp_path):
    """While it starts one it shows no environment: of single looks one in seven missed it."""
    program = tmp_path / "again"
    program.write_text('#!/bin/sh\nexec "$0"\n')
    program.chmod(0o755)
    mark = f"OVN_RUN_ID=again-{os.getpid()}"
    name, _, value = mark.partition("=")
    with subprocess.Popen([program], env={**os.environ, name: value}) as process:
        try:
            looks = [host.processes_with_environment(mark) for _ in range(200)]
        finally:
            process.kill()
    assert looks.count([process.pid]) > 190


@linux
def test_processes_are_found_by_a_mark_in_their_environment():
    """Daemonised ones too: they have no parent and no group of ours any more."""
    mark = f"OVN_RUN_ID=test-{os.getpid()}"
    name, _, value = mark.partition("=")
    script = "import os, time\nif os.fork(): os._exit(0)\nos.setsid()\n"
    script += "print(os.getpid(), flush=True)\ntime.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", script], env={**os.environ, name: value}, stdout=subprocess.PIPE
    ) as process:
        daemon = int(process.stdout.readline())
        process.wait(10)
        try:
            assert host.processes_with_environment(mark) == [daemon]
            assert host.processes_with_environment(mark + "x") == []
            assert host.processes_with_environment(mark[:-1]) == []
        finally:
            os.kill(daemon, signal.SIGKILL)


def test_the_ways_of_macos_are_taken_there(tmp_path, monkeypatch):
    """Only that they are taken: what they promise is untested outside macOS, and doctor says so."""
    asked = []
    monkeypatch.setattr(host, "MACOS", True)
    monkeypatch.setattr("fcntl.fcntl", lambda fd, what: asked.append((fd, what)))
    monkeypatch.setattr("os.sync", lambda: asked.append("sync"))
    monkeypatch.setattr(
        "subprocess.run",
        lambda line, **_: subprocess.CompletedProcess(line, 0, b"{ sec = 1767323045, usec = 7 } Fri\n"),
    )
    host.sync_data(7)
    host.sync_filesystem(tmp_path)
    assert asked == [(7, 51), "sync"]
    assert host.boot_id() == "sec = 1767323045"
    assert host.process_start(1) == "{ sec = 1767323045, usec = 7 } Fri"
    assert host.processes_with_environment("A=b") == []
