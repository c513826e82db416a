"""``git ovn hooks`` and ``git ovn hook``, as processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ovn import active, names
from ovn.active import Active
from ovn.githooks.install import HOOKS
from ovn.state.journal import Journal

ROOT = str(Path(active.__file__).resolve().parent.parent)
GIT_OVN = [sys.executable, "-m", "ovn.cli.main"]


def call(repo, *args, env=None, ok=0, stdin=""):
    """Run ``git-ovn ARGS`` in a repository; its exit code must be ``ok``."""
    done = subprocess.run(
        [*GIT_OVN, *args],
        cwd=repo.path,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": ROOT, **(env or {})},
    )
    assert done.returncode == ok, done.stderr
    return done


def test_install_status_uninstall(repo):
    assert "pre-push               installed  runs\n" in call(repo, "hooks", "install").stdout
    found = json.loads(call(repo, "hooks", "status", "--json").stdout)
    assert found["works"] is True
    assert [hook["name"] for hook in found["hooks"]] == list(HOOKS)
    assert found["hooks"][0]["path"] == str(repo.git_dir / "hooks" / "pre-commit")
    assert "missing" in call(repo, "hooks", "uninstall").stdout
    assert json.loads(call(repo, "hooks", "status", "--json").stdout)["works"] is False


def test_a_shadowed_folder_is_a_no_with_the_line_to_add(repo, tmp_path):
    repo.git("config", "core.hooksPath", str(tmp_path))
    done = call(repo, "hooks", "install", ok=1)
    assert "shadowed" in done.stdout
    assert f"no hook could be installed in '{tmp_path}'" in done.stderr
    assert 'git ovn hook pre-commit "$@" || exit $?' in done.stderr


@pytest.fixture
def shift(repo):
    """A session at work, with hooks that are run by hand only."""
    call(repo, "hooks", "install")
    call(repo, "hooks", "uninstall")
    call(repo, "hooks", "install")
    local = repo.location.local
    for name in HOOKS:
        (repo.git_dir / "hooks" / name).unlink()
    active.write(local, "main", Active("session-001", kind="run", generation=1))
    journal = Journal(local / names.JOURNAL_FOLDER / "session-001")
    journal.set_generation(1)
    return journal


def test_a_line_in_a_hook_of_one_s_own_runs_ours(repo, shift):
    for name in HOOKS:
        hook = repo.git_dir / "hooks" / name
        hook.write_text(f'#!/bin/sh\n{" ".join(GIT_OVN)} hook {name} "$@" || exit $?\n')
        hook.chmod(0o755)
    env = {"PYTHONPATH": ROOT, "OVN_SESSION": "session-001"}
    repo.git("commit", "-q", "--allow-empty", "-m", "x", env=env)
    assert repo.git("log", "-1", "--format=%(trailers)").strip() == "Ovn-Session: session-001"
    ((_, payload),) = shift.read().records
    assert json.loads(payload)["data"]["bypassed"] is False
    repo.run("commit", "--allow-empty", "-m", "x", env={**env, "OVN_SESSION": "session-002"}, ok=(1,))


def test_the_framework_s_variables_stand_for_arguments_and_stdin(repo, shift):
    framework = {"PRE_COMMIT": "1", "OVN_SESSION": "session-001"}
    call(
        repo, "hook", "post-checkout", env=framework
        | {"PRE_COMMIT_FROM_REF": "a" * 40, "PRE_COMMIT_TO_REF": "b" * 40, "PRE_COMMIT_CHECKOUT_TYPE": "1"},
    )  # fmt: skip
    ((_, payload),) = shift.read().records
    assert json.loads(payload)["data"]["new"] == "b" * 40
    pushed = {
        "PRE_COMMIT_REMOTE_NAME": "origin",
        "PRE_COMMIT_LOCAL_BRANCH": "refs/tags/ovn/s/x",
        "PRE_COMMIT_TO_REF": "b" * 40,
        "PRE_COMMIT_REMOTE_BRANCH": "refs/tags/ovn/s/x",
        "PRE_COMMIT_FROM_REF": "0" * 40,
    }
    done = call(repo, "hook", "pre-push", env=framework | pushed, ok=1)
    assert "would be pushed to 'origin'" in done.stderr


def test_a_hook_that_is_none_is_a_usage_error(repo):
    assert "no such hook 'pre-receive'" in call(repo, "hook", "pre-receive", ok=129).stderr


def test_the_ids_for_the_framework_are_hooks_of_ours():
    import yaml

    from ovn import resources

    found = yaml.safe_load((resources.path("hooks").parent / ".pre-commit-hooks.yaml").read_text())
    assert [entry["entry"] for entry in found] == [
        f"git-ovn hook {name}" for name in HOOKS if name not in ("post-rewrite", "reference-transaction")
    ]
    assert all(entry["stages"] == [entry["entry"].split()[-1]] for entry in found)
