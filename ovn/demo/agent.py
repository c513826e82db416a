"""The demo's agent: a program like any other, that follows the story instead of thinking.

``python -m ovn.demo.agent FOLDER FEATURE PROMPT_FILE``, started by ``git ovn run`` as the
agent ``command``. FOLDER is the demo's own: while ``hold`` lies in it, the agent waits half
way, for the demo to kill it there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from ovn import names
from ovn.demo import story

HOLD = "hold"
HALF_WAY = "half-way"


def main(arguments: list[str]) -> int:
    """Do the deeds of the story for the feature; returns the exit code, always 0."""
    folder, feature, prompt = Path(arguments[0]), arguments[1], Path(arguments[2])
    attempt = int(os.environ[names.ENV_ATTEMPT])
    say(f"reading {len(prompt.read_text(encoding='utf-8'))} characters about {feature}")
    for deed in story.deeds(feature, attempt):
        if isinstance(deed, story.Hold):
            hold(folder)
        elif isinstance(deed, story.Commit):
            say(f"committing: {deed.message}")
            commit(deed.message)
        else:
            say(f"writing {deed.path}")
            write(deed)
    say("that is all I can do")
    return 0


def write(deed: story.Write) -> None:
    """Write the file, or add to it."""
    path = Path(deed.path)
    before = path.read_text(encoding="utf-8") if deed.append else ""
    path.write_text(before + deed.text, encoding="utf-8")


def commit(message: str) -> None:
    """Commit everything, as agents do: by a shell's line."""
    line = 'git add -A && git commit -q -m "$1"'
    subprocess.run(["sh", "-c", line, "sh", message], check=True, stdin=subprocess.DEVNULL)


def hold(folder: Path) -> None:
    """Say that half is done, and wait as long as the demo wants it."""
    say("half of it is done")
    (folder / HALF_WAY).write_text(f"{os.getpid()}\n", encoding="utf-8")
    while (folder / HOLD).exists():
        time.sleep(0.02)


def say(text: str) -> None:
    """Print a line at once: silence looks like death."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
