"""``./dev bench [NAME [ARGUMENT]...]``: one benchmark, or all of them; each is a command of its own."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench._figures import KEEP

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "benchmarks.md"

PAGE_TEXT = """# Benchmarks

Written by `./dev bench --write` from one run; do not edit. `x` is a ratio of two things measured by
turns in that run. `./dev bench NAME` measures one of them again.

{day}: {machine}, {versions}; load {load:.1f} over five minutes (above the number of processors others
were at work, and seconds say little).

| what | measured | at most | |
|---|---|---|---|
{rows}
"""


def main(args: list[str]) -> int:
    """Run the named benchmark with the rest of the arguments, else each; 1 when one missed a target.

    With ``--write`` each, and the page ``docs/benchmarks.md`` is made of what they found.
    """
    known = sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))
    if args == ["--write"]:
        with tempfile.TemporaryDirectory(prefix="ovn-bench-") as folder:
            kept = Path(folder) / "figures"
            code = run_all(known, [], {KEEP: str(kept)})
            PAGE.write_text(page([json.loads(line) for line in kept.read_text().splitlines()]), "utf-8")
        return code
    if args and args[0] not in known:
        print(f"error: no benchmark '{args[0]}'\nhint: there are {', '.join(known)}", file=sys.stderr)
        return 129
    return run_all(args[:1] or known, args[1:], {})


def run_all(names: list[str], rest: list[str], extra: dict[str, str]) -> int:
    """Run benchmarks one after the other, each as a process of its own."""
    codes = []
    for name in names:
        print(f"-- {name}", flush=True)
        command = [sys.executable, "-m", f"bench.{name}", *rest]
        codes.append(subprocess.run(command, cwd=HERE.parent, env=os.environ | extra, check=False).returncode)
    return int(any(codes))


def page(figures: list[dict[str, Any]]) -> str:
    """Return the page about one run: the machine, the versions, each figure and its target."""
    git = subprocess.check_output(["git", "version"], text=True).split()[2]
    rows = [
        f"| {one['what']} | {one['value']:.2f} {one['unit']} | {one['target']:g} "
        f"| {'**missed**' if one['value'] > one['target'] else 'met'} |"
        for one in figures
    ]
    return PAGE_TEXT.format(
        day=f"{date.today():%-d %B %Y}",  # noqa: DTZ011
        machine=f"{os.cpu_count()} processors, {platform.machine()}, Linux {platform.release()}",
        versions=f"Python {platform.python_version()}, git {git}, "
        f"pygit2 {version('pygit2')}, click {version('click')}",
        load=os.getloadavg()[1],
        rows="\n".join(rows),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
