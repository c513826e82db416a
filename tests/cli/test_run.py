"""``git ovn run --check``, ``--detach`` and ``git ovn stop``, as a person types them."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

SPEC = importlib.util.spec_from_file_location(
    "nights", Path(__file__).parent.parent / "runner" / "conftest.py"
)
assert SPEC is not None
assert SPEC.loader is not None
nights = importlib.util.module_from_spec(SPEC)
sys.modules["nights"] = nights
SPEC.loader.exec_module(nights)
project = nights.project
wait_for = nights.wait_for


def verb(project, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ovn.cli.main", *words],
        cwd=project.repo.path,
        env=project.environ(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )


def hooked(project):
    from ovn.githooks import install

    install.install(project.repo.location)


# -- --check ---------------------------------------------------------------------------


def test_check_answers_every_question_in_one_line_and_begins_nothing(project) -> None:
    hooked(project)
    project.configure(commands={"baseline": "true", "health": ["true"]})
    project.feature("a")
    project.trust()
    started = time.monotonic()
    done = verb(project, "run", "--check")
    assert done.returncode == 0, done.stdout
    names = [line.split()[1] for line in done.stdout.splitlines()]
    assert names == [
        "trust",
        "runner",
        "work",
        "features",
        "hooks",
        "sleep",
        "telling",
        "disk",
        "git",
        "identity",
        "health",
        "agent",
        "baseline",
        "verify",
    ]
    assert all(line.startswith("ok") for line in done.stdout.splitlines())
    assert "a: runs, red, as it should be" in done.stdout
    assert time.monotonic() - started < 60
    assert (project.store.view().runs(), project.repo.git("branch", "--show-current")) == ({}, "main")


@pytest.mark.measured
def test_check_names_everything_that_will_not_work(project) -> None:
    project.configure(
        agent={"argv": ["/no/agent"]}, commands={"baseline": "exit 3", "health": ["echo no db; exit 1"]}
    )
    project.feature("a", verify="no-such-program")
    project.trust()
    project.repo.write("loose", "x")
    done = verb(project, "run", "--check", "--json")
    assert done.returncode == 14
    found = json.loads(done.stdout)
    wrong = {one["name"]: one["text"] for one in found["findings"] if not one["ok"]}
    assert found["ok"] is False
    assert sorted(wrong) == ["agent", "baseline", "health", "hooks", "verify", "work tree"]
    assert "'/no/agent' does not exist" in wrong["agent"]
    assert "gave 1: no db" in wrong["health"]


def test_check_runs_nothing_that_is_not_trusted(project) -> None:
    project.configure(commands={"health": ["touch ../ran"]})
    project.feature("a", verify="touch ../ran")
    done = verb(project, "run", "--check")
    assert done.returncode == 17
    assert "FAIL trust" in done.stdout
    assert not (project.folder / "ran").exists()


def test_a_slow_command_has_started_which_is_what_check_asks(project, monkeypatch) -> None:
    from ovn import config
    from ovn.runner import check, ground, limits
    from ovn.runner.beginning import Wish

    monkeypatch.setattr(check, "VERIFY_SECONDS", 0.3)
    monkeypatch.setattr(check, "BASELINE_SECONDS", 0.3)
    project.configure(commands={"baseline": "sleep 30"})
    project.feature("a", verify="sleep 30")
    project.trust()
    environ = project.environ()
    wish = Wish(ground.Wanted(), limits.NightLimits(), environ, Path(environ["XDG_STATE_HOME"]) / "git-ovn")
    found = list(check.look(project.store, config.load(project.repo.path, {}), wish))
    texts = {one.name: one.text for one in found if one.ok}
    assert texts["verify"] == "a: runs, longer than 0 s"
    assert texts["baseline"] == "runs, longer than 0 s"
    assert project.store.view().baselines() == {}


# -- --detach and stop -----------------------------------------------------------------


@pytest.mark.measured
def test_a_detached_night_outlives_its_caller_and_is_stopped_from_another_terminal(project) -> None:
    project.feature("a")
    project.agent("echo half > a.txt; echo $$ > ../agent.pid; exec sleep 60")
    project.trust()
    done = verb(project, "run", "--detach")
    assert done.returncode == 0, done.stderr
    run = project.night().id
    assert f"run {run} begins on branch 'night/{run}'" in done.stdout
    log = Path(done.stderr.split("'")[1])
    wait_for(project.folder / "agent.pid")
    assert project.night().state == "running"
    ended = verb(project, "stop")
    assert (ended.returncode, ended.stdout) == (0, f"run {run} ended\n")
    night = project.night()
    assert (night.state, night.stop, night.exit_code) == ("ended", "stopped", 130)
    assert "stopped by a person" in log.read_text()
    assert verb(project, "stop").returncode == 1
    project.check()


def test_stop_now_kills_an_agent_that_would_not_end(project) -> None:
    project.feature("a")
    project.agent("trap '' INT TERM; echo $$ > ../agent.pid; while :; do sleep 0.05; done")
    process = project.begin()
    wait_for(project.folder / "agent.pid")
    started = time.monotonic()
    done = verb(project, "stop", "--now", "--json")
    assert json.loads(done.stdout)["ended"] is True
    assert time.monotonic() - started < 10
    assert process.wait(timeout=10) == 130
    project.check()


def test_a_detached_night_that_cannot_begin_says_so_to_its_caller(project) -> None:
    project.feature("a")
    project.repo.write("loose", "x")
    project.trust()
    done = verb(project, "run", "--detach")
    assert done.returncode == 1
    assert "error: there is uncommitted work" in done.stdout


def test_stop_without_a_night_is_a_no(project) -> None:
    done = verb(project, "stop")
    assert (done.returncode, done.stderr) == (1, "error: no night is running in this repository\n")


def test_a_reader_that_went_away_does_not_end_the_night(project) -> None:
    project.feature("a")
    project.trust()
    line = " ".join(project.words()) + " | head -n 1"
    subprocess.run(
        ["sh", "-c", line],
        cwd=project.repo.path,
        env=project.environ(),
        stdin=subprocess.DEVNULL,
        check=False,
    )
    deadline = time.monotonic() + 30
    while project.night().state == "running" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert project.statuses() == {"a": "done"}


@pytest.mark.parametrize("option", [["--max-hours", "0"], ["--max-sessions", "0"], ["--max-cost", "-1"]])
def test_limits_must_leave_something(project, option: list[str]) -> None:
    assert verb(project, "run", *option).returncode == 129
