"""``git-ovn --help`` against ``python -c pass``: what a person waits for before anything is done.

    ./dev bench startup [ROUNDS]

By the least of each: whatever else the machine does can only add.
"""

from __future__ import annotations

import subprocess
import sys

from bench._figures import Figure, judge, turns

TARGET = 6.0


def main(rounds: int) -> int:
    """Print the ratio; return 1 when the target is missed."""
    commands = {"python": ["-c", "pass"], "help": ["-m", "ovn", "--help"]}
    times = turns({name: lambda words=words: run(words) for name, words in commands.items()}, rounds)
    bare, helped = (min(times[name]) for name in commands)
    print(f"python -c pass {bare * 1e3:.1f} ms, git-ovn --help {helped * 1e3:.1f} ms; least of {rounds}")
    return judge([Figure("git-ovn --help / python -c pass", helped / bare, TARGET)])


def run(words: list[str]) -> None:
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 30))
