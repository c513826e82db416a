"""A whole ``git ovn checkpoint`` against plain git on a copied index, in repositories of many files.

    ./dev bench checkpoint [FILES...]

10 files changed and 3 new before each. Plain git is ``cp index``, ``add -A``, ``write-tree``,
``commit-tree``, ``tag``: five processes by a shell. The start-up of ``python -c 'import click,
pygit2, yaml'`` is measured beside it and subtracted in the first ratio only. The three take
turns; the ratios are of medians.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench._figures import Figure, judge
from ovn.git.locate import locate
from ovn.state.store import StateStore

TARGETS = {20_000: (1.3, 1.8), 100_000: (1.25, 1.4)}
ROUNDS = 9
PLAIN = """
set -e
cp -p .git/index .git/private
export GIT_INDEX_FILE=.git/private
git add -A
tree=$(git write-tree)
commit=$(git commit-tree -p HEAD -m checkpoint "$tree")
git tag -m checkpoint "plain-$1" "$commit"
"""
IMPORTS = "import click, pygit2, yaml"


def main(sizes: list[int]) -> int:
    """Print the ratios for each size; return 1 when a target is missed."""
    missed = 0
    for files in sizes:
        with tempfile.TemporaryDirectory(prefix="ovn-bench-") as folder:
            top = build(Path(folder) / "repo", files)
            missed += report(files, rounds(top, files))
    return int(missed > 0)


def build(top: Path, files: int) -> Path:
    """Return a repository of that many small files in folders of a hundred, with a state branch."""
    for number in range(files):
        where = top / f"d{number // 10_000}" / f"e{number // 100 % 100}"
        if number % 100 == 0:
            where.mkdir(parents=True, exist_ok=True)
        (where / f"f{number % 100}.txt").write_text(f"file {number}\n" * 5, encoding="ascii")
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "first"]):
        subprocess.run(["git", *command], cwd=top, env=environment(), check=True)
    StateStore.open(locate(top)).init("bench")
    return top


def environment() -> dict[str, str]:
    """Return an environment with an identity and nobody's configuration."""
    who = {
        f"GIT_{role}_{what}": f"bench@{role}"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**plain, **who, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


def rounds(top: Path, files: int) -> dict[str, list[float]]:
    """Return the seconds of each way, by turns."""
    ovn = [sys.executable, "-m", "ovn", "checkpoint"]
    ways = {
        "plain git": ["sh", "-c", PLAIN, "sh"],
        "git ovn": ovn,
        "imports": [sys.executable, "-c", IMPORTS],
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(ROUNDS + 1):
        for name, command in ways.items():
            change(top, files, f"{turn} {name}")
            seconds = clock([*command, str(turn)] if name == "plain git" else command, top)
            if turn:  # the first one warms the caches
                times[name].append(seconds)
    return times


def change(top: Path, files: int, text: str) -> None:
    """Change ten files and make three new ones."""
    step = files // 10
    for number in range(0, files, step):
        path = top / f"d{number // 10_000}" / f"e{number // 100 % 100}" / f"f{number % 100}.txt"
        path.write_text(f"changed {text} {number}\n", encoding="ascii")
    for number in range(3):
        (top / f"new-{text.replace(' ', '-')}-{number}").write_text(text, encoding="ascii")


def clock(command: list[str], top: Path) -> float:
    """Return how long the command took."""
    started = time.perf_counter()
    subprocess.run(command, cwd=top, env=environment(), check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def report(files: int, times: dict[str, list[float]]) -> int:
    """Print the figures of one size; return 1 when a target is missed."""
    plain, ovn, imports = (statistics.median(times[name]) for name in ("plain git", "git ovn", "imports"))
    ratios = ((ovn - imports) / plain, ovn / plain)
    print(f"{files} files: plain git {plain:.3f} s, git ovn {ovn:.3f} s, imports {imports:.3f} s")
    targets = TARGETS.get(files, (float("inf"), float("inf")))
    ways = (f"checkpoint of {files:,} files, {way} / plain git" for way in ("less the imports", "whole"))
    return judge(map(Figure, ways, ratios, targets))


if __name__ == "__main__":
    sys.exit(main([int(size) for size in sys.argv[1:]] or list(TARGETS)))
