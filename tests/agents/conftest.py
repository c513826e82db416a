"""Fixtures: the real CLIs, installed once into a cache folder, and a model server of our own."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("OVN_TEST_AGENTS") or HERE.parent.parent / ".cache" / "agents")
VERSIONS = json.loads((HERE / "versions.json").read_text())
SECONDS = 240


def program(cli: str) -> Path:
    """Return the CLI's program, installing it if need be; skips the test where that is impossible."""
    wanted = VERSIONS[cli]
    folder = CACHE / f"{cli}-{wanted['version']}"
    found = _program(folder, wanted)
    if found is None:
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("npm is not installed, so the real agents cannot be")
        folder.mkdir(parents=True, exist_ok=True)
        line = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--loglevel", "error"]
        line.append(f"{wanted['package']}@{wanted['version']}")
        try:
            done = subprocess.run(line, capture_output=True, text=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            pytest.skip(f"npm did not install {cli} within {SECONDS} s")
        found = _program(folder, wanted)
        if done.returncode or found is None:
            pytest.skip(f"npm could not install {cli}: {done.stderr[-300:]}")
    return found


def _program(folder: Path, wanted: dict[str, str]) -> Path | None:
    """Return the program in an installation: the native one of the package beside it, else npm's link."""
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    native = folder / "node_modules" / f"{wanted['package']}-linux-{machine}" / wanted["program"]
    linked = folder / "node_modules" / ".bin" / wanted["program"]
    return next((path for path in (native, linked) if path.is_file()), None)
