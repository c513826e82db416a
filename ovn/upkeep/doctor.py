"""The doctor. Each check is a line of a table: what it looks at, and what mends it.

A check answers ``ok``, ``warn`` (it works, and something will hurt) or ``fail`` (something does
not work). Menders do only what loses nothing: fold, write lost tags and refs again, remove
locks of the dead, install hooks. Checks of what is stored, object by object, are ``fsck``'s.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ovn import active, checkpoints, host, leases, names
from ovn.checks import health
from ovn.config import Config
from ovn.errors import OvnError
from ovn.frozen import dataclass, replace
from ovn.git import gc, locks, mending, settings
from ovn.git.locate import MINIMUM_GIT
from ovn.git.run import As, Git, environment
from ovn.githooks import install
from ovn.model.lifecycle import ended

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from ovn.state.store import StateStore

OK, WARN, FAIL = "ok", "warn", "fail"
PROBE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: verdict, one line, what a person can do, whether it was mended."""

    name: str
    verdict: str
    text: str
    fix: str | None = None
    mended: bool = False


Answer = tuple[str, str, str | None]
"""Verdict, text, fix."""


class Patient:
    """One repository, and what the checks ask of it."""

    def __init__(self, store: StateStore, config: Callable[[], Config] = Config) -> None:
        self.store = store
        self.config = config
        self.location = store.location
        self.local = store.location.local
        self.git = Git(store.location)


def examine(patient: Patient, *, fix: bool = False, only: Collection[str] = ()) -> list[Finding]:
    """Return what every check, or only those named, found; with ``fix`` after mending what can be."""
    found = []
    for name, (check, mend) in CHECKS.items():
        if only and name not in only:
            continue
        finding = _ask(name, check, patient)
        if fix and mend is not None and finding.verdict != OK:
            finding = _mend(name, check, mend, patient, finding)
        found.append(finding)
    return found


def healthy(found: list[Finding]) -> bool:
    """Tell whether nothing failed; a warning is no failure."""
    return all(finding.verdict != FAIL for finding in found)


def _ask(name: str, check: Callable[[Patient], Answer], patient: Patient) -> Finding:
    try:
        return Finding(name, *check(patient))
    except OvnError as error:  # what a check trips over is what it found
        return Finding(name, FAIL, str(error), error.hint)


def _mend(
    name: str,
    check: Callable[[Patient], Answer],
    mend: Callable[[Patient], None],
    patient: Patient,
    before: Finding,
) -> Finding:
    try:
        mend(patient)
    except OvnError as error:
        return replace(before, text=f"{before.text}; could not be mended: {error}", fix=error.hint)
    after = _ask(name, check, patient)
    return replace(after, mended=after.verdict == OK or after.text != before.text)


# -- the machine -----------------------------------------------------------------------


def _git(patient: Patient) -> Answer:
    version = patient.git.run("--version").text.removeprefix("git version ")
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    if numbers < MINIMUM_GIT:
        needed = ".".join(map(str, MINIMUM_GIT))
        return FAIL, f"git {version} is too old", f"install git {needed} or later"
    return OK, f"git {version}", None


def _python(_: Patient) -> Answer:
    version = ".".join(map(str, sys.version_info[:3]))
    return OK, f"Python {version}, {sys.executable}", None


def _platform(_: Patient) -> Answer:
    if host.MACOS:
        return WARN, "macOS: what holds after a power cut, and who is alive, is untested here", None
    return OK, f"{sys.platform}, as tested", None


def _disk(patient: Patient) -> Answer:
    found = health.disk_of(patient.location.common_dir)
    return OK if found.ok else FAIL, found.text, found.hint


def _identity(patient: Patient) -> Answer:
    found = health.identity(patient.location)
    return OK if found.ok else FAIL, found.text, found.hint


# -- the repository --------------------------------------------------------------------


def _objects(patient: Patient) -> Answer:
    patient.store.objects.resolve("HEAD")
    return OK, "objects and refs can be read", None


def _index(patient: Patient) -> Answer:
    damage = mending.damage(patient.location)
    if damage is None:
        return OK, "git's index is whole", None
    return FAIL, f"git's index is damaged: {damage}", "'git ovn doctor --fix' rebuilds it from HEAD"


def _mend_index(patient: Patient) -> None:
    mending.rebuild_index(patient.git)


def _state(patient: Patient) -> Answer:
    if patient.store.tip() is None:
        if patient.store.objects.resolve("refs/heads/overnight") is not None:
            fix = "rename it: 'git branch -m overnight NAME'"
            return FAIL, f"a branch 'overnight' stands in the way of '{names.STATE_BRANCH}'", fix
        return WARN, "no session state here yet", "run 'git ovn init'"
    view = patient.store.view()
    return OK, f"'{names.STATE_BRANCH}' of '{view.project.project}' can be read", None


def _keep(patient: Patient) -> Answer:
    objects = patient.store.objects
    tip, kept = objects.resolve(names.STATE_REF), objects.resolve(names.KEEP_REF)
    if tip == kept:
        return OK, "the kept tip is the branch's", None
    if kept is None:
        return WARN, f"no '{names.KEEP_REF}' would bring the branch back", "any writing verb makes it"
    if tip is not None and objects.exists(tip) and objects.is_ancestor(kept, tip):
        return OK, "the branch is ahead of the kept tip", None
    fix = "any writing verb, or 'git ovn doctor --fix', puts it back"
    return FAIL, f"'{names.STATE_BRANCH}' was deleted or set back", fix


def _heal(patient: Patient) -> None:
    patient.store.heal()


def _journals(patient: Patient) -> Answer:
    damaged = sorted((patient.local / names.JOURNAL_FOLDER).glob("*/damaged-*"))
    if damaged:
        fix = "'git ovn fsck' says what was lost; remove the file when it was looked at"
        return WARN, f"a damaged journal was set aside: '{damaged[0]}'", fix
    pending = patient.store.pending()
    alive = {one.session for one in active.everywhere(patient.local).values()}
    left = {session: count for session, count in pending.items() if session not in alive}
    if left:
        session, count = next(iter(left.items()))
        fix = "any 'git ovn' command folds them"
        return WARN, f"{count} records of '{session}' wait to be folded, and nobody works on it", fix
    return OK, f"{sum(pending.values())} records wait to be folded", None


def _fold(patient: Patient) -> None:
    patient.store.fold()


def _tags(patient: Patient) -> Answer:
    lost = checkpoints.without_tag(patient.store)
    if not lost:
        return OK, "every named checkpoint has its tag", None
    fix = "'git ovn doctor --fix' writes them again; the checkpoints themselves are there"
    return WARN, f"{len(lost)} tags of checkpoints are gone, e.g. '{lost[0].tag}'", fix


def _tag_again(patient: Patient) -> None:
    checkpoints.tag_again(patient.store, checkpoints.without_tag(patient.store))


def _prune_tags(patient: Patient) -> Answer:
    found = settings.read(patient.location)
    keys = [key for key in found.values if key.lower().endswith(".prunetags") and found.boolean(key)]
    if not keys:
        return OK, "no fetch deletes local tags", None
    fix = "'git ovn doctor --fix' writes them again after a fetch; nothing but the tag is lost"
    return WARN, f"'{keys[0]}' lets 'git fetch' delete the tags of checkpoints", fix


# -- what the dead left ----------------------------------------------------------------


def _leases(patient: Patient) -> Answer:
    known = leases.Leases(patient.store, max_idle_minutes=patient.config().session.max_idle_minutes)
    held = known.all()
    dead = [one for one in held if known.dead(one)]
    if not dead:
        return OK, f"{len(held)} leases, every holder is alive" if held else "no lease is held", None
    session = dead[0].lease.session
    return WARN, f"{leases.describe(dead[0])} is gone and holds a lease", f"run 'git ovn resume {session}'"


def _at_work(patient: Patient) -> Answer:
    sessions = patient.store.view().sessions()
    for worktree, one in active.everywhere(patient.local).items():
        if one.session not in sessions or ended(sessions[one.session].state):
            return WARN, f"hooks take '{one.session}' to be at work in '{worktree}'; it ended", None
    debts = active.debts(patient.local)
    if debts:
        fix = f"run 'git ovn resume {debts[0].session}' or 'git ovn start'"
        return WARN, f"session '{debts[0].session}' ended without a handoff", fix
    return OK, "the hooks know who is at work", None


def _clear_at_work(patient: Patient) -> None:
    sessions = patient.store.view().sessions()
    for worktree, one in active.everywhere(patient.local).items():
        if one.session not in sessions or ended(sessions[one.session].state):
            active.clear(patient.local, worktree, one.session)


def _locks(patient: Patient) -> Answer:
    folders = [patient.location.common_dir / ref for ref in (names.OVN_REFS, names.TAG_REFS)]
    found = [path for folder in folders for path in folder.rglob("*.lock")]
    found += (patient.location.common_dir / names.STATE_REF).parent.glob("state.lock")
    stale = [path for path in found if locks.is_stale(path)]
    if stale:
        return WARN, f"a process that is gone left '{stale[0]}'", "'git ovn doctor --fix' removes it"
    return OK, "no lock of ours is left over", None


def _break_locks(patient: Patient) -> None:
    locks.break_stale_locks(patient.location)


def _git_locks(patient: Patient) -> Answer:
    left = locks.left_by_git(patient.location)
    if left:
        return WARN, f"a git that is gone left '{left[0]}'", "'git ovn doctor --fix' removes it"
    return OK, "no lock of git's is left over", None


def _break_git_locks(patient: Patient) -> None:
    for path in locks.left_by_git(patient.location):
        path.unlink(missing_ok=True)


def _gc(patient: Patient) -> Answer:
    lock = patient.location.common_dir / "gc.pid.lock"
    try:
        age = patient.store.clock.now().timestamp() - lock.stat().st_mtime
    except FileNotFoundError:
        return OK, "'git gc' is not blocked", None
    if age < gc.EMPTY:
        return OK, "'git gc' is being started", None
    return WARN, f"'{lock}' blocks 'git gc' for {age / 60:.0f} min", "'git ovn doctor --fix' removes it"


def _mend_gc(patient: Patient) -> None:
    with gc.gc_guard(patient.location, timeout=5):
        pass  # to take it is to look whether its holder lives, and to clear it away if not


# -- what was set up -------------------------------------------------------------------


def _config(patient: Patient) -> Answer:
    patient.config()
    where = names.CONFIG_FILE
    if not (patient.location.tree() / where).exists():
        return OK, f"no '{where}', so the defaults hold", None
    return OK, f"'{where}' can be read", None


def _ignored(patient: Patient) -> Answer:
    views = (names.REGISTRY_VIEW, names.PROGRESS_VIEW)
    ask = patient.git.run
    seen = ask("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *views).paths()
    if seen:
        fix = f"add it to '{names.OVERNIGHT_FOLDER}/.gitignore', and 'git rm --cached' it if it is tracked"
        return WARN, f"'{os.fsdecode(seen[0])}' is rendered, and git does not ignore it", fix
    hidden = ask("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--", names.CONFIG_FILE)
    if hidden.paths():
        return WARN, f"git ignores '{names.CONFIG_FILE}': a clone does not get it", "let git track it"
    return OK, "views are ignored, the configuration is not", None


def _hooks(patient: Patient) -> Answer:
    found = install.status(patient.location)
    wrong = [hook for hook in found.hooks if not hook.works]
    if wrong:
        first = wrong[0]
        by_hand = first.state in ("tracked", "shadowed")
        fix = f"add the line: {first.line}" if by_hand else "run 'git ovn hooks install'"
        some = f"{len(wrong)} of {len(found.hooks)} hooks do not run"
        return WARN, f"{some}, {first.name}: {install.STATES[first.state]}", fix
    silent = [
        hook.name for hook in found.hooks if hook.state != "legacy" and not _reached(patient, hook.name)
    ]
    if silent:
        return (
            FAIL,
            f"git does not reach the hook {silent[0]}",
            f"look at '{found.folder}' and core.hooksPath",
        )
    return OK, f"git reaches all {len(found.hooks)} hooks", None


def _reached(patient: Patient, name: str) -> bool:
    """Have git run the hook with the one argument to which the shim answers by a sign, and ends.

    Nothing is chained and nothing is recorded, so no hook of the user's runs.
    """
    with tempfile.TemporaryDirectory() as folder:
        sign = Path(folder) / "sign"
        probe = ("hook", "run", "--ignore-missing", name, "--", "--ovn-probe", str(sign))
        patient.git.run(*probe, who=As.USER, timeout=PROBE_SECONDS, ok=range(256))
        return sign.exists() and sign.read_text().strip() == name


def _rules(patient: Patient) -> Answer:
    """Run the hooks' rules as the shim does, for a repository in which nobody works."""
    note = patient.local / names.HOOKS_FOLDER / "python"
    if not note.exists():
        return WARN, "no hooks are installed, so no rules", "run 'git ovn hooks install'"
    python, entry = os.fsdecode(note.read_bytes()).splitlines()[:2]
    with tempfile.TemporaryDirectory() as folder:
        line = [python, "-I", "-S", entry, "pre-commit", folder, "main", ""]
        clean = {name: value for name, value in environment().items() if not name.startswith("OVN_")}
        try:
            done = subprocess.run(line, env=clean, capture_output=True, timeout=PROBE_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return FAIL, f"the hooks' rules do not run: {error}", "run 'git ovn hooks install'"
    if done.returncode != 0:
        words = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
        return FAIL, f"the hooks' rules do not run: {words[0]}", "run 'git ovn hooks install'"
    return OK, f"the hooks' rules run with '{python}'", None


def _install(patient: Patient) -> None:
    install.install(patient.location)


CHECKS: dict[str, tuple[Callable[[Patient], Answer], Callable[[Patient], None] | None]] = {
    # what is looked at: (check, what mends it)
    "git": (_git, None),
    "python": (_python, None),
    "platform": (_platform, None),
    "disk": (_disk, None),
    "identity": (_identity, None),
    "objects": (_objects, None),
    "index": (_index, _mend_index),
    "state": (_state, None),
    "kept tip": (_keep, _heal),
    "journals": (_journals, _fold),
    "tags": (_tags, _tag_again),
    "pruneTags": (_prune_tags, None),
    "leases": (_leases, None),
    "at work": (_at_work, _clear_at_work),
    "locks": (_locks, _break_locks),
    "git's locks": (_git_locks, _break_git_locks),
    "gc": (_gc, _mend_gc),
    "config": (_config, None),
    "ignored": (_ignored, None),
    "hooks": (_hooks, _install),
    "rules": (_rules, _install),
}
