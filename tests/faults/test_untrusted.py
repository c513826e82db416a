"""An untrusted repository runs nothing: no program that its files or its configuration name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ovn.cli import verbs

from .hostile import FILTERS, HOOKS, SETTINGS, infest

if TYPE_CHECKING:
    from ..conftest import Repo  # noqa: TID252
    from .conftest import Figures

ROOT = Path(__file__).resolve().parents[2]

BEFORE = (
    *(
        ["status"],
        ["trust", "--show"],
        ["doctor"],
        ["fsck"],
        ["hooks", "status"],
        ["log"],
        ["session", "list"],
    ),
    *(["feature", "add", "A thing", "--verify", "true"], ["feature", "list"], ["feature", "next"]),
    *(["feature", "verify", "1"], ["feature", "export"], ["state", "ls"], ["state", "verify"]),
    *(["checkpoint", "one"], ["list"], ["show", "one"], ["diff", "one"], ["diff", "one", "--stat"]),
    *(
        ["EDIT"],
        ["checkpoint", "two"],
        ["restore", "one"],
        ["undo"],
        ["rollback", "one"],
        ["undo"],
        ["operations"],
    ),
    *(
        ["import", "."],
        ["gc"],
        ["gc", "--dry-run"],
        ["run", "--check"],
        ["run"],
        ["stop"],
        ["merge-back"],
        ["help"],
    ),
    *(
        ["resume", "--explain"],
        ["start", "--no-verify"],
        ["status"],
        ["note", "a"],
        ["ask", "b"],
        ["questions"],
        ["answer", "b", "c"],
        ["signal", "manual", "GO"],
        ["checkpoint", "three"],
        ["resume"],
    ),
    *(
        ["doctor", "--fix"],
        ["hook", "post-commit"],
        ["agent-hook", "claude"],
        ["mcp"],
        ["init"],
        *(["morning"], ["review"], ["explain", "HEAD"], ["watch"], ["serve", "--port", "0", "--until-eof"]),
        ["notify"],
        ["completion", "bash"],
        ["install-man"],
        ["deinit", "--dry-run"],
    ),
)
"""What a person types who has not trusted the repository; EDIT: files change."""

LEFT_OUT = {
    "demo": "makes a repository of its own",
    "handoff": "commits as the user, with the user's hooks",
}


def type_all(repo: Repo, marks: Path) -> dict[str, int]:
    """Run every verb of the list; return those that worked, and fail at the first program run."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = {}
    for line in BEFORE:
        if line == ["EDIT"]:
            repo.write("src/file1.py", "changed\n")
            repo.write("new", "new\n")
            continue
        done = subprocess.run(
            [sys.executable, "-m", "ovn", *line], cwd=repo.path, env=environ, text=True,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        ended[" ".join(line)] = done.returncode
        ran = sorted(path.name for path in marks.iterdir())
        assert ran == [], f"git ovn {' '.join(line)} ran {ran}: {done.stdout}{done.stderr}"
        assert "this is a bug" not in done.stderr, (line, done.stderr)
    return ended


def test_every_verb_is_typed_or_says_why_not() -> None:
    typed = {line[0] for line in BEFORE}
    assert typed - {"EDIT"} | LEFT_OUT.keys() == set(verbs.table())
    assert len(HOOKS) + len(SETTINGS) + len(FILTERS) >= 32


@pytest.mark.slow
@pytest.mark.parametrize("filters", [False, True], ids=["plain", "filters"])
def test_no_verb_runs_a_program_of_an_untrusted_repository(
    home: Repo, tmp_path: Path, filters: bool, figures: Figures
) -> None:
    """With filters on all files most verbs refuse with 17; without, they work."""
    marks = infest(home, tmp_path / "machine", filters=filters)
    ended = type_all(home, marks)
    worked = sum(code == 0 for code in ended.values())
    figures(verbs=len(ended), worked=worked, refused=sum(code == 17 for code in ended.values()))
    assert worked >= (12 if filters else 25), ended
    assert 17 in ended.values()


def test_git_itself_would_run_them(home: Repo, tmp_path: Path) -> None:
    """The programs are well placed: plain git runs many of them."""
    marks = infest(home, tmp_path / "machine", filters=True)
    home.write("src/file1.py", "changed\n")
    anything = range(256)
    for line in (
        "status",
        "diff",
        "add -A",
        "-c commit.gpgSign=false commit -q -m x",
        "log -1 -p --ext-diff",
        "gc -q",
    ):
        home.run(*line.split(), ok=anything)
    home.run("interpret-trailers", "--trailer", "Evil: x", stdin=b"x\n", ok=anything)
    home.run("-c", "commit.gpgSign=true", "commit", "-q", "--allow-empty", "-m", "y", ok=anything)
    assert len(list(marks.iterdir())) >= 10, sorted(path.name for path in marks.iterdir())
