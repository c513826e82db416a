"""The examples in ``docs/deploy/``: checked by systemd itself, and run as cron and systemd would run them."""

from __future__ import annotations

import configparser
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .runner.conftest import project  # noqa: F401

if TYPE_CHECKING:
    from .runner.conftest import Project

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "deploy"
BIN = Path(sys.executable).parent


def unit(name: str) -> configparser.ConfigParser:
    """Return a unit's sections; of a key that is given twice the last one."""
    parsed = configparser.ConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment]
    parsed.read_string((FOLDER / name).read_text())
    return parsed


@pytest.mark.parametrize("name", ["git-ovn@.service", "git-ovn@.timer"])
def test_systemd_has_nothing_to_complain_of(name, tmp_path):
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze on this machine")
    for one in FOLDER.glob("git-ovn@*"):
        shutil.copy(one, tmp_path)
    made = tmp_path / name.replace("@.", "@tmp.")
    made.symlink_to(name)
    done = subprocess.run(
        [analyze, "--user", "--man=no", "verify", str(made)],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if "Failed to initialize manager" in done.stderr:
        pytest.skip(f"systemd-analyze cannot work here: {done.stderr.strip()}")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_agrees_with_the_exit_codes_of_a_night():
    from ovn.runner.stop import REASONS

    service = unit("git-ovn@.service")["Service"]
    fine = {int(code) for code in service["SuccessExitStatus"].split()}
    assert fine == {REASONS["until"].exit_code, REASONS["stopped"].exit_code}
    assert service["Restart"] == "on-abnormal"
    assert (service["Type"], service["WatchdogSec"]) == ("notify", "5min")


@pytest.fixture
def home(project: Project, tmp_path):  # noqa: F811
    """A home as a person's: the project in it, git-ovn in .local/bin, and what is trusted."""
    project.feature("a")
    project.trust()
    home = tmp_path / "home"
    (home / ".local" / "bin").mkdir(parents=True)
    (home / ".local" / "bin" / "git-ovn").symlink_to(BIN / "git-ovn")
    (home / "project").symlink_to(project.repo.path)
    kept = {name: os.environ[name] for name in ("XDG_STATE_HOME", "GIT_CONFIG_GLOBAL", "TZ")}
    return {**kept, "HOME": str(home), "LOGNAME": "me", "SHELL": "/bin/sh"}


def test_the_cron_line_works_in_crons_own_environment(project: Project, home):  # noqa: F811
    (line,) = [one for one in (FOLDER / "crontab").read_text().splitlines() if not one.startswith("#")]
    *when, command = line.split(None, 5)
    assert when == ["0", "22", "*", "*", "*"]
    assert "%" not in command, "cron takes it for the end of the line"
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        env={**home, "PATH": "/usr/bin:/bin"},
        cwd=home["HOME"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, project.statuses()) == (0, {"a": "done"}), done.stdout + done.stderr


def test_the_units_command_works_in_the_units_own_environment(project: Project, home):  # noqa: F811
    service = unit("git-ovn@.service")["Service"]
    name, _, path = service["Environment"].partition("=")
    done = subprocess.run(
        shlex.split(service["ExecStart"]),
        env={**home, name: path.replace("%h", home["HOME"])},
        cwd=project.repo.path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, project.statuses()) == (0, {"a": "done"}), done.stdout + done.stderr
