"""Done means evidence: run a feature's verify commands, and record what they showed.

Evidence is whole when every command was green on the tree of a commit: nothing uncommitted
but ignored files before the run, and the same commit and files after it. Else it is partial,
and says why. This module is the only way to ``done``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ovn import features, names
from ovn.checkpoints import Limits
from ovn.checks import commands
from ovn.clock import rfc3339
from ovn.errors import Unverified
from ovn.frozen import dataclass, replace
from ovn.git import snapshot, status
from ovn.git.gc import gc_guard
from ovn.git.paths import quote
from ovn.git.run import Git
from ovn.model.documents import Command, Evidence
from ovn.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from ovn.checks.commands import Ran
    from ovn.features import Actor
    from ovn.git.locate import Location
    from ovn.model.documents import Feature
    from ovn.state.store import StateStore

SHOWN = 3
"""Paths that a partial evidence names."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Where and how to measure: the work tree, the environment of commands, the limits.

    ``location`` None is the store's own; a clean linked one proves what a clone would see.
    ``trusted``: the repository's own filters may run. ``watch`` gets each result as it comes.
    """

    environ: Mapping[str, str]
    location: Location | None = None
    seconds: float = commands.SECONDS
    limits: Limits = Limits()
    watch: Callable[[Ran], None] | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """Evidence, and the results it is made of, with the tails of their output."""

    evidence: Evidence
    ran: tuple[Ran, ...]

    @property
    def failed(self) -> Ran | None:
        """The first command that was red."""
        return next((one for one in self.ran if one.exit_code != 0), None)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification came to; ``why`` the feature is not done, None when it is."""

    feature: Feature
    measured: Measured
    why: str | None

    @property
    def done(self) -> bool:
        """Whether the feature is done by this evidence."""
        return self.why is None


def verify(store: StateStore, actor: Actor, feature: str, bench: Bench) -> Verdict:
    """Measure a feature, record the evidence, and set its status by it.

    Green, whole and with its dependencies done: done. Red on a commit: a done feature becomes
    failed. Partial evidence never replaces the whole evidence of a done feature.
    Raises NotFound, Unverified when it has no verify commands, and the errors of git.
    """
    found = features.find(features.registry(store), feature)
    return settle(store, actor, found, measure(store, found, bench))


def settle(store: StateStore, actor: Actor, found: Feature, measured: Measured) -> Verdict:
    """Record what was measured of a feature, and set its status by it; see ``verify``."""
    feature = found.id
    why = not_done(measured)
    if why is not None and measured.evidence.partial and found.status == "done":
        return Verdict(found, measured, why)
    features.evidence(store, actor, measured.evidence)
    known = features.registry(store)
    found = features.find(known, feature)
    lacking = features.missing(found, known)
    if why is None and lacking:
        why = f"it depends on '{lacking[0]}', which is not done"
    if why is None:
        found = features.move(store, actor, feature, "verify-green")
    elif found.status == "done" and not measured.evidence.green:
        found = features.move(store, actor, feature, "verify-red", reason=why)
    return Verdict(found, measured, why)


def not_done(measured: Measured) -> str | None:
    """Return why this evidence makes no feature done; None when it does. Pure."""
    failed = measured.failed
    if failed is not None:
        shown = redact(commands.show(failed.command))[:200]
        return f"'{shown}' gave {failed.exit_code}: {redact(failed.summary)}"
    if measured.evidence.partial:
        return f"the evidence is partial: {measured.evidence.partial}"
    return None


def green_before(store: StateStore, feature: Feature, bench: Bench) -> bool:
    """Return whether the verify commands are green before any work; False where there are none.

    Such a feature's commands do not test what is to be built; the report says so.
    """
    return bool(feature.verify) and measure(store, feature, bench).evidence.green


def measure(store: StateStore, feature: Feature, bench: Bench) -> Measured:
    """Run a feature's verify commands and return what they showed; nothing is recorded.

    Raises Unverified when there are none.
    """
    if not feature.verify:
        raise Unverified(
            f"feature '{feature.id}' has no verify commands, so nothing can prove it",
            hint=f"give it one: git ovn feature edit {feature.id} --verify COMMAND",
        )
    location = bench.location or store.location
    git = Git(location)
    head, uncommitted = _look(git)
    tree = _tree(store, git, head, uncommitted, bench)
    at = rfc3339(store.clock.now())
    ran = _run(feature, location, bench)
    partial = uncommitted or (_moved(head, _look(git)) if head else "HEAD has no commit yet")
    evidence = Evidence(
        feature=feature.id,
        at=at,
        green=all(one.exit_code == 0 for one in ran),
        tree=tree,
        commit=head if partial is None else None,
        partial=partial[:1000] if partial else None,
        commands=tuple(_command(one) for one in ran),
    )
    return Measured(evidence, tuple(ran))


def _run(feature: Feature, location: Location, bench: Bench) -> list[Ran]:
    env = commands.environment(bench.environ, {names.ENV_FEATURE: feature.id})
    ran = []
    with log_file(location, feature.id).open("wb") as log:
        for command in feature.verify:
            log.write(f"$ {commands.show(command)}\n".encode("utf-8", "replace"))
            one = commands.run(command, location.tree(), env, seconds=bench.seconds, log=log)
            log.write(f"\n[{one.exit_code}] {one.seconds:g} s, {one.size} bytes\n".encode())
            ran.append(one)
            if bench.watch is not None:
                bench.watch(one)
    return ran


def log_file(location: Location, feature: str) -> Path:
    """Return where the output of a feature's last verification is kept; its folder exists."""
    folder = location.local / names.LOG_FOLDER / "verify"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{feature}.log"


def _command(ran: Ran) -> Command:
    summary = redact(ran.summary)[:20000]
    return Command(ran.command, max(-255, min(255, ran.exit_code)), ran.seconds, summary, ran.digest)


# -- is it the tree of a commit? ---------------------------------------------------------------


def _look(git: Git) -> tuple[str | None, str | None]:
    """Return HEAD's commit, and what of the work tree is in no commit, in words (None: nothing).

    A nested repository is no part of any commit and does not count; a file hidden from git by a
    flag in the index does.
    """
    found, flagged = status.read_with_flags(git)
    loose = [one.path for one in found.changed]
    loose += [*found.unmerged, *(path for path in found.untracked if not path.endswith(b"/"))]
    if loose:
        return found.head, f"not committed: {_some(loose)}"
    hidden = [path for tag, path in flagged if tag.islower() or _is_there(git.location, path)]
    if hidden:
        return found.head, f"hidden from git by a flag in the index: {_some(hidden)}"
    return found.head, None


def _is_there(location: Location, path: bytes) -> bool:
    """Tell whether a path marked skip-worktree lies in the work tree all the same."""
    return os.path.lexists(os.path.join(os.fsencode(location.tree()), path))  # noqa: PTH118 - bytes


def _moved(head: str, after: tuple[str | None, str | None]) -> str | None:
    if after[0] != head:
        return "HEAD moved during the run"
    return f"the run left files behind, {after[1]}" if after[1] else None


def _some(paths: Sequence[bytes]) -> str:
    shown = ", ".join(quote(path) for path in paths[:SHOWN])
    return shown + (f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else "")


def _tree(store: StateStore, git: Git, head: str | None, uncommitted: str | None, bench: Bench) -> str:
    """Return the tree that is measured: the commit's, or one of the files as they are."""
    if head is not None and uncommitted is None:
        return store.objects.commit(head).tree
    limits = bench.limits
    with gc_guard(store.location):
        return snapshot.take(
            git,
            store.objects,
            max_file_bytes=limits.file_bytes,
            max_total_bytes=limits.total_bytes,
            trusted=limits.trusted,
        ).tree


def at_location(bench: Bench, location: Location) -> Bench:
    """Return the same bench in another work tree."""
    return replace(bench, location=location)
