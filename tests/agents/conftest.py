"""Fixtures: the real CLIs, installed once into a cache folder, and a model server of our own."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("TEST_AGENTS_CACHE") or HERE.parent.parent / ".cache" / "agents")
VERSIONS = json.loads((HERE / "versions.json").read_text())
SECONDS = 240


def program(cli: str) -> Path:
    """Return the CLI's program, installing it if need be; skips the test where that is impossible."""
    wanted = VERSIONS[cli]
    folder = CACHE / f"{cli}-{wanted['version']}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{folder.name}.lock").open("w") as lock:  # the tests' workers want it all at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _program(folder, wanted) or _install(folder, wanted)


def _install(folder: Path, wanted: dict[str, str]) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed, so the real agents cannot be")
    new = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    line = [npm, "install", "--prefix", str(new), "--no-audit", "--no-fund", "--loglevel", "error"]
    line.append(f"{wanted['package']}@{wanted['version']}")
    try:
        done = subprocess.run(line, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm did not install {wanted['package']} within {SECONDS} s")
    if done.returncode or _program(new, wanted) is None:
        pytest.skip(f"npm could not install {wanted['package']}: {done.stderr[-300:]}")
    shutil.rmtree(folder, ignore_errors=True)
    new.rename(folder)  # whole or not at all: one that was killed leaves nothing that looks installed
    found = _program(folder, wanted)
    assert found is not None
    return found


def _program(folder: Path, wanted: dict[str, str]) -> Path | None:
    """Return the program in an installation: the native one of the package beside it, else npm's link."""
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    native = folder / "node_modules" / f"{wanted['package']}-linux-{machine}" / wanted["program"]
    linked = folder / "node_modules" / ".bin" / wanted["program"]
    return next((path for path in (native, linked) if path.is_file()), None)
