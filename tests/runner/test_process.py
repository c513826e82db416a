"""Agent processes: real ones, started, watched and ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from ovn import host
from ovn.errors import Unhealthy
from ovn.runner import ending
from ovn.runner.process import AgentProcess, Launch, Limits, Outcome, Signs, overrun, sweep_scratch

RUN = f"run-process-{os.getpid()}"
"""Marks are looked for on the whole machine: no other test, and nobody else's, may have the same."""


def agent(tmp_path: Path, code: str, *, run: str = RUN, beat: Path | None = None) -> Launch:
    """Return the launch of a Python program."""
    script = tmp_path / "agent.py"
    script.write_text(textwrap.dedent(code))
    environ = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"}
    return Launch((sys.executable, str(script)), tmp_path, environ, run, tmp_path / "logs" / "a.log", beat)


def run(launch: Launch, limits: Limits | None = None, **how) -> Outcome:
    with AgentProcess(launch) as process:
        process.open()
        return process.watch(limits or Limits(), **how)


def gone(pid: int, seconds: float = 5) -> bool:
    """Tell whether the process is gone, waiting for the kernel to notice."""
    end = time.monotonic() + seconds
    while host.process_start(pid) is not None and time.monotonic() < end:
        time.sleep(0.01)
    return host.process_start(pid) is None


def appeared(path: Path, seconds: float = 10) -> str:
    end = time.monotonic() + seconds
    while not (path.exists() and path.read_text()) and time.monotonic() < end:
        time.sleep(0.01)
    return path.read_text()


@pytest.mark.parametrize(
    ("limits", "signs", "now", "answer"),
    [
        (Limits(), Signs(0.0), 1e9, None),
        (Limits(start=60), Signs(0.0), 59, None),
        (Limits(start=60), Signs(0.0), 60, "start"),
        (Limits(start=60, silence=600), Signs(0.0, 1, 1), 600, None),
        (Limits(start=60, silence=600), Signs(0.0, 1, 1), 601, "silence"),
        (Limits(silence=600), Signs(5.0), 604, None),
        (Limits(silence=600), Signs(5.0), 605, "silence"),
        (Limits(start=60, silence=600, wall=10), Signs(0.0), 10, "wall"),
        (Limits(start=60, silence=600, wall=10), Signs(0.0, 1, 9.9), 10, "wall"),
    ],
)
def test_each_limit_by_itself_and_the_wall_above_all(limits, signs, now, answer) -> None:
    assert overrun(limits, signs, now) == answer


def test_an_agent_sees_its_world_and_no_more(tmp_path: Path) -> None:
    launch = agent(
        tmp_path,
        """
        import os, sys
        print(sorted(k for k in os.environ if not k.startswith("LC_")))
        print(os.getpgrp() == os.getpid() == os.getsid(0), os.getcwd(), repr(sys.stdin.read()))
        print(os.listdir(os.environ["TMPDIR"]), os.environ["OVN_RUN_ID"])
        print("to stderr", file=sys.stderr)
        sys.exit(3)
        """,
    )
    outcome = run(launch)
    lines = outcome.log.read_text().splitlines()
    assert lines[0] == str(sorted(["OVN_RUN_ID", "PATH", "PYTHONUNBUFFERED", "TEMP", "TMP", "TMPDIR"]))
    assert lines[1:] == [f"True {tmp_path} ''", f"[] {RUN}", "to stderr"]
    assert (outcome.exit_code, outcome.signal, outcome.reason) == (3, None, "exited")
    assert outcome.written == outcome.log.stat().st_size
    assert outcome.seconds < 10


def test_nothing_runs_before_it_is_recorded(tmp_path: Path) -> None:
    launch = agent(tmp_path, "import pathlib; pathlib.Path('ran').touch()")
    with AgentProcess(launch) as process:
        assert process.recorded.process_start == host.process_start(process.pid)
        assert ending.is_alive(process.recorded)
        time.sleep(0.2)
        assert not (tmp_path / "ran").exists()
        process.open()
        assert host.process_start(process.pid) in (process.process_start, None)
        assert process.watch(Limits()).exit_code == 0
    assert (tmp_path / "ran").exists()


def test_a_launch_that_is_given_up_starts_nothing(tmp_path: Path) -> None:
    launch = agent(tmp_path, "import pathlib; pathlib.Path('ran').touch()")
    with AgentProcess(launch) as process:
        pid = process.pid
    assert gone(pid)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("program", "words"), [("/no/such/agent", "was not found"), ("/etc", "permission denied")]
)
def test_a_program_that_cannot_start_is_named(tmp_path: Path, program: str, words: str) -> None:
    launch = Launch((program,), tmp_path, {"PATH": "/usr/bin"}, RUN, tmp_path / "a.log")
    with AgentProcess(launch) as process, pytest.raises(Unhealthy, match=words):
        process.open()


def test_death_by_signal_is_told_from_an_exit(tmp_path: Path) -> None:
    outcome = run(agent(tmp_path, "import os; os.kill(os.getpid(), 9)"))
    assert (outcome.exit_code, outcome.signal, outcome.reason) == (None, 9, "exited")


def test_silence_ends_it(tmp_path: Path) -> None:
    outcome = run(agent(tmp_path, "print('hello'); import time; time.sleep(60)"), Limits(silence=0.3))
    assert (outcome.reason, outcome.signal, outcome.seconds < 5) == ("silence", 2, True)
    assert outcome.recent.startswith(b"hello\n")


def test_output_and_beats_are_signs_of_life(tmp_path: Path) -> None:
    beat = tmp_path / "beat"
    code = """
        import pathlib, time
        for _ in range(8):
            time.sleep(0.1)
            pathlib.Path("beat").touch()
        for _ in range(8):
            time.sleep(0.1)
            print(".", end="")
        """
    outcome = run(agent(tmp_path, code, beat=beat), Limits(start=1.5, silence=0.6))
    assert (outcome.reason, outcome.exit_code) == ("exited", 0)


def test_a_beat_from_before_its_start_is_no_sign(tmp_path: Path) -> None:
    beat = tmp_path / "beat"
    beat.touch()
    os.utime(beat, (time.time() - 100, time.time() - 100))
    outcome = run(agent(tmp_path, "import time; time.sleep(60)", beat=beat), Limits(start=0.4, silence=9))
    assert outcome.reason == "start"


def test_without_a_sign_of_life_the_start_deadline_ends_it(tmp_path: Path) -> None:
    outcome = run(agent(tmp_path, "import time; time.sleep(60)"), Limits(start=0.3))
    assert (outcome.reason, outcome.written < 500) == ("start", True)


def test_wall_time_ends_it_though_it_talks(tmp_path: Path) -> None:
    code = "import time\nwhile True: print('x'); time.sleep(0.01)"
    assert run(agent(tmp_path, code), Limits(start=5, silence=5, wall=0.5)).reason == "wall"


def test_int_then_term_then_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent that ignores what it can is killed; one that listens ends by itself."""
    steps = ((signal.SIGINT, 0.3), (signal.SIGTERM, 0.3), (signal.SIGKILL, 5.0))
    monkeypatch.setattr(ending, "GENTLE", steps)
    code = """
        import signal, time
        def note(number, frame): print(signal.Signals(number).name)
        signal.signal(signal.SIGINT, note); signal.signal(signal.SIGTERM, note)
        print("ready")
        while True: time.sleep(0.05)
        """
    outcome = run(agent(tmp_path, code), Limits(silence=0.5))
    assert outcome.log.read_text().split() == ["ready", "SIGINT", "SIGTERM"]
    assert (outcome.signal, outcome.reason) == (9, "silence")
    code = "import time\nprint('ready')\ntry: time.sleep(60)\nexcept KeyboardInterrupt: print('bye')"
    outcome = run(agent(tmp_path, code), Limits(silence=0.3))
    assert (outcome.exit_code, outcome.log.read_text()) == (0, "ready\nbye\n")


def test_a_wish_ends_it_and_a_second_one_at_once(tmp_path: Path) -> None:
    code = "import signal, time\nsignal.signal(2, 1); signal.signal(15, 1)\nprint('ready')\ntime.sleep(60)"
    calls = 0

    def wish() -> str | None:
        nonlocal calls
        ready = (tmp_path / "logs" / "a.log").read_bytes()
        calls += bool(ready)
        return None if not ready else "stop" if calls < 5 else "now"

    outcome = run(agent(tmp_path, code), wish=wish)
    assert (outcome.reason, outcome.signal, outcome.seconds < 5) == ("stopped", 9, True)


def test_the_group_is_reaped_after_a_normal_end(tmp_path: Path) -> None:
    code = """
        import subprocess, sys
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        print(child.pid)
        """
    outcome = run(agent(tmp_path, code))
    assert (outcome.exit_code, outcome.survivors) == (0, ())
    assert gone(int(outcome.log.read_text()))


DAEMON = """
    import os, sys, time
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            open("daemon", "w").write(str(os.getpid()))
            time.sleep(60)
        os._exit(0)
    os.wait()
    while not os.path.exists("daemon") or not open("daemon").read(): time.sleep(0.01)
    """


def test_a_daemonised_grandchild_is_found_by_its_mark(tmp_path: Path) -> None:
    outcome = run(agent(tmp_path, DAEMON))
    assert (outcome.exit_code, outcome.survivors) == (0, ())
    assert gone(int((tmp_path / "daemon").read_text()))


def test_a_flood_is_capped_and_counted(tmp_path: Path) -> None:
    code = "import sys\nfor _ in range(320): sys.stdout.write('x' * 99_999 + '\\n')\nprint('the end')"
    outcome = run(agent(tmp_path, code))
    assert outcome.written == 320 * 100_000 + 8
    assert outcome.dropped > 15 << 20
    assert outcome.log.stat().st_size < 13 << 20
    assert outcome.recent.endswith(b"the end\n")


def test_its_temporary_folder_goes_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code = "import os; open(os.path.join(os.environ['TMPDIR'], 'x'), 'w'); print(os.environ['TMPDIR'])"
    outcome = run(agent(tmp_path, code))
    folder = Path(outcome.log.read_text().strip())
    assert (folder.parent, folder.exists()) == (tmp_path, False)
    (tmp_path / f"ovn-{RUN}-left").mkdir()
    (tmp_path / "ovn-run-2-other").mkdir()
    sweep_scratch(RUN)
    assert [path.name for path in tmp_path.glob("ovn-*")] == ["ovn-run-2-other"]


SUPERVISOR = """
    import sys
    from pathlib import Path
    sys.path[:0] = {path!r}
    from ovn.runner.process import AgentProcess, Launch, Limits
    launch = Launch(({python!r}, "agent.py"), Path("."), {{"PATH": "/usr/bin:/bin"}}, {run!r}, Path("a.log"))
    with AgentProcess(launch) as process:
        open("recorded", "w").write(f"{{process.pid}} {{process.process_start}}")
        process.open()
        process.watch(Limits())
    """


def supervised(tmp_path: Path, code: str) -> tuple[subprocess.Popen[bytes], ending.Recorded]:
    """Start a supervisor of an agent in a process that can be killed."""
    (tmp_path / "agent.py").write_text(textwrap.dedent(code))
    (tmp_path / "supervisor.py").write_text(
        textwrap.dedent(SUPERVISOR).format(path=sys.path, python=sys.executable, run=RUN)
    )
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen([sys.executable, "supervisor.py"], cwd=tmp_path, env=environ)
    appeared(tmp_path / "ready")
    pid, start = (tmp_path / "recorded").read_text().split()
    return process, ending.Recorded(int(pid), int(pid), start, host.boot_id())


def test_kill_9_of_the_runner_takes_the_agent_with_it(tmp_path: Path) -> None:
    process, recorded = supervised(tmp_path, "open('ready', 'w').write('1'); import time; time.sleep(60)")
    process.kill()
    process.wait()
    assert gone(recorded.pid)
    assert ending.end_marked(RUN, [recorded]) == 0


def test_what_outlives_a_killed_runner_is_ended_by_the_next(tmp_path: Path) -> None:
    code = textwrap.dedent(DAEMON) + "open('ready', 'w').write('1'); time.sleep(60)"
    process, recorded = supervised(tmp_path, code)
    daemon = int((tmp_path / "daemon").read_text())
    process.kill()
    process.wait()
    assert host.process_start(daemon) is not None
    assert ending.end_marked(RUN, [recorded]) >= 1
    assert gone(daemon)
    assert gone(recorded.pid)
    assert ending.end_marked(RUN, [recorded]) == 0
