"""The pages that people follow are run: every block, from top to bottom, as a new user would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str) -> list[str]:
    """Return the shell blocks of a page."""
    return BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))


def newcomer(home: Path) -> dict[str, str]:
    """Return the environment of somebody with an empty home folder, and git-ovn on the PATH."""
    kept = {name: os.environ[name] for name in ("LANG", "TZ") if name in os.environ}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return kept | {"PATH": path, "HOME": str(home), "LC_ALL": "C.UTF-8", "GIT_CONFIG_NOSYSTEM": "1"}


def follow(script: str, home: Path, timeout: float) -> str:
    """Run a page's blocks in one shell that stops at the first failure; return what was printed."""
    done = subprocess.run(
        ["sh", "-eux"], input=script.encode(), cwd=home, env=newcomer(home), capture_output=True,
        timeout=timeout, check=False,
    )  # fmt: skip
    said = done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")
    if done.returncode:
        pytest.fail(f"the page does not work ({done.returncode}):\n{said[-6000:]}")
    return said


@pytest.mark.slow
def test_the_tutorial_works_from_top_to_bottom(tmp_path: Path) -> None:
    """In an empty home folder, with nothing but what the page says."""
    said = follow("\n".join(blocks("docs/tutorial.md")), tmp_path, 240)
    assert "Traceback" not in said


@pytest.mark.slow
def test_the_readme_by_hand_works(tmp_path: Path) -> None:
    """The verbs of 'By hand, without a night', in a repository that the reader has."""
    start = "git init -q -b main r; cd r; mkdir src; echo a > src/a; git add -A\n"
    start += "git -c user.name=y -c user.email=y@z commit -qm a\n"
    by_hand = next(block for block in blocks("README.md") if "before_refactor" in block)
    setup = "git ovn init --project r\n"
    follow(start + setup + by_hand, tmp_path, 120)


RUN_ELSEWHERE = {
    "./dev demo": "CI calls ./dev itself; the demo has its own test",
    "pipx install": "tests/test_wheel.py runs from the wheel",
    "git ovn run --until": "the tutorial runs a whole night",
}
"""First words of the README's blocks that no test here runs, and where they are run."""


def test_every_block_of_the_readme_is_run_somewhere() -> None:
    """A block is run here, or its reason stands in the table."""
    for block in blocks("README.md"):
        known = "before_refactor" in block or any(words in block for words in RUN_ELSEWHERE)
        assert known, block
