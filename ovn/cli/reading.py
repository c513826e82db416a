"""What reading verbs do first: fold what is acknowledged, and say what came to light."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ovn.cli.context import Context
    from ovn.state.fold import FoldReport


def fold(context: Context) -> None:
    """Fold what is pending; where that cannot be now (read-only, held, full) say so and go on."""
    from ovn.errors import Locked, NoSpace, ReadOnlyRepository

    waiting = context.store.pending()
    if not waiting:
        return
    try:
        report = context.store.fold()
    except (Locked, NoSpace, ReadOnlyRepository) as error:
        count = sum(waiting.values())
        context.out.warning(f"{count} acknowledged records are not on the state branch yet: {error}")
        return
    tell(context, report)


def tell(context: Context, report: FoldReport) -> None:
    """Say on stderr what a fold found that nobody expected."""
    from ovn.shift.briefing import fold_notices

    for sentence in fold_notices(report):
        context.out.warning(sentence)
