"""What the core asks its driver to do: the only places where a program waits or runs.

The core's procedures are generators that yield these; ``asynchronous`` and ``synchronous``
carry them out, each in its own way. (The idea of protocols without input and output is
Cory Benfield's "sans-io".)
"""

from __future__ import annotations

import hashlib
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from ovn.frozen import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ovn.session.calls import Call
    from ovn.session.core import Core


class Work:
    """A function with what to call it with; no dataclass, nor is ``Invoke``: each step makes one."""

    __slots__ = ("args", "function", "kwargs")

    def __init__(
        self, function: Callable[..., Any], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs or {}


@dataclass(frozen=True, slots=True)
class CurrentStep:
    """The step that runs now: what its function may ask about itself.

    ``idempotency_key`` is the same in every attempt and after every restart, and no other
    step's: give it to a server that knows such keys, and running again does no harm.
    ``attempt`` counts from 1.
    """

    session: str
    name: str
    attempt: int
    core: Core = field(repr=False, compare=False)
    call: Call = field(repr=False, compare=False)

    @property
    def idempotency_key(self) -> str:
        """Return 32 characters that stand for this step wherever it runs again."""
        text = f"{self.core.seed}\0{self.session}\0{self.call.path}"
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


class Invoke:
    """Run the work as a step, for at most ``timeout`` seconds; give back what it returns or raises."""

    __slots__ = ("call", "step", "timeout", "work")

    def __init__(self, work: Work, call: Call, step: CurrentStep, timeout: float | None = None) -> None:
        self.work = work
        self.call = call
        self.step = step
        self.timeout = timeout


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait that many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Forever:
    """Wait until cancelled: ``call`` was, in an earlier run, and the program went on."""

    call: Call


Effect = Invoke | Pause | Forever
Procedure = "Generator[Effect, Any, Any]"

CURRENT: ContextVar[CurrentStep | None] = ContextVar("ovn_step", default=None)


def current_step() -> CurrentStep | None:
    """Return the step in whose function this is called; None outside of any."""
    return CURRENT.get()
