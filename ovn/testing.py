"""Find non-determinism before the night does: replay a program all the time, replay saved histories.

``always_replay`` begins a program anew after every outcome that it records, so that each call
is replayed as often as there are later ones. ``History`` keeps what a session recorded in a
file; ``replay`` runs today's program over it, without a repository and without running a step.
As a pytest plug-in (``pytest_plugins = ["ovn.testing"]``) it gives the fixture ``replay_history``.
"""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ovn import names
from ovn.clock import SYSTEM
from ovn.config import Config
from ovn.errors import InvalidDocument, NonDeterminismError
from ovn.git.locate import locate
from ovn.model import canonical
from ovn.model.documents import Session
from ovn.session import ending, opening
from ovn.session.asynchronous import DurableSession
from ovn.session.core import LARGEST, Core
from ovn.session.forking import lineage
from ovn.session.layers import Layers
from ovn.session.opening import Opening
from ovn.session.replay import History as Past
from ovn.session.synchronous import SyncSession
from ovn.state import blobs, reducers
from ovn.state.store import StateStore

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from ovn.model.canonical import Json
    from ovn.state.layers import StateLayer
    from ovn.state.segments import Numbered

    Program = Callable[[Any], Any]

MOST = 10_000
"""Times that a program is begun anew before it counts as one that never ends."""


class _Stop(BaseException):
    """The program is stopped here; no ``except Exception`` of its own hears of it."""


# -- always replay -------------------------------------------------------------------------


def always_replay(program: Program, session: str, *, repo: str | os.PathLike[str] = ".", **how: Any) -> Any:
    """Run ``program(session)`` with a restart after each outcome it records; return what it gives at last.

    The program is a function or a coroutine function of the session. ``how`` is as for
    ``DurableSession.start``. Raises NonDeterminismError where a replay took another path.
    """
    for _ in range(MOST):
        core = opening.begin(Opening(session, repo=repo, **how))
        made = _stop_after_outcome(core)
        try:
            given = _given(core, program)
        except BaseException as error:
            ending.leave(core, error)
            if isinstance(error, _Stop):
                continue
            raise
        ending.leave(core, None)
        if not made:
            return given
    raise NonDeterminismError(f"the program made a new call in each of {MOST} replays")


def _stop_after_outcome(core: Core) -> list[str]:
    """Let the program go on until it has recorded one outcome; return what it records meanwhile."""
    real, made, stopped = core.append, [], False

    def append(kind: str, data: dict[str, Any], *args: Any, **kwargs: Any) -> int:
        nonlocal stopped
        if stopped and kind in ("step", "note"):
            raise _Stop
        seq = real(kind, data, *args, **kwargs)
        made.append(kind)
        if kind == "step":
            stopped = True
            raise _Stop
        return seq

    core.append = append  # type: ignore[method-assign]
    return made


def _given(core: Core, program: Program) -> Any:
    if not inspect.iscoroutinefunction(program):
        return program(SyncSession(core))

    async def main() -> Any:
        core.root = asyncio.current_task()
        return await program(DurableSession(core))

    return asyncio.run(main())


# -- saved histories -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class History:
    """What a session recorded, with numbers, as it can be kept beside the program's tests."""

    session: str
    numbered: tuple[Numbered, ...]

    @classmethod
    def of(cls, session: str, *, repo: str | os.PathLike[str] = ".") -> History:
        """Return what is recorded of a session, and of what it was forked from."""
        store = StateStore.open(locate(Path(repo)))
        try:
            return cls(
                session, tuple((seq, _whole(store, record)) for seq, record in lineage(store, session))
            )
        finally:
            store.close()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to a file of JSON lines."""
        head = {"session": self.session, "version": 1}
        lines = [head, *({**record, "seq": seq} for seq, record in self.numbered)]
        Path(path).write_bytes(b"".join(canonical.dump_line(line) + b"\n" for line in lines))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> History:
        """Return the history in a file. Raises InvalidDocument naming the line."""
        lines = Path(path).read_bytes().splitlines()
        found = [canonical.load(line, f"{path}: line {number}") for number, line in enumerate(lines, 1)]
        if not found or found[0].get("version") != 1:
            raise InvalidDocument(f"{path}: not a saved history of version 1")
        return cls(found[0]["session"], tuple((line.pop("seq"), line) for line in found[1:]))


def _whole(store: StateStore, record: dict[str, Any]) -> dict[str, Any]:
    """Return a record with its result in it, also one that was too large for that."""
    data = record["data"]
    if record["type"] != "step" or "blob" not in data:
        return record
    text = blobs.get(store.location, store.objects, data["blob"]["oid"])
    result = canonical.load(text, "a recorded result", limit=LARGEST)
    rest = {key: value for key, value in data.items() if key != "blob"}
    return {**record, "data": {**rest, "result": result}}


def replay(program: Program, history: History) -> Any:
    """Run ``program(session)`` over a history and return what it gives; None where that ends early.

    Nothing runs: a call beyond the history's end stops the program, which is all right. Raises
    NonDeterminismError where the program takes another path, also when it ends too soon.
    """
    core = _Replayed(history)
    try:
        given = _given(core, program)
    except _Stop:
        return None
    missed = core.history.unrequested()
    if missed is not None:
        raise core.ended_early(missed, "its end")
    return given


class _Replayed(Core):
    """A session that is nowhere but in its history, and in which nothing new happens."""

    def __init__(self, history: History) -> None:
        nowhere = _Nowhere(history)
        past = Past(history.numbered)
        super().__init__(
            cast("StateStore", nowhere),  # all that a replay asks of one
            nowhere.session(history.session),
            past,
            generation=None,
            config=Config(),
            seed="replay",
            values={},
        )
        self.layers = _InMemory(self, {})

    def must_go_on(self) -> None:
        raise _Stop

    def append(self, *_: Any, **__: Any) -> int:
        raise _Stop

    def is_last(self) -> bool:
        return False  # no file is brought back


class _InMemory(Layers):
    """Layers that are not written anywhere."""

    def values(self, which: StateLayer) -> dict[str, Any]:
        self._known.setdefault(which, {})
        return super().values(which)

    def _record(self, which: StateLayer, put: dict[str, Json], drop: list[str]) -> None:
        kept = {**self.values(which), **put}
        self._known[which] = {key: value for key, value in kept.items() if key not in drop}


class _Nowhere:
    """What a replay asks of a state store: the session's document at the end, no checkpoint."""

    def __init__(self, history: History) -> None:
        self.clock = SYSTEM
        self.call: dict[str, Any] | None = None
        self.objects = self
        self._known: dict[str, Any] = {}
        records = (record for _, record in history.numbered)
        count = 0
        for is_step, run in groupby(records, lambda record: record["type"] == "step"):
            numbered = list(enumerate(run, count + 1))
            count += len(numbered)
            if is_step:
                self._known.update(reducers.steps(self, history.session, numbered))
                continue
            for seq, record in numbered:
                self._known.update(reducers.apply(self, history.session, seq, record))

    def view(self) -> _Nowhere:
        return self

    def get(self, path: str) -> Any | None:
        return self._known.get(path)

    def names(self, folder: str) -> list[str]:
        return [path.removeprefix(f"{folder}/") for path in self._known if path.startswith(f"{folder}/")]

    def layer(self, session: str) -> dict[str, Json]:
        found = self.get(names.layer_file(session))
        return dict(found.values) if found is not None else {}

    def session(self, session: str) -> Session:
        found = self.get(names.session_file(session))
        if not isinstance(found, Session):
            raise InvalidDocument(f"the history of session '{session}' is empty")
        return found

    def refs(self, _prefix: str) -> dict[str, str]:
        return {}

    def since(self, _session: str, _seq: int) -> list[Numbered]:
        return []


try:
    import pytest
except ImportError:  # the plug-in is for those who test; the functions above are for all
    pass
else:

    @pytest.fixture
    def replay_history() -> Callable[[Program, str | os.PathLike[str]], Any]:
        """Return ``replay_history(program, path)``: run a program over a saved history."""
        return lambda program, path: replay(program, History.load(path))
