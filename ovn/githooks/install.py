"""Put the shim where git looks for hooks, beside whatever is there; take it out again.

git's own answer to "where are the hooks" is obeyed, ``core.hooksPath`` is never set. A hook
that was there becomes ``NAME.ovn-chained`` and is run by the shim (the way of pre-commit's
``.legacy``). Two things are left alone, and said: a folder outside of this repository (a
global ``core.hooksPath`` serves others too), and a hook file in the work tree that git does
not ignore (it is the project's source). For both there is a line to add by hand.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ovn import names, resources
from ovn.frozen import dataclass
from ovn.git.run import As, Git

if TYPE_CHECKING:
    from ovn.git.locate import Location

HOOKS = (
    "pre-commit",
    "prepare-commit-msg",
    "commit-msg",
    "post-commit",
    "post-checkout",
    "post-merge",
    "post-rewrite",
    "pre-push",
    "reference-transaction",
)
CHAINED = ".ovn-chained"
LEGACY = ".legacy"
"""Where pre-commit (the framework) keeps the hook it found, when it is installed after us."""

SIGN = b"# git ovn: the same file for every hook."
"""The second line of every shim: one that is not today's, byte for byte, is an earlier version's,
or was edited. It is replaced, and kept under ``.git/ovn/aside/hooks/``."""

EXCLUDE_BEGIN = b"# git ovn hooks\n"
EXCLUDE_END = b"# end of git ovn hooks\n"

STATES = {
    "installed": "runs",
    "chained": "runs, and then the hook that was here",
    "legacy": "runs, called by the hook that was put in front of it",
    "outdated": "an earlier version's; 'git ovn hooks install' replaces it",
    "missing": "not installed",
    "other": "another hook is here, and it does not call ours",
    "tracked": "the project's own hook, left alone; add the line to it",
    "shadowed": "core.hooksPath leads out of this repository, git never looks here",
}
"""What ``git ovn hooks status`` says of a hook, and what it means."""

WORKING = frozenset(("installed", "chained", "legacy"))


@dataclass(frozen=True, slots=True)
class Hook:
    """One hook: its state (a key of ``STATES``), and where git looks for it."""

    name: str
    state: str
    path: Path

    @property
    def works(self) -> bool:
        """Whether git runs ours."""
        return self.state in WORKING

    @property
    def line(self) -> str:
        """What a person adds to a hook of their own so that ours runs too."""
        return f'git ovn hook {self.name} "$@" || exit $?'


@dataclass(frozen=True, slots=True)
class Installation:
    """The folder where git looks for this work tree's hooks, and each of ours."""

    folder: Path
    hooks: tuple[Hook, ...]

    @property
    def works(self) -> bool:
        """Whether all of ours run."""
        return all(hook.works for hook in self.hooks)

    @property
    def installed(self) -> bool:
        """Whether any of ours runs."""
        return any(hook.works for hook in self.hooks)


def status(location: Location) -> Installation:
    """Return what is installed, as seen from this work tree."""
    folder = hooks_folder(location)
    outside = not _is_inside(folder, location)
    sources = frozenset[str]() if outside else _sources(location, folder)
    states = ["shadowed" if outside else _state(folder / name, source=name in sources) for name in HOOKS]
    hooks = tuple(Hook(name, state, folder / name) for name, state in zip(HOOKS, states, strict=True))
    return Installation(folder, hooks)


def install(location: Location) -> Installation:
    """Install every hook that can be, and say what became of each. Doing it again changes nothing."""
    found = status(location)
    folders = (
        names.HOOKS_FOLDER,
        names.LOG_FOLDER,
        names.ACTIVE_FOLDER,
        names.BEAT_FOLDER,
        names.DEBT_FOLDER,
    )
    for folder in folders:
        (location.local / folder).mkdir(parents=True, exist_ok=True)
    placeable = [hook for hook in found.hooks if hook.state in ("missing", "other", "outdated")]
    if placeable and not found.folder.is_dir():
        found.folder.mkdir(parents=True)
        _made_note(location).write_bytes(os.fsencode(found.folder) + b"\n")
    for hook in placeable:
        _place(hook, location)
    found = status(location)
    _exclude(location, found)
    _write_python(location, found)
    return found


def uninstall(location: Location) -> Installation:
    """Take every hook of ours out and put back what it stood for, byte for byte."""
    folder = hooks_folder(location)
    folders = {location.common_dir / "hooks", *([folder] if _is_inside(folder, location) else [])}
    for path in [home / (name + end) for home in folders for name in HOOKS for end in ("", LEGACY)]:
        if _is_ours(path):
            _withdraw(path, location)
    _write_excludes(location, [])
    _remove_made(location, folders)
    _python_file(location).unlink(missing_ok=True)
    return status(location)


def hooks_folder(location: Location) -> Path:
    """Return where git looks for hooks here: ``core.hooksPath``, else the common git folder's."""
    answer = Git(location).run("rev-parse", "--git-path", "hooks", who=As.USER)
    return (location.top or location.git_dir) / answer.text


def shim() -> bytes:
    """Return the bytes of every hook of ours."""
    return resources.read("hooks", "ovn-hook.sh")


# -- what is there ---------------------------------------------------------------------


def _is_inside(folder: Path, location: Location) -> bool:
    real = folder.resolve()
    homes = [location.common_dir.resolve(), *([location.top.resolve()] if location.top else [])]
    return any(real.is_relative_to(home) for home in homes)


def _sources(location: Location, folder: Path) -> frozenset[str]:
    """Return the hooks that lie in the work tree and are not ignored: the project's source."""
    if location.top is None or folder.resolve().is_relative_to(location.common_dir.resolve()):
        return frozenset()
    there = [name for name in HOOKS if os.path.lexists(folder / name) and not _is_ours(folder / name)]
    if not there:
        return frozenset()
    within = folder.resolve().relative_to(location.top.resolve())
    asked = {os.fsencode(within / name): name for name in there}
    question = ["ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--"]
    ignored = set(Git(location).run(*question, *asked).paths())
    return frozenset(name for path, name in asked.items() if path not in ignored)


def _state(path: Path, *, source: bool) -> str:
    if source:
        return "tracked"
    if _is_ours(path):
        current = path.read_bytes() == shim()
        chained = os.path.lexists(path.with_name(path.name + CHAINED))
        return ("chained" if chained else "installed") if current else "outdated"
    if not os.path.lexists(path):
        return "missing"
    return "legacy" if _is_ours(path.with_name(path.name + LEGACY)) else "other"


def _is_ours(path: Path) -> bool:
    if not path.is_file() or path.is_symlink():
        return False
    return path.read_bytes().partition(b"\n")[2].startswith(SIGN)


# -- changes ---------------------------------------------------------------------------


def _place(hook: Hook, location: Location) -> None:
    """Write the shim; at every moment the hook that was there is the hook or the chained one."""
    if hook.state == "other":
        chained = hook.path.with_name(hook.name + CHAINED)
        if os.path.lexists(chained):  # from an earlier installation that another tool replaced
            _set_aside(chained, location)
        hook.path.rename(chained)
    elif hook.state == "outdated":
        _set_aside(hook.path, location)
    scratch = hook.path.with_name(f"{hook.name}.{os.getpid()}.tmp")
    fd = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o777)
    with os.fdopen(fd, "wb") as file:
        file.write(shim())
    scratch.replace(hook.path)


def _withdraw(path: Path, location: Location) -> None:
    if path.read_bytes() != shim():
        _set_aside(path, location)
    chained = path.with_name(path.name.removesuffix(LEGACY) + CHAINED)
    if os.path.lexists(chained):
        chained.replace(path)
    else:
        path.unlink(missing_ok=True)


def _remove_made(location: Location, folders: set[Path]) -> None:
    """Remove the hooks folder if the installation made it and nothing else lies in it."""
    note = _made_note(location)
    if not note.exists():
        return
    made = Path(os.fsdecode(note.read_bytes().removesuffix(b"\n")))
    if made in folders and made.is_dir() and not any(made.iterdir()):
        made.rmdir()
    note.unlink()


def _set_aside(path: Path, location: Location) -> None:
    folder = location.local / "aside" / names.HOOKS_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    number = sum(1 for _ in folder.iterdir())
    path.rename(folder / f"{path.name}.{number}")


def _python_file(location: Location) -> Path:
    return location.local / names.HOOKS_FOLDER / "python"


def _made_note(location: Location) -> Path:
    return location.local / names.HOOKS_FOLDER / "made"


def _write_python(location: Location, found: Installation) -> None:
    """Tell the shim which Python and which entry to start, and the entry which hooks there are."""
    entry = Path(__file__).resolve().with_name("entry.py")
    working = " ".join(hook.name for hook in found.hooks if hook.works)
    content = os.fsencode(f"{sys.executable}\n{entry}\n{working}\n")
    path = _python_file(location)
    scratch = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    scratch.write_bytes(content)
    scratch.replace(path)


def _exclude(location: Location, found: Installation) -> None:
    """Keep our files in a hooks folder of the work tree out of the user's ``git status``."""
    if location.top is None or not found.folder.resolve().is_relative_to(location.top.resolve()):
        return
    if found.folder.resolve().is_relative_to(location.common_dir.resolve()):
        return
    within = found.folder.resolve().relative_to(location.top.resolve()).as_posix()
    lines = []
    for hook in found.hooks:
        if hook.works:
            lines += [f"/{within}/{hook.name}", f"/{within}/{hook.name}{CHAINED}"]
    _write_excludes(location, lines)


def _write_excludes(location: Location, lines: list[str]) -> None:
    path = location.common_dir / "info" / "exclude"
    old = path.read_bytes() if path.exists() else b""
    before, begin, rest = old.partition(EXCLUDE_BEGIN)
    after = rest.partition(EXCLUDE_END)[2] if begin else b""
    block = b"".join(os.fsencode(line) + b"\n" for line in lines)
    new = before + (EXCLUDE_BEGIN + block + EXCLUDE_END if block else b"") + after
    if new != old:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(new)
