"""A process with everything imported that forks workers: a kill costs milliseconds, not a start of Python.

It reads one job a line (JSON) and answers each with one line: the worker's pid. ``{"wait": pid}``
is answered with the worker's exit code (minus the signal), ``{"stopped": pid}`` when it stopped or
ended. It has one thread, so that its workers are forked safely.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import acts  # beside this file

from ovn import crash, names
from ovn.git.locate import locate
from ovn.state.store import StateStore

WARM = [act for act in acts.ACTS if act != "pause"]
VERBS = [
    *("checkpoint x", "restore x", "rollback x", "undo", "list", "operations", "log", "fsck", "status"),
    *("start --no-verify --take-over one", "handoff --accomplished it --next more"),
]
"""Whatever is imported only when needed is imported by these; the check of all documents takes longest."""

PR_SET_PTRACER = 0x59616D61


def main() -> None:
    """Serve jobs until standard input ends."""
    warm_up()
    gc.freeze()  # a worker that looks through what it inherited would copy each page of it
    for line in sys.stdin:
        job = json.loads(line)
        if "wait" in job:
            answer = os.waitstatus_to_exitcode(os.waitpid(job["wait"], 0)[1])
        elif "stopped" in job:
            status = os.waitpid(job["stopped"], os.WUNTRACED)[1]
            answer = 0 if os.WIFSTOPPED(status) else os.waitstatus_to_exitcode(status) or 1
        else:
            answer = fork(job)
        print(answer, flush=True)


def warm_up() -> None:
    """Do every act and verb once, somewhere else: a worker that has to import takes several times as long."""
    answers = os.dup(1)
    job = {"who": "w", "forever": False, "stops": False}
    job["acts"] = ["edit", "checkpoint x", "rollback x", "undo", "restore x", *WARM]
    job["acts"] += [f"verb {verb}" for verb in VERBS]
    with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("w") as nowhere:
        said = os.dup(2)
        for number in (1, 2):
            os.dup2(nowhere.fileno(), number)
        subprocess.run(["git", "init", "-q", folder], check=True)
        StateStore.open(locate(folder)).init("warm")
        os.chdir(folder)
        acts.work(job | {"repo": folder})
        os.chdir("/")
    for saved, number in ((answers, 1), (said, 2)):
        os.dup2(saved, number)
        os.close(saved)


def fork(job: dict[str, Any]) -> int:
    """Fork a worker for the job and return its pid, in the process group that the job names."""
    pid = os.fork()
    if pid:
        os.setpgid(pid, job["group"])  # here, so that it is done when the pid is known
        return pid
    prepare(job)
    code = 1
    try:
        code = acts.work(job)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # what the stable keeps open is not the worker's to close


def prepare(job: dict[str, Any]) -> None:
    """Give the worker its own output, mark and armed crash point; let a tracer in where one is wanted."""
    for name, number in (("out", 1), ("err", 2)):
        fd = os.open(job[name], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(fd, number)
        os.close(fd)
    os.close(0)
    os.open(os.devnull, os.O_RDONLY)
    os.chdir(job["repo"])
    os.environ.update(job["env"])
    if names.ENV_CRASH in job["env"]:
        importlib.reload(crash)  # reads what is armed; the functions that others imported see it too
    if job["traced"]:
        ctypes.CDLL(None).prctl(PR_SET_PTRACER, ctypes.c_ulong(-1), 0, 0, 0)
        os.kill(os.getpid(), signal.SIGSTOP)


if __name__ == "__main__":
    main()
