"""Where the work of a session stands, and in whose name the night acts on it."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Any

from ovn import checkpoints, features, names, operations
from ovn.checks import verify
from ovn.clock import rfc3339
from ovn.errors import NotFound
from ovn.frozen import dataclass, replace
from ovn.git.gc import gc_guard
from ovn.model import codec, records
from ovn.recovery import facts

if TYPE_CHECKING:
    from ovn.git.snapshot import Snapshot
    from ovn.model.documents import Checkpoint, Feature, Session
    from ovn.runner.night import Night

End = tuple[str, str | None]
"""A stop word, and more about it."""


@dataclass(frozen=True, slots=True)
class Going:
    """A session at work: its id, its lease's generation, its feature."""

    session: str
    generation: int
    feature: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the work stands, read just now. ``base`` is the checkpoint from before the feature."""

    session: Session
    feature: Feature
    base: Checkpoint | None
    shot: Snapshot

    @property
    def worked(self) -> bool:
        """Whether anything differs from how it was before the feature."""
        return self.base is not None and (self.shot.tree, self.shot.head) != (self.base.tree, self.base.head)


def look(night: Night, going: Going) -> Standing:
    """Return where the work stands. Raises NotFound when session or feature are gone."""
    view = night.store.view()
    session, feature = view.session(going.session), view.feature(going.feature)
    if session is None or feature is None:
        raise NotFound(f"session '{going.session}' or feature '{going.feature}' is gone")
    with gc_guard(night.store.location):
        shot = checkpoints.look(night.store, night.checkpoint_limits)
    return Standing(session, feature, base_of(night, going), shot)


def us(night: Night, going: Going) -> facts.Us:
    """Return who we are to the leases of this session."""
    return replace(night.us, session=going.session)


def actor(going: Going) -> features.Actor:
    """Return who changes the registry in this session."""
    return features.Actor("runner", going.session, going.generation)


def record(night: Night, going: Going, kind: str, data: Any) -> None:
    """Record something in the session's journal; ``data`` a document or a JSON value."""
    made = records.make(kind, codec.encode(data), at=rfc3339(night.store.clock.now()), by="runner")
    night.store.record(going.session, made, generation=going.generation)


def order(night: Night, going: Going, verb: str, target: str | None = None) -> operations.Order:
    """Return the order of an operation in this session."""
    return operations.Order(
        verb,
        going.session,
        by="runner",
        target=target,
        feature=going.feature,
        generation=going.generation,
        limits=night.checkpoint_limits,
    )


def chain(night: Night, going: Going) -> list[Session]:
    """Return this session and those before it in the run at the same feature, newest first.

    An agent that hands off on its own ends its session; what it did is still part of the work.
    """
    sessions, view = night.document().sessions, night.store.view()
    until = sessions.index(going.session) if going.session in sessions else 0
    found = [view.session(one) for one in (going.session, *reversed(sessions[:until]))]
    same = takewhile(lambda one: one is not None and one.feature == going.feature, found)
    return [one for one in same if one is not None]


def base_of(night: Night, going: Going) -> Checkpoint | None:
    """Return the checkpoint from before the feature: that of the first session at it."""
    held = (_labelled(night, one.id, going.feature) for one in reversed(chain(night, going)))
    return next((one for one in held if one is not None), None)


def foreign_commits(night: Night, going: Going, head: str | None, base: str | None) -> list[str]:
    """Return the commits since ``base`` that no session of the work made."""
    found = [facts.foreign_commits(night.store, one, head, base) for one in chain(night, going)]
    return [one for one in found[0] if all(one in others for others in found[1:])] if found else []


def _labelled(night: Night, session: str, feature: str) -> Checkpoint | None:
    label = names.slug(f"before-{feature}")
    found = (one for one in checkpoints.found(night.store, session) if one.label == label)
    return next(found, None)


def bench(night: Night) -> verify.Bench:
    """Return where verify commands run: in the work tree, with what commands may see."""
    return verify.Bench(night.environ, limits=night.checkpoint_limits)
