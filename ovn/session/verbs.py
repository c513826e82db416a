"""The verbs of a session that touch files and documents: journaled like steps, carried out once.

In a replay each returns what was recorded and touches nothing. A verb that failed is recorded
too, so that a program that handled it goes the same way again. Where a process died between
what a verb did and the record of it, the records that the verb left say how far it came.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from ovn import checkpoints, names, operations
from ovn.errors import InvalidName, NotFound
from ovn.git import trailers
from ovn.git.run import Git
from ovn.model import codec
from ovn.model.documents import Checkpoint, Handoff
from ovn.recovery.facts import current_branch
from ovn.redaction import redact
from ovn.session import ending, surroundings
from ovn.session.core import BY
from ovn.shift import closing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ovn.session.calls import Call, Past
    from ovn.session.core import Core

T = TypeVar("T")

_NOT_YET = object()
"""What a look at a verb's own records gives when it has to be carried out."""


def perform(
    core: Core,
    verb: str,
    name: str,
    act: Callable[[Call, Past | None], T],
    *,
    found: Callable[[Past], Any] = lambda _: _NOT_YET,
    read: Callable[[Any], T] = lambda value: value,
) -> T:
    """Carry a verb out once.

    ``found`` looks at the records that the verb itself left; ``read`` makes the result of what
    ``act`` returned when it recorded it as an outcome.
    """
    call, past = core.request(verb, name)
    if past is not None:
        if past.outcome is not None:
            return read(core.value(call, past))
        known = found(past)
        if known is not _NOT_YET:
            return known  # type: ignore[no-any-return]
    core.must_go_on()
    if core.unwinding:
        core.unwinding.append(call)
    try:
        with core.calling(call):
            return act(call, past)
    except Exception as error:
        if not core.is_broken(error):
            core.failed(call, error)
        raise


# -- notes ---------------------------------------------------------------------------------


def write(core: Core, verb: str, kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """Record something in the session document, once, and return the data as it is recorded."""

    def act(call: Call, _: Past | None) -> dict[str, Any]:
        core.append(kind, data, call)
        return data

    def found(past: Past) -> Any:
        known = past.did(kind)
        return _NOT_YET if known is None else known

    return perform(core, verb, verb, act, found=found)


def say(text: str) -> str:
    """Return text for people as it may be kept: without secrets, and not longer than a record holds."""
    return redact(str(text))[:20_000]


# -- checkpoints ---------------------------------------------------------------------------


def checkpoint(core: Core, label: str, text: str | None = None) -> Checkpoint:
    """Take a named checkpoint; TRANSIENT reaches SESSION first."""
    slug = _label(label)
    said = text if text is not None else (label if slug != label else None)

    def act(_: Call, __: Past | None) -> Checkpoint:
        core.layers.flush()
        return take(core, slug, said)

    return perform(core, "checkpoint", slug, act, found=_named)


def take(core: Core, label: str, text: str | None = None) -> Checkpoint:
    """Take a checkpoint now, without a look at what is recorded."""
    request = checkpoints.Request(core.id, label=label, text=text, by=BY)
    return checkpoints.take(core.store, request, core.limits, generation=core.generation).checkpoint


def _label(text: str) -> str:
    return names.slug(text)


def line(text: str, what: str) -> str:
    """Return text that fits on one line of a record; raises InvalidName naming ``what``."""
    good = isinstance(text, str) and 0 < len(text) <= 1000
    if good and text.isprintable():
        return text
    if not good or "\n" in text or "\r" in text or "\0" in text:
        raise InvalidName(f"a {what} is one line of 1 to 1000 characters, not {text!r:.60}")
    return text


def _named(past: Past) -> Any:
    data = past.did("checkpoint")
    return _NOT_YET if data is None or data["kind"] != "named" else codec.decode(Checkpoint, data)


def find(core: Core, wanted: str) -> Checkpoint:
    """Return the checkpoint that a label or an id means in this session; raises NotFound, Ambiguous."""
    known, worktree = checkpoints.found(core.store), core.store.location.worktree
    for source in core.ancestors:
        inherited = [one for one in known if one.session == source]
        own = [one for one in known if one.session == core.id]
        try:
            return checkpoints.resolve(wanted, own, session=core.id, worktree=worktree)
        except NotFound:
            found = _inherited(core, wanted, inherited)
            if found is not None:
                return found
    return checkpoints.resolve(wanted, known, session=core.id, worktree=worktree)


def _inherited(core: Core, wanted: str, known: list[Checkpoint]) -> Checkpoint | None:
    """Return a checkpoint of the session that this one was forked from, as if taken on its branch."""
    try:
        found = checkpoints.resolve(wanted, known, session=None, worktree=core.store.location.worktree)
    except NotFound:
        return None
    return replace(found, branch=current_branch(Git(core.store.location)))


# -- restore and rollback ------------------------------------------------------------------


def restore(core: Core, wanted: str) -> bool:
    """Bring the files of a checkpoint back; False when there is no such checkpoint."""

    def act(call: Call, past: Past | None) -> bool:
        try:
            target = find(core, wanted)
        except (NotFound, InvalidName):
            core.done(call, False)
            return False
        if _done(past, "restore") is None:
            operations.restore(core.store, order(core, "restore", target), target)
        core.done(call, True)
        return True

    return perform(core, "restore", wanted, act)


def rollback(core: Core, wanted: str) -> Checkpoint:
    """Bring files, index and branch back to a checkpoint and return it."""

    def act(call: Call, past: Past | None) -> Checkpoint:
        target = find(core, wanted)
        if _done(past, "rollback") is None:
            operations.rollback(core.store, order(core, "rollback", target), target)
        core.done(call, codec.encode(target))
        return target

    return perform(core, "rollback", wanted, act, read=_checkpoint)


def order(core: Core, verb: str, target: Checkpoint | None = None) -> operations.Order:
    """Return the order for an operation of this program."""
    return operations.Order(
        verb,
        core.id,
        by=BY,
        target=target.id if target else None,
        feature=core.feature if verb == "commit" else None,
        generation=core.generation,
        limits=core.limits,
    )


def _done(past: Past | None, verb: str) -> dict[str, Any] | None:
    """Return the operation that this call finished before its process died, if it did."""
    made = past.did("operation") if past is not None else None
    return made if made is not None and made["verb"] == verb and made["state"] == "done" else None


def _checkpoint(value: Any) -> Checkpoint:
    found: Checkpoint = codec.decode(Checkpoint, value)
    return found


# -- commit --------------------------------------------------------------------------------


def commit(core: Core, label: str, message: str | None = None) -> Checkpoint:
    """Commit all work as the person would, with their hooks, and take a checkpoint of it.

    ``head`` of the checkpoint is the commit; with nothing to commit only the checkpoint is taken.
    """
    slug = _label(label)

    def act(call: Call, past: Past | None) -> Checkpoint:
        core.layers.flush()
        words = message or label
        if not _committed(core, past):
            operations.commit_work(core.store, order(core, "commit"), words)
        held: Any = _named(past) if past is not None else _NOT_YET
        taken: Checkpoint = take(core, slug) if held is _NOT_YET else held
        core.layers.promote()
        core.done(call, codec.encode(taken))
        return taken

    return perform(core, "commit", slug, act, read=_checkpoint)


def _committed(core: Core, past: Past | None) -> bool:
    """Tell whether the commit was made before the process died, and record it where nobody did.

    Its operation says where HEAD was; a commit on top of that with this session's trailer is it.
    """
    made = past.did("operation") if past is not None else None
    if past is None or made is None or made["verb"] != "commit":
        return False
    if made["state"] == "done" or past.did("commit") is not None:
        return True
    head = core.store.objects.resolve("HEAD", peel=True)
    if head is None or head == made["before"]["head"]:
        return False
    info = core.store.objects.commit(head)
    ours = trailers.value(info.message, names.TRAILER_SESSION) == core.id
    before = made["before"]["head"]
    if not ours or tuple(info.parents) != ((before,) if before else ()):
        return False
    if head not in {work.commit for work in core.document().commits}:
        data = {"commit": head, "kind": "own", "feature": core.feature, "subject": info.subject}
        core.append("commit", data)
    return True


# -- the end -------------------------------------------------------------------------------


def handoff(core: Core, said: Mapping[str, tuple[str, ...]], *, wip: bool) -> Handoff:
    """End the shift with its last words; what is uncommitted is committed, or kept with ``wip``."""

    def act(_: Call, __: Past | None) -> Handoff:
        missed = core.history.unrequested()
        if missed is not None:
            raise core.ended_early(missed, "a handoff")
        core.layers.flush()
        core.layers.promote()
        words = closing.hand_off(
            core.store,
            core.config,
            closing.Closing(
                core.id,
                author="agent",
                said=said,
                wip=wip,
                us=surroundings.us(),
                generation=core.generation,
                limits=core.limits,
            ),
        ).handoff
        ending.handed_over(core)
        return words

    def found(past: Past) -> Any:
        data = past.did("handoff")
        if data is None:
            return _NOT_YET
        ending.finish_handoff(core)
        return codec.decode(Handoff, data)

    return perform(core, "handoff", "handoff", act, found=found)
