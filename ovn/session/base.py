"""What both faces of a session share: all that does not wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ovn import checkpoints, names
from ovn.session import verbs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ovn.model.documents import Checkpoint, Handoff, Session
    from ovn.session.core import Core
    from ovn.session.layers import Layer, Layers
    from ovn.state.layers import StateLayer


class BaseSession:
    """The verbs of a session. All are journaled: in a replay they return what was recorded."""

    def __init__(self, core: Core) -> None:
        self._core = core

    # -- what there is -----------------------------------------------------------------------

    @property
    def session_id(self) -> str:
        """The session's id."""
        return self._core.id

    @property
    def state(self) -> Session:
        """The session document as it is now, read-only."""
        return self._core.document()

    @property
    def checkpoints(self) -> list[Checkpoint]:
        """The session's checkpoints, oldest first."""
        with self._core.lock:
            return checkpoints.found(self._core.store, self._core.id)

    @property
    def replaying(self) -> bool:
        """Whether something is recorded that the program has not come to yet."""
        with self._core.lock:
            return self._core.history.replaying

    @property
    def layers(self) -> Layers:
        """All layers: ``find(key)`` looks through them from the most volatile on."""
        return self._core.layers

    def layer(self, which: StateLayer) -> Layer:
        """Return a layer as a mapping. See ``ovn.state.layers`` for what survives what."""
        return self._core.layers.layer(which)

    # -- files -------------------------------------------------------------------------------

    def checkpoint(self, label: str, *, text: str | None = None) -> Checkpoint:
        """Keep files, index and HEAD as they are under a label, and return the checkpoint.

        Nothing of the person's is touched. Raises NoSpace, NotTrusted, StaleLease, InvalidName.
        """
        return verbs.checkpoint(self._core, label, text)

    def restore(self, checkpoint_id: str) -> bool:
        """Bring the files of a checkpoint back; HEAD, index and branch stay.

        False when there is no such checkpoint. What else goes wrong raises, and everything is
        as it was: WouldLose, Locked, NotTrusted.
        """
        return verbs.restore(self._core, checkpoint_id)

    def commit(self, label: str, *, message: str | None = None) -> Checkpoint:
        """Commit all work as the person would and take a checkpoint under ``label``, as one.

        The message is ``label`` unless another is given. Raises CommitRefused with the words
        of the hook that refused; SESSION reaches PERSISTENT.
        """
        return verbs.commit(self._core, label, message)

    def rollback(self, label: str) -> Checkpoint:
        """Bring files, index and branch back to a checkpoint, by label or id, and return it.

        Raises NotFound, Ambiguous, WouldLose, Diverged; then everything is as it was.
        """
        return verbs.rollback(self._core, label)

    # -- notes -------------------------------------------------------------------------------

    def note(self, text: str) -> None:
        """Add a note to the session document."""
        verbs.write(self._core, "note", "note", {"text": verbs.say(text)})

    def decide(self, text: str) -> None:
        """Add a decision to the session document: the next shift's agent is told of it."""
        verbs.write(self._core, "decide", "decision", {"text": verbs.say(text)})

    def block(self, text: str) -> str:
        """Add a blocker to the session document and return its id."""
        made = names.new_id(self._core.clock.now())
        known = verbs.write(self._core, "block", "blocker", {"id": made, "text": verbs.say(text)})
        return str(known["id"])

    def unblock(self, blocker: str) -> None:
        """Close a blocker."""
        verbs.write(self._core, "unblock", "unblocked", {"id": blocker})

    def handoff(
        self,
        accomplished: Iterable[str] = (),
        next: Iterable[str] = (),  # noqa: A002 - the contract's word
        blockers: Iterable[str] = (),
        tried: Iterable[str] = (),
        *,
        wip: bool = False,
    ) -> Handoff:
        """End the shift with its last words and return them.

        What is uncommitted is committed, or with ``wip`` kept in a checkpoint. Raises
        HandoffRefused with each rule that failed. Nothing can be recorded afterwards.
        """
        said = {"accomplished": accomplished, "next": next, "blockers": blockers, "tried": tried}
        words = {key: tuple(verbs.say(text) for text in texts) for key, texts in said.items()}
        return verbs.handoff(self._core, words, wip=wip)


def name_of(function: Any) -> str:
    """Return what a function is called where no name is given."""
    found = getattr(function, "__qualname__", None) or type(function).__qualname__
    return str(found).replace("<locals>.", "")


def check_function(function: Any) -> None:
    """Raise TypeError for what cannot be called."""
    if not callable(function):
        raise TypeError(f"{function!r} is not a function")
