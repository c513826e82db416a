"""What the agents' hooks cost a tool call: milliseconds more, from one run.

    ./dev bench agenthooks [ROUNDS]

A CLI runs two hooks around each tool, ``PreToolUse`` and ``PostToolUse``, each by a shell. With
hooks and without take turns, so that a machine which grows slow is slow for both; the tool itself
is ``true``. The processors' time says what the hooks take whatever else the machine does.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench._figures import Figure, judge
from bench.hooks import SESSION, in_session
from ovn import names
from ovn.agents import ours

PER_TOOL_CALL = 60.0
STARTS = 2.0
"""Each hook is a shell and a Python; what the rules themselves take is the rest."""

CLIS = ("claude", "codex", "gemini")
EVENTS = {"gemini": ("BeforeTool", "AfterTool")}
TOOL = {
    "tool_name": "Bash",
    "tool_input": {"command": "git status --short && pytest -q tests/test_parser.py"},
}


def main(rounds: int) -> int:
    """Print one line per figure; return 1 when a target is missed."""
    with tempfile.TemporaryDirectory(prefix="ovn-bench-") as folder:
        top = in_session(Path(folder) / "work", 0).top
        environ = environment(Path(folder))
        found = {cli: turns(cli, top, environ, rounds) for cli in CLIS}
    print(f"{rounds} tool calls each, with the hooks and without: median of the differences")
    figures = []
    for cli, (wall, cpu, bare) in found.items():
        figures.append(Figure(f"two hooks of a tool call, {cli}", wall, PER_TOOL_CALL, "ms"))
        figures.append(Figure(f"two hooks of a tool call, {cli}, CPU", cpu, PER_TOOL_CALL, "ms"))
        figures.append(Figure(f"the same against two Pythons that do nothing, {cli}", cpu / bare, STARTS))
    return judge(figures)


def environment(folder: Path) -> dict[str, str]:
    """Return what the runner gives an agent, as far as hooks look at it."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "OVN_"))}
    attempt = folder / "attempt"
    attempt.mkdir()
    (attempt / "prompt.md").write_text("what you need to know\n", encoding="utf-8")
    own = {names.ENV_SESSION: SESSION, names.ENV_HOOKS: str(attempt / ours.HOOKS_FILE)}
    return {**plain, **own, names.ENV_CONTEXT: str(attempt / "prompt.md")}


def turns(cli: str, top: Path, environ: dict[str, str], rounds: int) -> tuple[float, float, float]:
    """Return medians of milliseconds: what hooks add to a call, by the wall and of the CPU; two Pythons."""
    before, after = EVENTS.get(cli, ("PreToolUse", "PostToolUse"))
    said = [json.dumps({"cwd": str(top), "hook_event_name": name, **TOOL}) for name in (before, after)]
    line = ours.hook_line(cli)
    wall, cpu, bare = [], [], []
    for number in range(rounds + 1):
        off = timed(lambda: tool(top, environ))
        on = timed(lambda: hooked(line, said, top, environ))
        twice = timed(start_python)[1] + timed(start_python)[1]
        if number:  # the first one fills caches
            wall.append(1e3 * (on[0] - off[0]))
            cpu.append(1e3 * (on[1] - off[1]))
            bare.append(1e3 * twice)
    return statistics.median(wall), statistics.median(cpu), statistics.median(bare)


def start_python() -> None:
    """Start a Python as a hook does, to do nothing."""
    subprocess.run([sys.executable, "-I", "-S", "-c", "pass"], check=True)


def timed(work: object) -> tuple[float, float]:
    """Return the seconds that it took, and those of the CPU of its children."""
    began, used = time.perf_counter(), children()
    work()  # type: ignore[operator]
    return time.perf_counter() - began, children() - used


def children() -> float:
    """Return the CPU seconds of the children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def tool(top: Path, environ: dict[str, str]) -> None:
    """Run the tool itself."""
    subprocess.run(["true"], cwd=top, env=environ, check=True)


def hooked(line: str, said: list[str], top: Path, environ: dict[str, str]) -> None:
    """Run the tool between its two hooks, as a CLI does."""
    hook(line, said[0], top, environ)
    tool(top, environ)
    hook(line, said[1], top, environ)


def hook(line: str, said: str, top: Path, environ: dict[str, str]) -> None:
    """Run one hook: a shell's line, with the event on its stdin."""
    done = subprocess.run(
        ["sh", "-c", line], cwd=top, env=environ, input=said.encode(), capture_output=True, check=True
    )
    if done.stderr:
        sys.exit(f"a hook complained: {done.stderr.decode(errors='replace')}")


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 30))
