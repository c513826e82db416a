"""``git ovn review``: feature by feature after the night: keep, roll back, hold."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from ovn.cli.options import dry_run_option, force_option, json_option
from ovn.cli.output import Painted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ovn.cli.context import Context
    from ovn.report.model import Feature, Night
    from ovn.report.reviewing import Branch, Done

KEYS = {"k": "keep", "r": "roll-back", "h": "hold", "d": "diff", "s": "skip", "q": "quit"}


@click.command()
@click.argument("features", nargs=-1, metavar="[FEATURE]...")
@click.option("--keep", "kept", multiple=True, metavar="ID", help="Make a branch and a text for it.")
@click.option(
    "--roll-back", "taken", multiple=True, metavar="ID", help="Invert its commits, keep later ones."
)
@click.option("--hold", "held", multiple=True, metavar="ID", help="Leave it as it is, to be looked at again.")
@click.option("--run", "run", metavar="ID", help="Of that night, not the newest.")
@click.option("--stat", is_flag=True, help="Only how much changed, a line a path.")
@dry_run_option
@force_option
@json_option
@click.pass_obj
def command(
    context: Context,
    features: tuple[str, ...],
    *,
    kept: tuple[str, ...],
    taken: tuple[str, ...],
    held: tuple[str, ...],
    run: str | None,
    stat: bool,
    dry_run: bool,
    force: bool,
) -> None:
    """Go through the features that the night built: each with its own diff, and what to do about it.

    \b
    keep       makes the branch review/FEATURE with its commits, and a text for a pull request
    roll back  inverts its commits and keeps later ones; 'git ovn undo' takes that back
    hold       leaves it, and remembers that somebody has to look again

    With --keep, --roll-back or --hold nothing is asked; without a terminal the diffs are printed.
    """  # noqa: D301 - click's own mark
    from ovn.cli import reading
    from ovn.errors import Refused
    from ovn.report import gather
    from ovn.report.reviewing import chosen, one_way_each

    if context.session:
        raise Refused("a session does not review its own work", hint="a person does, from a shell")
    reading.fold(context)
    night = gather(context.store, run=run)
    wanted = {"roll-back": taken, "keep": kept, "hold": held}
    one_way_each(wanted)
    chosen(night, [one for several in wanted.values() for one in several])
    found = chosen(night, features)
    acts = _Acts(context, night, dry_run=dry_run, force=force)
    if any(wanted.values()):
        done = [acts.carry_out(one, way) for way, ids in wanted.items() for one in chosen(night, ids) if ids]
        _json(context, night, done=done)
    elif context.json:
        _json(context, night, found)
    elif sys.stdin.isatty() and sys.stdout.isatty():
        _ask(context, acts, found)
    else:
        _show_all(context, found, stat=stat)


def _json(context: Context, night: Night, found: Iterable[Feature] = (), done: Iterable[Done] = ()) -> None:
    """Print the one document, where it is asked for."""
    from ovn.model import codec
    from ovn.report.reviewing import Reviewed, Row, decided

    if not context.json:
        return
    view = context.store.view()
    rows = tuple(Row(one, decided(view, one.id)) for one in found)
    run = night.runs[-1].run.id if night.runs else None
    context.out.json(codec.encode(Reviewed(run, rows, tuple(done))))


class _Acts:
    """Carries out what was decided, and says what came of it."""

    def __init__(self, context: Context, night: Night, *, dry_run: bool, force: bool) -> None:
        self._context = context
        self._night = night
        self._dry_run = dry_run
        self._force = force

    def carry_out(self, feature: Feature, way: str) -> Done:
        """Keep, roll back or hold one feature; return what came of it."""
        return {"keep": self._keep, "roll-back": self._roll_back, "hold": self._hold}[way](feature)

    def _keep(self, feature: Feature) -> Done:
        from ovn.report import pullrequest, reviewing

        context = self._context
        trusted = context.filters_trusted
        made = reviewing.branch(context.store, self._night, feature, trusted=trusted, dry_run=self._dry_run)
        text = pullrequest.text(self._night, feature, made)
        file = None
        if not self._dry_run:
            reviewing.remember(context.store, feature.id, "keep", made)
            file = self._write(feature, text)
        if not context.json:
            self._tell_branch(feature, made, file)
        return reviewing.Done(feature.id, "keep", self._dry_run, made, text, file)

    def _write(self, feature: Feature, text: str) -> str:
        """Keep the text where no work tree sees it; return where."""
        folder = self._context.location.local / "review"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{feature.id}.md"
        file.write_text(text, encoding="utf-8", errors="replace")
        return str(file)

    def _tell_branch(self, feature: Feature, made: Branch, file: str | None) -> None:
        out = self._context.out
        words = "made" if made.made else "would be made" if self._dry_run else "is there already"
        below = f", on top of {', '.join(made.below)}" if made.below else ""
        whole = " (with all of the night up to it)" if made.stands == "whole" else ""
        done = "would keep" if self._dry_run else "kept"
        out.line(Painted(f"{done} {feature.id}", "green"), f": branch {made.name} {words}{below}{whole}")
        if file is not None:
            out.hint(f"git push REMOTE {made.name}; the text for the pull request is in {file}")

    def _roll_back(self, feature: Feature) -> Done:
        from ovn import operations
        from ovn.cli.moves import order, tell
        from ovn.report import reviewing

        context = self._context
        reviewing.must_be_on_head(context.store, self._night, feature)
        wanted = order(context, "rollback", force=self._force, dry_run=self._dry_run)
        outcome = operations.rollback_feature(context.store, wanted, feature.id)
        if not self._dry_run:
            reviewing.remember(context.store, feature.id, "roll-back")
        if not context.json:
            tell(context, outcome, f"rolled back {feature.id}")
        operation = outcome.operation.id if outcome.operation else None
        return reviewing.Done(feature.id, "roll-back", self._dry_run, operation=operation)

    def _hold(self, feature: Feature) -> Done:
        from ovn.report import reviewing

        if not self._dry_run:
            reviewing.remember(self._context.store, feature.id, "hold")
        if not self._context.json:
            done = "would hold" if self._dry_run else "held"
            self._context.out.line(Painted(f"{done} {feature.id}", "yellow"), ": it stays as it is")
        return reviewing.Done(feature.id, "hold", self._dry_run)


def _ask(context: Context, acts: _Acts, found: list[Feature]) -> None:
    """Go through the features with a person; whatever is not answered stays as it is."""
    for feature in found:
        _show(context, feature, stat=True)
        while True:
            answer = _answer(context)
            if answer != "diff":
                break
            _patch(context, feature, stat=False)
        if answer == "quit":
            return
        if answer != "skip":
            _try(context, acts, feature, answer)


def _try(context: Context, acts: _Acts, feature: Feature, way: str) -> None:
    """Carry a decision out; what stands against it is said, and the next feature comes."""
    from ovn.errors import OvnError

    try:
        acts.carry_out(feature, way)
    except OvnError as error:
        context.out.error(str(error))
        if error.hint:
            context.out.hint(error.hint)


def _answer(context: Context) -> str:
    """Return what a person wants; the end of the input is 'quit'."""
    while True:
        sys.stdout.write("[k]eep, [r]oll back, [h]old, [d]iff, [s]kip, [q]uit? ")
        sys.stdout.flush()
        line = sys.stdin.readline()
        if not line:
            return "quit"
        found = KEYS.get(line.strip().lower()[:1])
        if found is not None:
            return found
        context.out.note("one letter of: k r h d s q")


def _show_all(context: Context, found: list[Feature], *, stat: bool) -> None:
    if not found:
        context.out.note("nothing was built that still stands")
    for number, feature in enumerate(found):
        if number:
            context.out.line("")
        _show(context, feature, stat=stat)


def _show(context: Context, feature: Feature, *, stat: bool) -> None:
    """Print what is known of a feature, and its own diff."""
    from ovn.report import reviewing, words

    out = context.out
    out.line(Painted(feature.id, "bold"), f"  {words.status(feature.status)}: {feature.title}")
    out.line(f"  {words.evidence(feature.evidence)}  on {words.proof(feature) or 'no commit'}")
    for commit in reviewing.standing(feature):
        out.line("  ", Painted(commit.commit[: words.SHORT], "yellow"), f" {commit.subject}")
    for remark in words.remarks(feature):
        out.line("  ", Painted(remark, "yellow"))
    before = reviewing.decided(context.store.view(), feature.id)
    if before is not None:
        where = f", branch {before.branch}" if before.branch else ""
        out.line(f"  decided {words.when(before.at)}: {before.decision}{where}")
    _patch(context, feature, stat=stat)


def _patch(context: Context, feature: Feature, *, stat: bool) -> None:
    from ovn.report import reviewing

    context.out.patch(reviewing.patch(context.store, feature, stat=stat))
