"""``./dev bench [NAME [ARGUMENT]...]``: one benchmark, or all of them; each is a command of its own."""

from __future__ import annotations

import json
import os
import platform
import re
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
WHOLE = {"steps": ["--all"]}
"""What a benchmark is asked for where its figures are written down: more than a developer waits for."""

HEAD = """# Benchmarks

Written by `./dev bench --write [NAME]...`; do not edit. `x` is a ratio of two things measured by turns
in one run. `./dev bench NAME` measures one of the sections again. Above a load of one for each
processor others were at work too, and seconds say little.
"""

SECTION = """## {name}

{day}: {machine}, {versions}; load {load:.1f}.

| what | measured | at most | |
|---|---|---|---|
{rows}
"""


def main(args: list[str]) -> int:
    """Run the named benchmark with the rest of the arguments, else each; 1 when one missed a target.

    With ``--write`` the named ones, or each, and their sections of ``docs/benchmarks.md`` are made
    of what they found.
    """
    known = sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))
    write, names = args[:1] == ["--write"], args[1:] if args[:1] == ["--write"] else args[:1]
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"error: no benchmark '{unknown[0]}'\nhint: there are {', '.join(known)}", file=sys.stderr)
        return 129
    if write:
        return max([written(name) for name in names or known])
    return max([run(name, args[1:], {}) for name in names or known])


def run(name: str, rest: list[str], extra: dict[str, str]) -> int:
    """Run a benchmark as a process of its own and return its exit code."""
    print(f"-- {name}", flush=True)
    command = [sys.executable, "-m", f"bench.{name}", *rest]
    return subprocess.run(command, cwd=HERE.parent, env=os.environ | extra, check=False).returncode


def written(name: str) -> int:
    """Run a benchmark and write its section of the page; return its exit code."""
    with tempfile.TemporaryDirectory(prefix="ovn-bench-") as folder:
        kept = Path(folder) / "figures"
        code = run(name, WHOLE.get(name, []), {KEEP: str(kept)})
        if kept.exists():
            text = PAGE.read_text("utf-8") if PAGE.exists() else ""
            found = [json.loads(line) for line in kept.read_text("utf-8").splitlines()]
            PAGE.write_text(page(text, name, section(name, found)), "utf-8")
    return code


def page(before: str, name: str, text: str) -> str:
    """Return the page with one section exchanged; sections are sorted by name."""
    sections = {
        one.split("\n", 1)[0]: f"## {one}" for one in re.split(r"^## ", before, flags=re.MULTILINE)[1:]
    }
    sections[name] = text
    return "\n".join([HEAD, *(sections[one].rstrip() + "\n" for one in sorted(sections))])


def section(name: str, found: list[dict[str, Any]]) -> str:
    """Return the section about one run: the machine, the versions, each figure and its target, notes."""
    git = subprocess.check_output(["git", "version"], text=True).split()[2]
    rows = [
        f"| {one['what']} | {one['value']:.2f} {one['unit']} | {one['target']:g} "
        f"| {'**missed**' if one['value'] > one['target'] else 'met'} |"
        for one in found
        if "what" in one
    ]
    notes = [f"- {one['note']}" for one in found if "note" in one]
    text = SECTION.format(
        name=name,
        day=f"{date.today():%-d %B %Y}",  # noqa: DTZ011
        machine=f"{os.cpu_count()} processors, {platform.machine()}, Linux {platform.release()}",
        versions=f"Python {platform.python_version()}, git {git}, "
        f"pygit2 {version('pygit2')}, click {version('click')}",
        load=os.getloadavg()[1],
        rows="\n".join(rows),
    )
    return text + ("\n" + "\n".join(notes) + "\n" if notes else "")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
