"""The demo's repository: click's own source, its tests, and a git identity of its own."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from importlib import metadata
from pathlib import Path

from ovn.demo import story
from ovn.errors import NotFound

GITCONFIG = """\
[user]
\tname = Demo
\temail = demo@localhost
[init]
\tdefaultBranch = main
[gc]
\tauto = 0
"""

FOLDERS = {"HOME": "home", "XDG_CONFIG_HOME": "config", "XDG_STATE_HOME": "state", "XDG_CACHE_HOME": "cache"}


def environment(folder: Path, environ: dict[str, str]) -> dict[str, str]:
    """Return ``environ`` as on a machine of its own below ``folder``, which is made.

    git's own variables of the caller (a hook's GIT_DIR, say) do not come along.
    """
    kept = {name: value for name, value in environ.items() if not name.startswith(("GIT_", "OVN_", "XDG_"))}
    for name in FOLDERS.values():
        (folder / name).mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / "home" / ".gitconfig").write_text(GITCONFIG, encoding="utf-8")
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    _program(programs / "git-ovn", f'exec "{sys.executable}" -m ovn.cli.main "$@"\n')
    _program(programs / "python3", f'exec "{sys.executable}" "$@"\n')
    own = {name: str(folder / path) for name, path in FOLDERS.items()}
    path = f"{programs}:{environ.get('PATH', '/usr/local/bin:/usr/bin:/bin')}"
    return {**kept, **own, "PATH": path, "GIT_CONFIG_NOSYSTEM": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def fill(repository: Path) -> None:
    """Write the code base and its tests into an empty folder. Raises NotFound."""
    found = importlib.util.find_spec(story.PACKAGE)
    if found is None or found.origin is None:
        raise NotFound(f"the package '{story.PACKAGE}' is not installed")
    source = Path(found.origin).parent
    shutil.copytree(source, repository / "src" / story.PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    _licence(repository)
    tests = story.CORE_TESTS | {planned.test_path: planned.test for planned in story.FEATURES}
    for path, text in {**tests, ".gitignore": "__pycache__/\n", "README": README}.items():
        (repository / path).parent.mkdir(parents=True, exist_ok=True)
        (repository / path).write_text(text, encoding="utf-8")


def _licence(repository: Path) -> None:
    for file in metadata.distribution(story.PACKAGE).files or ():
        if file.name.startswith("LICENSE"):
            shutil.copy(str(file.locate()), repository / file.name)


def _program(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}", encoding="utf-8")
    path.chmod(0o755)


README = """\
A copy of click's source (see LICENSE.txt), made by 'git ovn demo' to be worked on.

    PYTHONPATH=src python3 -m unittest discover -s tests/core     what click does
    tests/features/                                               what it shall do
"""
