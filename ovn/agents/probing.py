"""Is an agent's CLI there, does it start, do our hooks run in it? Bounded in time, and free.

To see hooks run the CLI is started for real, in the person's own settings, but against a port of
this machine on which nobody listens: its first hook fires before it asks a model anything.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ovn import names
from ovn.agents import AGENTS, Task, opencode, ours
from ovn.frozen import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ovn.agents import Settings

TESTED = {"claude": "2.1.330", "codex": "0.169.0", "gemini": "0.61.0", "opencode": "1.18.33"}
"""The versions that the tests run against."""

VERSION_SECONDS = 30.0
HOOK_SECONDS = 60.0
"""As long as a night allows by default; on a busy machine opencode takes 40 to ask its first question."""

_VERSION = re.compile(r"\d+\.\d+\.\d+[\w.-]*")


@dataclass(frozen=True, slots=True)
class Found:
    """A CLI in PATH: where, and its version; ``wrong`` is why it does not start, or None."""

    path: str
    version: str | None
    wrong: str | None = None


@dataclass(frozen=True, slots=True)
class Unseen:
    """Why no hook was seen to run; ``off``: it began to work, or ended, so they do not."""

    why: str
    off: bool


def find(name: str, environ: Mapping[str, str]) -> Found | None:
    """Return the CLI of an agent as ``--version`` shows it; None when it is not in PATH."""
    path = shutil.which(name, path=environ.get("PATH"))
    if path is None:
        return None
    try:
        done = subprocess.run(
            [path, "--version"],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=VERSION_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Found(path, None, f"'{name} --version' said nothing within {VERSION_SECONDS:.0f} s")
    except OSError as error:
        return Found(path, None, f"'{path}' cannot be started: {(error.strerror or '').lower()}")
    version = _VERSION.search(done.stdout)
    if done.returncode or version is None:
        said = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["nothing"]
        return Found(path, None, f"'{name} --version' gave {done.returncode} and said: {said[0][:200]}")
    return Found(path, version[0])


def hooks_run(
    name: str, settings: Settings, tree: Path, environ: Mapping[str, str], seconds: float | None = None
) -> Unseen | None:
    """Return why no hook of ours was seen in the CLI, started in ``tree``; None when one ran."""
    with tempfile.TemporaryDirectory(prefix="ovn-probe-") as scratch, _nowhere() as url:
        attempt = Path(scratch) / "probe" / "001"
        attempt.mkdir(parents=True, mode=0o700)
        (attempt / "prompt.md").write_text("a probe of 'git ovn doctor'; do nothing\n", encoding="utf-8")
        line, told = _LAUNCHES[name](settings, _task(attempt), environ, url)
        marks = {names.ENV_SESSION: "doctor", "PWD": str(tree), "TMPDIR": scratch}
        with (attempt / "said").open("wb") as said:
            process = subprocess.Popen(
                line,
                cwd=tree,
                env={**environ, **told, **marks},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                return _wait(process, attempt / ours.HOOKS_FILE, seconds or HOOK_SECONDS, attempt / "said")
            finally:
                _end(process)


def _task(attempt: Path) -> Task:
    return Task("probe", "doctor", attempt / "prompt.md", attempt)


def _wait(process: subprocess.Popen[bytes], sign: Path, seconds: float, said: Path) -> Unseen | None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        over = process.poll() is not None
        if sign.exists():
            return None
        if over:
            break
        time.sleep(0.05)
    words = said.read_text(errors="replace").strip().splitlines()[-1:]
    if process.returncode is None and not words:
        return Unseen(f"it put out nothing within {seconds:.0f} s, so nothing is known of them", off=False)
    how = f"it ended with {process.returncode}" if process.returncode is not None else f"{seconds:.0f} s"
    return Unseen(f"none ran ({how}); it said: {(words or ['nothing'])[0][:200]}", off=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Leave nothing of it running: its group is ours alone."""
    with suppress(ProcessLookupError):  # all of it ended by itself
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def _nowhere() -> Iterator[str]:
    """Give the address of a port that is taken and refuses: nobody else can listen there meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


# -- each CLI, pointed to nowhere ----------------------------------------------------------

Launched = tuple[tuple[str, ...], dict[str, str]]


def _claude(settings: Settings, task: Task, environ: Mapping[str, str], url: str) -> Launched:
    told = AGENTS["claude"].environment(settings, task, environ)
    away = {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "none", "CLAUDE_CODE_MAX_RETRIES": "0"}
    return AGENTS["claude"].argv(settings, task), {**told, **away}


def _codex(settings: Settings, task: Task, environ: Mapping[str, str], url: str) -> Launched:
    words = AGENTS["codex"].argv(settings, task)
    provider = f'{{name="probe",base_url="{url}/v1",wire_api="responses",request_max_retries=0}}'
    away = ("-c", "model_provider=probe", "-c", f"model_providers.probe={provider}")
    return (*words[:2], *away, *words[2:]), AGENTS["codex"].environment(settings, task, environ)


def _gemini(settings: Settings, task: Task, environ: Mapping[str, str], url: str) -> Launched:
    told = AGENTS["gemini"].environment(settings, task, environ)
    away = {"GEMINI_API_KEY": "none", "GOOGLE_GEMINI_BASE_URL": url}
    return AGENTS["gemini"].argv(settings, task), {**told, **away}


def _opencode(settings: Settings, task: Task, environ: Mapping[str, str], url: str) -> Launched:
    told = AGENTS["opencode"].environment(settings, task, environ)
    path = Path(told[opencode.ENV_CONFIG])
    options = {"baseURL": f"{url}/v1", "apiKey": "none"}
    provider = {"npm": "@ai-sdk/openai-compatible", "options": options, "models": {"none": {"name": "none"}}}
    config = json.loads(path.read_text(encoding="utf-8")) | {"provider": {"probe": provider}}
    path.write_text(json.dumps(config), encoding="utf-8")
    return AGENTS["opencode"].argv(replace(settings, model="probe/none"), task), told


_LAUNCHES: dict[str, Callable[[Settings, Task, Mapping[str, str], str], Launched]] = {
    "claude": _claude,
    "codex": _codex,
    "gemini": _gemini,
    "opencode": _opencode,
}
