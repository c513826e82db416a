"""What an agent writes for git to run does not run in the runner, and is put back."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ovn.errors import NeedsPerson
from ovn.git import surfaces
from ovn.runner.guarding import Guard

from ..faults.hostile import HOOKS, SETTINGS  # noqa: TID252

if TYPE_CHECKING:
    from .conftest import Project


def planted(project: Project) -> tuple[Path, Path]:
    """Return a folder with a hook of each name and a configuration, and where they leave their marks."""
    folder, marks = project.folder / "planted", project.folder / "marks"
    (folder / "hooks").mkdir(parents=True)
    marks.mkdir()

    def program(name: str, path: Path) -> str:
        path.write_text(f"#!/bin/sh\n: > {marks}/{name}\nexit 0\n")
        path.chmod(0o755)
        return str(path)

    for hook in HOOKS:
        program(f"hook-{hook}", folder / "hooks" / hook)
    lines = []
    for key, name in SETTINGS.items():
        section, _, rest = key.partition(".")
        sub, _, last = rest.rpartition(".")
        head = f'[{section} "{sub}"]' if sub else f"[{section}]"
        bang = "!" if name.startswith("!") else ""
        value = bang + program(name.strip("!"), folder / name.strip("!"))
        lines.append(f"{head}\n\t{last} = {value}\n")
    lines.append("[commit]\n\tgpgSign = true\n")
    (folder / "config").write_text("".join(lines))
    return folder, marks


def test_nothing_that_an_agent_planted_runs_in_the_runner(project: Project) -> None:
    """Every hook and every setting that names a program, written last, so that only we could run them."""
    folder, marks = planted(project)
    hooks = project.repo.git_dir / "hooks"
    before = project.repo.git("config", "--local", "--list"), sorted(path.name for path in hooks.iterdir())
    for name in ("a", "b"):
        project.feature(name)
    project.agent(f"echo good > $1.txt\ncp {folder}/hooks/* .git/hooks/\ncat {folder}/config >> .git/config")
    out = project.run()
    assert sorted(path.name for path in marks.iterdir()) == []
    assert project.statuses() == {"a": "done", "b": "done"}
    after = project.repo.git("config", "--local", "--list"), sorted(path.name for path in hooks.iterdir())
    assert after == before
    seen = [one.text for one in project.night().watch if one.what == "surface"]
    assert len(seen) >= 2 * (len(HOOKS) + len(SETTINGS))
    assert "the agent changed what git runs here: 'hooks/pre-commit'; it is put back" in out
    kept = project.repo.git_dir / "ovn" / "aside" / f"surfaces-{project.night().id}"
    assert (kept / "pre-commit").exists()
    project.check()


def test_the_planted_programs_would_run_without_the_guard(project: Project) -> None:
    folder, marks = planted(project)
    for hook in (folder / "hooks").iterdir():
        (project.repo.git_dir / "hooks" / hook.name).write_bytes(hook.read_bytes())
        (project.repo.git_dir / "hooks" / hook.name).chmod(0o755)
    project.repo.write("x", "x\n")
    project.repo.run("add", "x")
    project.repo.run("commit", "-q", "-m", "x", ok=range(256))
    assert (marks / "hook-pre-commit").exists()


@pytest.mark.slow
def test_what_a_killed_night_left_planted_does_not_run_in_the_next(project: Project) -> None:
    folder, marks = planted(project)
    project.feature("a")
    project.agent(f"echo good > $1.txt\ncp {folder}/hooks/* .git/hooks/")
    project.run(code=-9, env={"OVN_CRASH_POINT": "run.after_agent"})
    assert (project.repo.git_dir / "hooks" / "pre-commit").exists()
    assert remembered(project) == set(project.store.view().runs()) != set()
    project.agent("echo good > $1.txt")
    project.run()
    assert sorted(path.name for path in marks.iterdir()) == []
    assert project.statuses() == {"a": "done"}
    assert remembered(project) == set()


def remembered(project: Project) -> set[str]:
    """Return the nights of this project that the machine knows how to put back: other tests have theirs."""
    nights = Path(os.environ["XDG_STATE_HOME"]) / "git-ovn" / "nights"
    return {file.stem for file in nights.iterdir()} & set(project.store.view().runs())


def test_a_hook_in_the_work_tree_is_no_commit_of_ours(project: Project) -> None:
    """Where core.hooksPath leads into the work, its change fails the attempt and goes with it."""
    marks = project.folder / "marks"
    marks.mkdir()
    project.repo.write(".husky/pre-commit", "#!/bin/sh\nexit 0\n", executable=True)
    project.repo.git("config", "core.hooksPath", ".husky")
    project.repo.commit("hooks of the project")
    project.configure(budget={"max_attempts_per_feature": 2})
    project.feature("a")
    project.agent(f"echo good > $1.txt; printf '#!/bin/sh\\n: > {marks}/ran\\n' > .husky/pre-commit")
    project.run(code=15)
    assert not (marks / "ran").exists()
    assert project.statuses() == {"a": "blocked"}
    assert "it changed a hook of git, '.husky/pre-commit'" in (project.one("a").reason or "")
    assert project.repo.read(".husky/pre-commit") == b"#!/bin/sh\nexit 0\n"


# -- the parts ---------------------------------------------------------------------------


@pytest.fixture
def guard(repo, tmp_path: Path) -> Guard:
    (repo.git_dir / "hooks").mkdir(exist_ok=True)
    (repo.git_dir / "hooks" / "pre-commit").write_text("#!/bin/sh\nexit 0\n")
    (repo.git_dir / "hooks" / "pre-commit").chmod(0o755)
    return Guard(repo.location, tmp_path / "home", "run-1")


def test_a_link_in_a_hooks_place_is_replaced_and_never_followed(repo, tmp_path: Path, guard: Guard) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine\n")
    hook = repo.git_dir / "hooks" / "pre-commit"
    hook.unlink()
    hook.symlink_to(outside)
    (repo.git_dir / "hooks" / "post-commit").symlink_to(outside)
    assert guard.mend() == ["hooks/post-commit", "hooks/pre-commit"]
    assert (hook.is_symlink(), hook.read_text(), outside.read_text()) == (
        False,
        "#!/bin/sh\nexit 0\n",
        "mine\n",
    )
    assert os.access(hook, os.X_OK)
    assert guard.mend() == []


def test_a_hooks_folder_that_became_a_link_is_a_folder_again(repo, tmp_path: Path, guard: Guard) -> None:
    elsewhere = tmp_path / "elsewhere"
    (repo.git_dir / "hooks").rename(elsewhere)
    (elsewhere / "pre-push").write_text("#!/bin/sh\n")
    (repo.git_dir / "hooks").symlink_to(elsewhere)
    assert guard.mend() != []
    assert [path.name for path in (repo.git_dir / "hooks").iterdir() if path.suffix != ".sample"] == [
        "pre-commit"
    ]
    assert not (repo.git_dir / "hooks").is_symlink()


def test_settings_that_name_no_program_stay_as_they_are(repo, guard: Guard) -> None:
    repo.git("config", "user.signingKey", "none")
    repo.git("config", "branch.main.remote", "origin")
    assert guard.mend() == []
    repo.git("config", "core.editor", "evil")
    repo.git("config", "remote.origin.url", "somewhere")
    assert guard.mend() == ["core.editor"]
    assert repo.git("config", "branch.main.remote") == "origin"
    assert repo.git("config", "remote.origin.url") == "somewhere"


def test_a_setting_with_several_values_gets_them_all_back(repo, tmp_path: Path) -> None:
    repo.git("config", "--add", "credential.helper", "")
    repo.git("config", "--add", "credential.helper", "store")
    guard = Guard(repo.location, tmp_path / "home", "run-1")
    repo.git("config", "--replace-all", "credential.helper", "evil")
    assert guard.mend() == ["credential.helper"]
    assert repo.git("config", "--get-all", "credential.helper") == "\nstore"


def test_a_configuration_that_git_cannot_read_needs_a_person(repo, guard: Guard) -> None:
    with (repo.git_dir / "config").open("a") as file:
        file.write("[broken\n")
    with pytest.raises(NeedsPerson, match="cannot be put back"):
        guard.mend()


def test_what_cannot_be_put_back_needs_a_person(repo, tmp_path: Path) -> None:
    more = tmp_path / "more"
    more.write_text("[user]\n\tname = A\n")
    repo.git("config", "include.path", str(more))
    guard = Guard(repo.location, tmp_path / "home", "run-1")
    more.write_text("[core]\n\tfsmonitor = /tmp/evil\n")
    with pytest.raises(NeedsPerson, match=r"cannot be put back: core\.fsmonitor"):
        guard.mend()


def test_what_was_kept_outlives_the_runner_and_not_the_night(repo, tmp_path: Path, guard: Guard) -> None:
    (repo.git_dir / "hooks" / "pre-push").write_text("#!/bin/sh\n")
    again = Guard(repo.location, tmp_path / "home", "run-1")
    assert again.mend() == ["hooks/pre-push"]
    file = tmp_path / "home" / "nights" / "run-1.json"
    assert base64.b64encode(b"#!/bin/sh\nexit 0\n").decode() in json.dumps(json.loads(file.read_text()))
    again.forget()
    assert not file.exists()


@pytest.mark.parametrize("key", sorted(SETTINGS))
def test_each_setting_that_starts_a_program_is_known_as_one(key: str) -> None:
    section, _, rest = key.partition(".")
    sub, _, last = rest.rpartition(".")
    listed = ".".join(filter(None, [section.lower(), sub, last.lower()]))
    assert surfaces.PROGRAMS.match(listed), listed


@pytest.mark.parametrize("key", ["user.name", "core.bare", "remote.origin.url", "branch.main.merge"])
def test_what_starts_nothing_is_not(key: str) -> None:
    assert not surfaces.PROGRAMS.match(key)
