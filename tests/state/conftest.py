"""Fixtures: a store in a fresh repository, and records of a night that are easy to write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ovn.model import codec, documents, records
from ovn.state.store import StateStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ovn.git.locate import Location

OID = "0123456789abcdef0123456789abcdef01234567"
TREE = "89abcdef0123456789abcdef0123456789abcdef"


class Night:
    """Makes records whose times are a second apart, beginning at 23:00."""

    def __init__(self) -> None:
        self.seconds = 0

    def time(self) -> str:
        hours, rest = divmod(self.seconds, 3600)
        return (
            f"2026-11-{22 + (23 + hours) // 24}T{(23 + hours) % 24:02d}:{rest // 60:02d}:{rest % 60:02d}.000Z"
        )

    def record(self, type_: str, /, by: str = "runner", **data: Any) -> records.Record:
        self.seconds += 1
        return records.make(type_, data, at=self.time(), by=by)

    def created(self, **data: Any) -> records.Record:
        return self.record("session.created", **{"kind": "run", "worktree": "main", **data})

    def step(self, name: str = "a step", outcome: str = "done", **data: Any) -> records.Record:
        return self.record("step", name=name, outcome=outcome, **data)

    def state(self, state: str, **data: Any) -> records.Record:
        return self.record("session.state", state=state, **data)

    def status(self, feature: str, status: str, **data: Any) -> records.Record:
        return self.record("feature.status", feature=feature, status=status, **data)

    def checkpoint(self, id_: str, label: str | None = None, **data: Any) -> records.Record:
        kind = "named" if label else "automatic"
        made = documents.Checkpoint(
            id=id_,
            session=id_.partition("/")[0],
            label=label,
            kind=kind,
            at=self.time(),
            commit=OID,
            tree=TREE,
            worktree="main",
        )
        return self.record("checkpoint", **{**codec.encode(made), **data})

    def evidence(self, feature: str, *, green: bool = True) -> records.Record:
        command = documents.Command(
            "pytest -q", 0 if green else 1, 2.5, "3 passed" if green else "1 failed", "d" * 64
        )
        made = documents.Evidence(feature, self.time(), green, TREE, OID, None, (command,))
        return self.record("evidence", **codec.encode(made))

    def handoff(self, session: str, **said: Any) -> records.Record:
        made = documents.Handoff(version=1, session=session, at=self.time(), author="agent", **said)
        return self.record("handoff", **codec.encode(made))

    def feature(self, id_: str, number: int = 1, **fields: Any) -> documents.Feature:
        return documents.Feature(
            version=2, id=id_, number=number, title=f"Feature {id_}", created=self.time(), **fields
        )


@pytest.fixture
def night() -> Night:
    return Night()


@pytest.fixture
def store(location: Location) -> Iterator[StateStore]:
    """Return the store of a fresh repository with a state branch."""
    one = StateStore.open(location)
    one.init("trading-bot")
    yield one
    one.close()


@pytest.fixture
def again(location: Location) -> Callable[[], StateStore]:
    """Return what another process would open."""
    return lambda: StateStore.open(location)
