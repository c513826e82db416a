"""What restore, rollback and undo have in common: the order given and the outcome told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn.cli.output import Painted

if TYPE_CHECKING:
    from ovn.cli.context import Context
    from ovn.operations import Order, Outcome


def order(context: Context, verb: str, *, target: str | None = None, force: bool, dry_run: bool) -> Order:
    """Return the order for an operation typed here."""
    from ovn.cli.place import limits, session_here
    from ovn.operations import Order

    here = session_here(context)
    return Order(
        verb,
        here.session,
        by=here.by,
        target=target,
        force=force,
        dry_run=dry_run,
        generation=here.generation,
        limits=limits(context),
    )


def tell(context: Context, outcome: Outcome, done: str) -> None:
    """Print what was done, or with ``--dry-run`` what would be."""
    from ovn.model import codec

    operation = codec.encode(outcome.operation) if outcome.operation else None
    safety = outcome.safety.id if outcome.safety else None
    if context.json:
        context.out.json(outcome.description | {"operation": operation, "safety": safety})
        return
    _tell_plan(context, outcome.description)
    if outcome.operation:
        context.out.line(Painted(done, "green"), f"  (operation {outcome.operation.id})")
        context.out.hint(f"how it was before is in {safety}; 'git ovn undo' takes it back")
    if outcome.operation and outcome.operation.aside:
        context.out.note(f"what would have been lost was moved to .git/{outcome.operation.aside}")


def _tell_plan(context: Context, description: dict[str, object]) -> None:
    for name, letter in (("creates", "A"), ("writes", "M"), ("deletes", "D")):
        paths = description.get(name)
        for path in paths if isinstance(paths, list) else ():
            context.out.line(f"{letter}  {path}")
    if description.get("head"):
        context.out.line(f"branch  {description['head']}")
    kept = description.get("kept")
    for path in kept if isinstance(kept, list) else ():
        context.out.note(f"'{path}' stays as it is")
    lost = description.get("would_lose")
    for row in lost if isinstance(lost, list) else ():
        context.out.warning(f"would lose {row['path']} ({row['why']})")
