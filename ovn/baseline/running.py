"""Run the baseline command where only committed files are, once for each tree.

A clean linked work tree says what a clone would see. Where only that is red (nothing is set
up there: dependencies, caches, an .env that git ignores), the work tree itself speaks, if it
holds nothing uncommitted; the summary then says so.
"""

from __future__ import annotations

import hashlib
from contextlib import nullcontext
from typing import TYPE_CHECKING

from ovn import names
from ovn.baseline import junit, testids
from ovn.checks import commands
from ovn.clock import rfc3339
from ovn.frozen import dataclass, replace
from ovn.git import glance, worktrees
from ovn.git.run import Git
from ovn.model import canonical
from ovn.model.documents import Baseline
from ovn.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path
    from typing import BinaryIO

    from ovn.checks.commands import Command, Ran
    from ovn.git.locate import Location
    from ovn.state.store import StateStore

IN_PLACE = "in the work tree itself"


@dataclass(frozen=True, slots=True)
class Setting:
    """What to run: set-up (None: nothing), the baseline command, in which environment.

    ``trusted``: filters of the repository's own configuration may run.
    """

    command: Command
    setup: Command | None
    environ: Mapping[str, str]
    seconds: float = commands.SECONDS
    trusted: bool = False


@dataclass(frozen=True, slots=True)
class On:
    """What it is run on: a commit, its tree, and the name of the document about it."""

    head: str
    tree: str
    name: str


@dataclass(frozen=True, slots=True)
class Told:
    """A baseline, and the end of the output it was read from (empty when it was known before).

    One that ``timed_out`` says nothing of the tree and is not recorded.
    """

    baseline: Baseline
    output: bytes = b""
    timed_out: bool = False


def ensure(
    store: StateStore, setting: Setting, around: Callable[[], AbstractContextManager[None]] = nullcontext
) -> Told | None:
    """Return the baseline of HEAD's tree, measured if it is not known; None without a commit.

    A new one is recorded as a commit of its own on the state branch. Commands run inside of
    ``around()``, which may end them by raising.
    """
    head = store.objects.resolve("HEAD", peel=True)
    return None if head is None else ensure_at(store, setting, head, around)


def ensure_at(
    store: StateStore,
    setting: Setting,
    head: str,
    around: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Told:
    """Return the baseline of a commit's tree; as ``ensure``."""
    tree = store.objects.commit(head).tree
    on = On(head, tree, name_of(tree, setting))
    known = store.view().baseline(on.name)
    if known is not None:
        return Told(known)
    with around():
        found = measure(store, setting, on)
    if found.timed_out:
        return found
    path = names.baseline_file(on.name)
    words = f"baseline: {_words(found.baseline)}, {commands.show(setting.command)}"
    store.transact(words, "baseline", lambda _: {path: found.baseline})
    return found


def name_of(tree: str, setting: Setting) -> str:
    """Return the document's name: by the tree, and by what was run on it."""
    ran = canonical.dump_line([tree, setting.command, setting.setup])
    return f"{tree[:12]}-{hashlib.sha256(ran).hexdigest()[:8]}"


def measure(store: StateStore, setting: Setting, on: On) -> Told:
    """Run the command on a commit and return what it said; nothing is recorded."""
    git = Git(store.location)
    with worktrees.worktree_at(git, on.head, trusted=setting.trusted) as clean:
        ready = setting.setup is None or _run(setting.setup, clean, setting).exit_code == 0
        found = _told(store, setting, clean, on) if ready else None
    if found is not None and (found.timed_out or found.baseline.exit_code == 0):
        return found
    now = glance.uncommitted(git, trusted=setting.trusted)
    if now.head != on.head or not now.clean:
        return found or _told_nothing(store, setting, on)
    here = _told(store, setting, store.location, on)
    if found is not None and here.baseline.exit_code != 0 and found.baseline.failing:
        return found
    words = f"{here.baseline.summary} ({IN_PLACE}; a clean one was red)"
    return replace(here, baseline=replace(here.baseline, summary=words))


def log_file(location: Location) -> Path:
    """Return where the output of the last baseline is kept; its folder exists."""
    folder = location.local / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "baseline.log"


def _told(store: StateStore, setting: Setting, location: Location, on: On) -> Told:
    log = log_file(location)
    with log.open("wb") as file:
        ran = _run(setting.command, location, setting, file)
    whole = log.read_bytes() if ran.size <= commands.LOG_BYTES else ran.tail
    text = whole.decode("utf-8", "replace")
    found = testids.read(_report(setting.command, location) or text, ran.exit_code)
    return Told(_document(store, setting, on, ran, found.failing), ran.tail, ran.timed_out)


def _document(store: StateStore, setting: Setting, on: On, ran: Ran, failing: Sequence[str] = ()) -> Baseline:
    return Baseline(
        version=1,
        name=on.name,
        at=rfc3339(store.clock.now()),
        tree=on.tree,
        command=setting.command,
        exit_code=max(-255, min(255, ran.exit_code)),
        seconds=ran.seconds,
        summary=redact(ran.summary),
        failing=tuple(redact(test) for test in failing),
    )


def _told_nothing(store: StateStore, setting: Setting, on: On) -> Told:
    """Return a broken baseline: set-up failed, and the work tree is not as its commit."""
    words = "the set-up command failed in a clean work tree"
    ran = commands.Ran(setting.command, commands.NOT_STARTED, 0.0, words, hashlib.sha256().hexdigest())
    return Told(_document(store, setting, on, ran))


def _report(command: Command, location: Location) -> str | None:
    """Return the JUnit report that the command wrote where it says, if it did."""
    named = junit.path_in(command)
    if named is None:
        return None
    path = (location.tree() / named).resolve()
    try:
        if not path.is_relative_to(location.tree().resolve()) or path.stat().st_size > junit.LARGEST:
            return None
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:  # it wrote none: its output has to do
        return None


def _run(command: Command, location: Location, setting: Setting, log: BinaryIO | None = None) -> Ran:
    env = commands.environment(setting.environ)
    return commands.run(command, location.tree(), env, seconds=setting.seconds, log=log)


def _words(baseline: Baseline) -> str:
    if baseline.failing:
        return f"{len(baseline.failing)} failing"
    return "green" if baseline.exit_code == 0 else "red, no test named"
