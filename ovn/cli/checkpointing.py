"""What ``git ovn checkpoint`` does, once its words are read. No click here: see ``verbs.QUICK``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn import names
from ovn.cli.output import Painted
from ovn.shown import duration, size

if TYPE_CHECKING:
    from ovn.checkpoints import Taken
    from ovn.cli.context import Context


def run(context: Context, label: str | None = None, text: str | None = None) -> None:
    """Take a checkpoint, named if there is a ``label``, and print what it is; ``text`` says more of it."""
    name = names.slug(label) if label else None
    said = text if text is not None else (label if label != name else None)
    _recover(context, "agent" if context.session else "person")
    taken = _take(context, name, said)
    if context.json:
        context.out.json(document(taken))
    else:
        tell(context, taken)


def _take(context: Context, name: str | None, said: str | None) -> Taken:
    from ovn.checkpoints import Request, take_asking
    from ovn.cli.place import limits, session_here

    def ask() -> tuple[Request, int | None]:
        here = session_here(context)
        kind = "named" if name else "automatic"
        return Request(session=here.session, label=name, kind=kind, text=said, by=here.by), here.generation

    return take_asking(context.store, ask, limits(context), context.glance)


def _recover(context: Context, by: str) -> None:
    """Put back what an operation left half done that was killed here: half of it is nothing to keep."""
    from ovn.cli.place import limits
    from ovn.git.locks import interrupted

    if not interrupted(context.location):
        return
    from ovn import operations

    for one in operations.recover(context.store, by, limits(context)):
        context.out.note(f"operation {one.id} ({one.verb}) was half done and is now {one.state}")
    context.look_again()


def document(taken: Taken) -> dict[str, object]:
    """Return what ``--json`` prints of a checkpoint that was taken."""
    from ovn.model import codec

    fields: dict[str, object] = codec.encode(taken.checkpoint)
    return fields | {"unchanged_since": taken.unchanged, "seconds": round(taken.seconds, 3)}


def tell(context: Context, taken: Taken) -> None:
    """Print the new checkpoint, what it holds and what it does not."""
    one = taken.checkpoint
    label = f" {one.label}" if one.label else ""
    context.out.line(
        Painted(one.id, "yellow"), label, f"  {_changed(one.changed)}, {duration(taken.seconds)}"
    )
    if taken.unchanged:
        context.out.note(f"nothing changed since {taken.unchanged}: both point to the same tree")
    if one.operation:
        context.out.note(f"a {one.operation} is in progress; it is kept too")
    for omission in one.omitted:
        big = f", {size(omission.size)}" if omission.size is not None else ""
        context.out.warning(f"left out: {omission.path} ({omission.why}{big})")


def _changed(count: int) -> str:
    return (
        f"{count} path{'' if count == 1 else 's'} changed against HEAD"
        if count
        else "nothing changed against HEAD"
    )
