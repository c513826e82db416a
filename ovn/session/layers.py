"""What a program keeps in the four layers, as mappings; see ``ovn.state.layers``.

Layers are state, not history: a replay reads what is there now. What has to be the same in a
replay belongs into a step.
"""

from __future__ import annotations

import copy
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from ovn.errors import InvalidDocument
from ovn.model import canonical
from ovn.session import results
from ovn.state.layers import StateLayer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ovn.model.canonical import Json
    from ovn.session.core import Core

LARGEST = 900_000
"""Bytes of JSON that the layer SESSION may hold: it is one document."""


class Layer(MutableMapping[str, Any]):
    """One layer: text keys, values that a step may return too.

    What is read is a copy, but in TRANSIENT, which is only memory. Every other write is on disk
    when it returns. Raises InvalidDocument for a value that is not JSON.
    """

    def __init__(self, layers: Layers, which: StateLayer) -> None:
        self._layers = layers
        self._which = which

    def __getitem__(self, key: str) -> Any:
        if self._which is StateLayer.TRANSIENT:
            return self._layers.transient[key]
        return results.decode(self._layers.values(self._which)[key])

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            raise TypeError(f"a key of a layer is a str, not {type(key).__name__}")
        self._layers.put(self._which, key, value)

    def __delitem__(self, key: str) -> None:
        self._layers.drop(self._which, key)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._layers.values(self._which)))

    def __len__(self) -> int:
        return len(self._layers.values(self._which))

    def __repr__(self) -> str:
        return f"Layer({self._which.name}, {dict(self)!r})"


class Layers:
    """All four layers of one session."""

    def __init__(self, core: Core, session: dict[str, Json]) -> None:
        self.transient: dict[str, Any] = {}
        self.held = 0
        """How many transactions are open: nothing is promoted out of one before it ends."""
        self._core = core
        self._flushed: dict[str, bytes] = {}
        self._late = False
        self._known: dict[StateLayer, dict[str, Json]] = {StateLayer.SESSION: session}

    def layer(self, which: StateLayer) -> Layer:
        """Return a layer as a mapping."""
        return Layer(self, StateLayer(which))

    def find(self, key: str, default: Any = None) -> Any:
        """Return the value from the most volatile layer that has the key."""
        for which in StateLayer:
            if key in self.values(which):
                return self.layer(which)[key]
        return default

    def values(self, which: StateLayer) -> dict[str, Any]:
        """Return a layer's values, as they are stored."""
        if which is StateLayer.TRANSIENT:
            return self.transient
        if which not in self._known:
            with self._core.lock:
                found = self._core.store.view().values(which.value)
            self._known[which] = {key: one.value for key, one in found.items()}
        return self._known[which]

    def put(self, which: StateLayer, key: str, value: Any) -> None:
        """Set a value; one that is there already is not written again."""
        if which is StateLayer.TRANSIENT:
            self.transient[key] = value
            return
        encoded = copy.deepcopy(results.encode(value, key))
        if key not in self.values(which) or self.values(which)[key] != encoded:
            self._record(which, {key: encoded}, [])

    def drop(self, which: StateLayer, key: str) -> None:
        """Take a value away; raises KeyError."""
        if which is StateLayer.TRANSIENT:
            del self.transient[key]
        elif key in self.values(which):
            self._record(which, {}, [key])
        else:
            raise KeyError(key)

    def waiting(self) -> int:
        """Return about how many values of TRANSIENT have not reached SESSION; those changed in place not."""
        return len(set(self.transient) ^ set(self._flushed))

    def flush(self) -> None:
        """Let TRANSIENT reach SESSION: what was set, changed in place or taken away since the last time."""
        with self._core.lock:
            encoded = {key: results.encode(value, key) for key, value in self.transient.items()}
            lines = {key: canonical.dump_line(value) for key, value in encoded.items()}
            fresh = {key: value for key, value in encoded.items() if self._flushed.get(key) != lines[key]}
            gone = [key for key in self._flushed if key not in lines]
            if fresh or gone:
                self._record(StateLayer.SESSION, copy.deepcopy(fresh), gone)
            self._flushed = lines

    def promote(self) -> None:
        """Let SESSION reach PERSISTENT; inside a transaction that waits until it is committed."""
        with self._core.lock:
            if self.held:
                self._late = True
                return
            kept = self.values(StateLayer.PERSISTENT)
            fresh = {
                key: value
                for key, value in self.values(StateLayer.SESSION).items()
                if key not in kept or kept[key] != value
            }
            if fresh:
                self._record(StateLayer.PERSISTENT, fresh, [])

    def hold(self) -> dict[str, Json]:
        """Begin a transaction: return the values of SESSION to come back to."""
        self.held += 1
        return copy.deepcopy(self.values(StateLayer.SESSION))

    def release(self, *, committed: bool) -> None:
        """End a transaction; what waited for the outermost to be committed is promoted now."""
        self.held -= 1
        if self.held:
            return
        late, self._late = self._late, False
        if late and committed:
            self.promote()

    def went_back(self, session: dict[str, Json], transient: dict[str, Any] | None) -> None:
        """Take SESSION as the state has it again, and TRANSIENT as it was, where that is known."""
        self._known[StateLayer.SESSION] = session
        if transient is not None:
            self.transient.clear()
            self.transient.update(transient)
        self._flushed = {
            key: canonical.dump_line(value) for key, value in session.items() if key in self.transient
        }

    def _record(self, which: StateLayer, put: dict[str, Json], drop: list[str]) -> None:
        core = self._core
        with core.lock:
            known = self.values(which)
            after = {**known, **put}
            for key in drop:
                after.pop(key, None)
            if which is StateLayer.SESSION and len(canonical.dump_line(after)) > LARGEST:
                raise InvalidDocument(
                    f"the layer SESSION would hold more than {LARGEST} bytes",
                    hint="return what is large from a step, or write it to a file",
                )
            core.must_go_on()
            core.look_for_secrets(canonical.dump_line(put).decode(), f"a value of {which.name}")
            core.append("layer", {"layer": which.value, "set": put, "drop": drop})
            self._known[which] = after
