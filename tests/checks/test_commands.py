"""Running a project's own commands."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import sys
import threading
import time

import pytest

from ovn.checks import commands
from ovn.checks.commands import environment, run, summary

ENV = {"PATH": os.environ["PATH"]}


def test_a_text_goes_to_sh_at_the_top_of_the_work_tree(tmp_path):
    (tmp_path / "here").write_text("x")
    ran = run("ls && echo two >&2 && exit 3", tmp_path, ENV)
    assert (ran.exit_code, ran.tail, ran.summary, ran.size) == (3, b"here\ntwo\n", "two", 9)
    assert ran.digest == hashlib.sha256(b"here\ntwo\n").hexdigest()


def test_a_list_is_the_words_of_a_program_and_meets_no_shell(tmp_path):
    ran = run((sys.executable, "-c", "import sys; print(sys.argv[1:])", "$HOME", "; rm -rf *"), tmp_path, ENV)
    assert (ran.exit_code, ran.summary) == (0, "['$HOME', '; rm -rf *']")


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        (("no-such-program",), 127, "'no-such-program': not found"),
        (("./plain",), 126, "'./plain': permission denied"),
        (("a\0b",), 126, "'a\\x00b': embedded null byte"),
        ("a\0b", 126, "'a\\x00b': embedded null byte"),
        (("x" * 200_000,), 126, "'xxxxxxxx"),
        ("no-such-program", 127, "not found"),
        ("kill -9 $$", -9, "no output"),
    ],
)
def test_what_cannot_be_started_is_an_exit_code_and_no_exception(tmp_path, command, code, words):
    (tmp_path / "plain").write_text("x")
    ran = run(command, tmp_path, ENV)
    assert ran.exit_code == code
    assert words in ran.summary


def test_a_command_that_takes_too_long_is_ended_with_all_it_started(tmp_path):
    began = time.monotonic()
    ran = run("echo begin; sleep 60 & echo $! > child; sleep 60", tmp_path, ENV, seconds=0.5)
    assert (ran.timed_out, ran.exit_code, ran.tail) == (True, -signal.SIGTERM, b"begin\n")
    assert ran.summary == "ended after 0.5 s without an answer"
    assert time.monotonic() - began < 5
    assert_gone(int((tmp_path / "child").read_text()))


def test_a_command_that_ignores_sigterm_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(commands, "GRACE", 0.2)
    ran = run("trap '' TERM; while :; do sleep 0.05; done", tmp_path, ENV, seconds=0.3)
    assert (ran.timed_out, ran.exit_code) == (True, -signal.SIGKILL)


def test_what_a_command_leaves_running_is_ended_and_not_waited_for(tmp_path):
    began = time.monotonic()
    ran = run("sleep 60 & echo $! > child; echo done", tmp_path, ENV)
    assert (ran.exit_code, ran.summary, ran.timed_out) == (0, "done", False)
    assert time.monotonic() - began < 5
    assert_gone(int((tmp_path / "child").read_text()))


def assert_gone(pid):
    for _ in range(100):
        try:
            state = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0]  # noqa: SIM115, PTH123
        except OSError:
            return
        if state == "Z":
            return
        time.sleep(0.02)
    pytest.fail(f"{pid} lives")


def test_a_flood_of_output_is_hashed_whole_and_kept_small(tmp_path, monkeypatch):
    monkeypatch.setattr(commands, "LOG_BYTES", 1000)
    log = io.BytesIO()
    ran = run("head -c 20000000 /dev/zero; echo; echo the end", tmp_path, ENV, log=log)
    expected = hashlib.sha256(b"\0" * 20_000_000 + b"\nthe end\n").hexdigest()
    assert (ran.size, ran.digest, ran.summary) == (20_000_009, expected, "the end")
    assert (len(ran.tail), len(log.getvalue())) == (commands.TAIL_BYTES, 1000)


def test_a_full_disk_under_the_log_does_not_fail_the_command(tmp_path):
    with open("/dev/full", "wb", buffering=0) as log:  # noqa: PTH123
        ran = run("echo out", tmp_path, ENV, log=log)
    assert (ran.exit_code, ran.tail) == (0, b"out\n")


def test_a_command_has_no_terminal_and_nothing_to_read(tmp_path):
    ran = run("cat; test -t 0 || echo none; (: < /dev/tty) 2>/dev/null || echo no tty", tmp_path, ENV)
    assert ran.tail == b"none\nno tty\n"


def test_an_interrupt_ends_the_command_first(tmp_path):
    threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        run("echo $$ > pid; sleep 60", tmp_path, ENV)
    assert_gone(int((tmp_path / "pid").read_text()))


# -- the environment -------------------------------------------------------------------------


def test_a_command_sees_known_names_and_ours_and_no_tokens():
    seen = environment(
        {
            "PATH": "/bin",
            "HOME": "/h",
            "LC_ALL": "C",
            "OVN_SESSION": "s1",
            "OVN_CRASH_POINT": "x",
            "AWS_SECRET_ACCESS_KEY": "k",
            "GITHUB_TOKEN": "t",
            "ANTHROPIC_API_KEY": "k",
            "SSH_AUTH_SOCK": "/s",
            "GIT_DIR": "/elsewhere",
            "LD_PRELOAD": "/evil.so",
        },
        {"OVN_FEATURE": "f1"},
    )
    assert seen == {
        "PATH": "/bin",
        "HOME": "/h",
        "LC_ALL": "C",
        "OVN_SESSION": "s1",
        "OVN_FEATURE": "f1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }


def test_a_command_has_a_path_in_any_case():
    assert environment({})["PATH"].endswith("/bin")


# -- the line that sums up -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (b"", "no output"),
        (b"\n \n", "no output"),
        (b"a\nb\n\n", "b"),
        (b"===== 3 passed, 1 failed in 0.12s =====\n", "3 passed, 1 failed in 0.12s"),
        (b"\x1b[32m== 3 passed ==\x1b[0m\n", "3 passed"),
        (b"\x1b]0;title\x07\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\\n", "link"),
        (b"10%\r50%\r100% done\r\n", "100% done"),
        (b"caf\xe9\n", "caf\ufffd"),
        (b"a\x00b\x9bc\n", "ab\ufffdc"),
        ("\u202eevil\u200f\n".encode(), "evil"),
        (b"x" * 500, "x" * 200),
        (b"OK\n----------\n", "OK"),
    ],
)
def test_the_last_line_that_says_something_sums_an_output_up(output, expected):
    assert expected == summary(output)


def test_a_command_is_shown_as_it_would_be_typed():
    assert commands.show("a && b") == "a && b"
    assert commands.show(("pytest", "-k", "a b")) == "pytest -k 'a b'"
