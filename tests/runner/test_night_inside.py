"""Nights held inside of the test's own process: what only happens on a machine in trouble."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ovn import config
from ovn.checks import health
from ovn.checks.health import Finding
from ovn.clock import rfc3339
from ovn.model import records
from ovn.runner import beginning, ground, limits, watcher

if TYPE_CHECKING:
    from ovn.runner.holding import Ended

    from .conftest import Project


def hold(project: Project, cost: float | None = None, **wanted) -> tuple[Ended, list[str]]:
    """Hold a night and return how it ended, and what it said."""
    project.trust()
    said: list[str] = []
    environ = project.environ()
    wish = beginning.Wish(
        ground.Wanted(**wanted),
        limits.NightLimits(max_hours=1, max_cost=cost),
        environ,
        Path(environ["XDG_STATE_HOME"]) / "git-ovn",
        tell=said.append,
        pulse=said.append,
    )
    ended = beginning.hold(project.store, config.load(project.repo.path, {}), wish, lambda found: None)
    return ended, said


def test_a_disk_that_fills_while_the_agent_works_ends_the_night_in_order(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = health.disk_of
    working = project.folder / "working"

    def disk_of(folder: Path, floor: int = health.DISK_FLOOR) -> Finding:
        return Finding("disk", False, "1 MB free") if working.exists() else real(folder, floor)

    monkeypatch.setattr(health, "disk_of", disk_of)
    monkeypatch.setattr(watcher, "DISK_SECONDS", 0.1)
    project.feature("a")
    project.agent("echo half > a.txt; touch ../working; exec sleep 60")
    ended, _ = hold(project)
    assert (ended.run.stop, ended.run.exit_code) == ("disk", 14)
    assert project.store.view().handoff(project.sessions()[0].id) is not None
    assert project.repo.git("show", "HEAD:a.txt") == "half"
    project.check()


def test_a_pulse_is_felt_while_the_agent_works(project: Project) -> None:
    project.feature("a")
    project.agent("sleep 0.5; echo good > a.txt")
    _, said = hold(project)
    assert any(line.startswith("a: attempt 1, ") and line.endswith(" bytes") for line in said)


def test_a_checkpoint_that_fails_is_told_and_survived(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ovn import checkpoints
    from ovn.errors import Locked

    real = checkpoints.take

    def take(store, request, *args, **how):
        if request.kind == "automatic" and (request.text or "").startswith("attempt"):
            raise Locked("somebody holds it")
        return real(store, request, *args, **how)

    monkeypatch.setattr(checkpoints, "take", take)
    project.configure(session={"checkpoint_interval_minutes": 0.002})
    project.feature("a")
    project.agent("sleep 0.6; echo good > a.txt")
    ended, said = hold(project)
    assert ended.run.stop == "all-done"
    assert "no checkpoint this time: somebody holds it" in said


def interrupted(project: Project) -> str:
    """Return the session of a night that was killed before its first agent started."""
    project.run(code=-9, env={"OVN_CRASH_POINT": "run.before_launch"})
    return project.night().sessions[-1]


def record(project: Project, session: str, kind: str, data: object) -> None:
    store = project.store
    store.record(session, records.make(kind, data, at=rfc3339(store.clock.now()), by="runner"))


@pytest.mark.slow
def test_a_session_that_waits_goes_on_when_its_moment_comes(project: Project) -> None:
    from datetime import timedelta

    project.feature("a")
    session = interrupted(project)
    soon = rfc3339(project.store.clock.now() + timedelta(seconds=1))
    record(project, session, "session.state", {"state": "waiting", "until": soon, "why": "a limit"})
    ended, _ = hold(project)
    assert (ended.run.stop, project.statuses()) == ("all-done", {"a": "done"})


def test_the_branch_of_a_dead_night_must_be_checked_out(project: Project) -> None:
    from ovn.errors import NeedsPerson

    project.feature("a")
    interrupted(project)
    branch = project.repo.git("branch", "--show-current")
    project.repo.git("switch", "-q", "main")
    with pytest.raises(NeedsPerson, match=f"the night's branch is '{branch}'"):
        hold(project)
    project.repo.git("switch", "-q", branch)
    ended, _ = hold(project)
    assert ended.run.stop == "all-done"


def test_a_dead_nights_time_that_is_over_begins_anew(project: Project) -> None:
    project.feature("a")
    project.run("--max-hours", "0.00001", code=-9, env={"OVN_CRASH_POINT": "run.after_start"})
    run = project.night().id
    ended, _ = hold(project)
    assert (ended.run.id, ended.run.stop) == (run, "all-done")


@pytest.mark.parametrize(
    ("prepare", "error", "words"),
    [
        (lambda repo: repo.git("switch", "-q", "--detach"), "NeedsPerson", "HEAD is on no branch"),
        (
            lambda repo: repo.git("update-ref", "MERGE_HEAD", "HEAD"),
            "OperationInProgress",
            "a merge is in progress",
        ),
    ],
)
def test_ground_that_is_not_ready_is_refused(project: Project, prepare, error: str, words: str) -> None:
    from ovn import errors

    project.feature("a")
    prepare(project.repo)
    with pytest.raises(getattr(errors, error), match=words):
        hold(project, current=True)
    assert project.store.view().runs() == {}


def test_a_work_tree_must_be_a_new_or_empty_folder(project: Project) -> None:
    from ovn.errors import Refused

    project.feature("a")
    (project.folder / "full").mkdir()
    (project.folder / "full" / "mine").touch()
    with pytest.raises(Refused, match="is not empty"):
        hold(project, worktree=str(project.folder / "full"))
    project.repo.git("worktree", "add", "-q", str(project.folder / "there"), "-b", "there")
    with pytest.raises(Refused, match="is a work tree already"):
        hold(project, worktree=str(project.folder / "there"))
    assert [path.name for path in (project.folder / "full").iterdir()] == ["mine"]


def test_the_budget_ends_an_attempt_that_is_still_at_work(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Warned of at 80 %, ended at 100 %, both recorded; what was done is kept."""
    monkeypatch.setattr(watcher, "LOOK_SECONDS", 0.05)
    project.feature("a")
    project.agent(
        'echo half > a.txt; echo 850 > "$OVN_COST_FILE"; sleep 0.5; echo 1000 > "$OVN_COST_FILE"\n'
        "exec sleep 60"
    )
    ended, said = hold(project, cost=1000.0)
    assert (ended.run.stop, ended.run.exit_code, ended.run.cost_usd) == ("max-cost", 20, 1000.0)
    assert [one.what for one in ended.run.watch] == ["max-cost-near", "max-cost"]
    assert "a: 850.00 of 1000.00 USD are spent" in said
    assert project.repo.git("show", "HEAD:a.txt") == "half"
    project.check()
