"""``git ovn merge-back``: a night's branch into the branch it came from, once it is green there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ovn.cli.options import dry_run_option, json_option
from ovn.cli.output import Painted

if TYPE_CHECKING:
    from ovn.cli.context import Context
    from ovn.operations.merging import Joined
    from ovn.runner.mergeback import Bench, Wanted


@click.command("merge-back")
@click.argument("night", required=False)
@click.option("--into", metavar="BRANCH", help="Merge into this branch; by default the one it came from.")
@click.option("--no-ff", is_flag=True, help="Make a merge commit also where a fast-forward could be.")
@dry_run_option
@json_option
@click.pass_obj
def command(context: Context, night: str | None, into: str | None, no_ff: bool, dry_run: bool) -> None:
    """Merge NIGHT, a run or its branch (default: the newest), back into the branch it came from.

    By fast-forward, or by a merge commit. First every done feature is verified and the baseline
    compared on the merged tree, in a clean work tree; what is red there stops it with exit code
    14, and nothing has moved. 'git ovn undo' takes the merge back. The night's branch stays.
    """
    from ovn.cli.moves import order
    from ovn.runner import mergeback

    wanted = mergeback.choose(context.store, night, into)
    bench = mergeback.Bench(
        store=context.store,
        config=context.config,
        book=context.book,
        environ=context.environ,
        order=order(context, "merge-back", force=False, dry_run=dry_run),
        tell=context.out.note,
    )
    _tell(context, wanted, bench, mergeback.carry_out(bench, wanted, always_commit=no_ff))


def _tell(context: Context, wanted: Wanted, bench: Bench, joined: Joined) -> None:
    from ovn.model import codec
    from ovn.runner.mergeback import short

    outcome, merged = joined.outcome, joined.merged
    if context.json:
        context.out.json(
            outcome.description
            | {
                "operation": codec.encode(outcome.operation) if outcome.operation else None,
                "branch": wanted.night,
                "into": wanted.into,
                "run": wanted.run,
                "commit": merged.commit,
                "fast_forward": merged.fast_forward,
                "proven": bench.proven,
            }
        )
        return
    how = "by fast-forward" if merged.fast_forward else f"as merge commit {merged.commit[:10]}"
    words = f"'{short(wanted.night)}' into '{short(wanted.into)}' {how}"
    if outcome.operation is None:
        context.out.line(f"would merge {words}")
        return
    proven = f", {len(bench.proven)} features are green there" if bench.proven else ""
    context.out.line(Painted(f"merged {words}", "green"), f"{proven}  (operation {outcome.operation.id})")
    context.out.hint(f"'git ovn undo' takes it back; 'git branch -d {short(wanted.night)}' when you are done")
