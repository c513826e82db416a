"""Will this night work? Every question that can be asked before it, each answered by one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn import baseline, features, notify
from ovn.checks import commands, trust
from ovn.checks.health import Finding
from ovn.errors import NotTrusted, OvnError
from ovn.git import worktrees
from ovn.git.run import Git
from ovn.githooks import install
from ovn.runner import awake, beginning, sole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ovn.config import Config
    from ovn.model.documents import Feature
    from ovn.runner.beginning import Wish
    from ovn.state.store import StateStore

BASELINE_SECONDS = 30.0
VERIFY_SECONDS = 10.0
TOGETHER = 20.0
"""Seconds for the verify commands of all features: the whole check is over within a minute."""


def look(store: StateStore, config: Config, wish: Wish) -> Iterator[Finding]:
    """Yield what each question came to, as it is answered.

    Raises UsageError for an unknown agent, NotInitialised.

    Commands run only if they are trusted, and each for a short time: one that is still running
    then has started, which is what was asked.
    """
    known = features.registry(store)
    trusted = _trust(store, config, wish, known)
    yield trusted
    yield _alone(store)
    yield _tree(store, wish)
    yield _registry(known, wish.features)
    yield _hooks(store)
    yield _awake(wish.environ)
    yield _notifications(store, config, wish)
    _, agent = beginning.agent_of(config, wish)
    if not trusted.ok:
        return
    yield from beginning.fit(store, config, agent, wish.environ)
    yield _baseline(store, config, wish)
    yield from _verifies(store, wish, known)


def _trust(store: StateStore, config: Config, wish: Wish, known: Mapping[str, Feature]) -> Finding:
    book = trust.Book(wish.trust_home, store.location, wish.trust_given)
    try:
        book.check(trust.items(store.location, config, known.values()))
    except NotTrusted as error:
        return Finding("trust", False, str(error), error.hint)
    return Finding("trust", True, "every command is trusted")


def _notifications(store: StateStore, config: Config, wish: Wish) -> Finding:
    """Tell who will be told; nothing is sent, and nothing of an address is repeated."""
    ways, troubles = notify.ways_of(config.notifications, store.location.tree(), wish.environ)
    if troubles:
        return Finding("telling", False, troubles[0], "set it right, and try 'git ovn notify'")
    if not ways:
        return Finding("telling", True, "nobody is told anything; see 'notifications' in the configuration")
    return Finding("telling", True, f"by {' and '.join(way.name for way in ways)}")


def _alone(store: StateStore) -> Finding:
    worktree = store.location.worktree
    held = [one for one in sole.alive(store.location.local) if one.worktree == worktree]
    if held:
        text = f"run '{held[0].run}' works here (pid {held[0].pid})"
        return Finding("runner", False, text, "wait for it, or 'git ovn stop'")
    return Finding("runner", True, "no other night works here")


def _tree(store: StateStore, wish: Wish) -> Finding:
    found = worktrees.facts(Git(store.location))
    apart = wish.ground.worktree is not None
    if found.head is None:
        return Finding("work tree", False, "there is no commit yet", "make the first commit yourself")
    if found.operation and not apart:
        return Finding("work tree", False, f"a {found.operation} is in progress", "finish it")
    if not found.clean and not apart and not wish.ground.allow_dirty:
        return Finding("work tree", False, "there is uncommitted work", "commit it, or --allow-dirty")
    return Finding("work tree", True, "clean" if found.clean else "dirty, and kept in a checkpoint")


def _registry(known: Mapping[str, Feature], only: tuple[str, ...]) -> Finding:
    first = features.choose(known, only)
    if first is None:
        hint = "add one with 'git ovn feature add', see 'git ovn feature list'"
        return Finding("features", False, "none can be worked on", hint)
    count = len(features.pending(known))
    return Finding("features", True, f"{count} to build, the first is '{first.id}'")


def _hooks(store: StateStore) -> Finding:
    found = install.status(store.location)
    hint = None if found.works else "install them with 'git ovn hooks install'"
    return Finding("hooks", found.works, "installed" if found.works else "not all are reached", hint)


def _awake(environ: Mapping[str, str]) -> Finding:
    """Tell whether the machine will be kept awake; a server that never sleeps needs nothing."""
    with awake.kept(environ, "git ovn run --check") as holds:
        if holds:
            return Finding("sleep", True, "the machine will be kept awake")
    return Finding("sleep", True, "it cannot be kept awake from here; see that it does not fall asleep")


def _baseline(store: StateStore, config: Config, wish: Wish) -> Finding:
    wanted = config.commands
    if wanted.baseline is None:
        hint = "set 'commands.baseline', so that the night sees what it breaks"
        return Finding("baseline", True, "none is set", hint)
    setting = baseline.Setting(wanted.baseline, wanted.setup, wish.environ, BASELINE_SECONDS, trusted=True)
    try:
        told = baseline.ensure(store, setting)
    except OvnError as error:
        return Finding("baseline", False, str(error), error.hint)
    if told is None:
        return Finding("baseline", False, "there is no commit to run it on")
    if told.timed_out:
        return Finding("baseline", True, f"runs, longer than {BASELINE_SECONDS:.0f} s")
    found = told.baseline
    if baseline.broken(found):
        return Finding("baseline", False, f"red, and no test is named: {found.summary}", "mend it first")
    failing = f"{len(found.failing)} failing already: {baseline.describe(found.failing)}"
    return Finding("baseline", True, failing if found.failing else f"green in {found.seconds:.0f} s")


def _verifies(store: StateStore, wish: Wish, known: Mapping[str, Feature]) -> Iterator[Finding]:
    """Run the verify commands of what is to be built: red is right, not found is wrong."""
    end = store.clock.monotonic() + TOGETHER
    for feature in features.pending(known):
        if wish.features and feature.id not in wish.features:
            continue
        if not feature.verify:
            hint = f"git ovn feature edit {feature.id} --verify COMMAND"
            yield Finding("verify", False, f"{feature.id}: has no verify command", hint)
            continue
        left = end - store.clock.monotonic()
        if left <= 0:
            yield Finding("verify", True, f"{feature.id}: not tried, the minute is over")
            continue
        yield _verify(store, wish, feature, min(left, VERIFY_SECONDS))


def _verify(store: StateStore, wish: Wish, feature: Feature, seconds: float) -> Finding:
    env = commands.environment(wish.environ)
    ran = [commands.run(one, store.location.tree(), env, seconds=seconds) for one in feature.verify]
    dead = next((one for one in ran if one.exit_code in (commands.NOT_FOUND, commands.NOT_STARTED)), None)
    if dead is not None:
        text = f"{feature.id}: '{commands.show(dead.command)}' cannot run: {dead.summary}"
        return Finding("verify", False, text, f"git ovn feature edit {feature.id} --verify COMMAND")
    if any(one.timed_out for one in ran):
        return Finding("verify", True, f"{feature.id}: runs, longer than {seconds:.0f} s")
    green = all(one.exit_code == 0 for one in ran)
    return Finding(
        "verify", True, f"{feature.id}: runs, {'green already' if green else 'red, as it should be'}"
    )
