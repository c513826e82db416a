"""``git ovn show``: what one checkpoint holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ovn.cli.options import json_option
from ovn.cli.output import Painted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ovn.cli.context import Context
    from ovn.git.objects import Change
    from ovn.model.documents import Checkpoint

LETTERS = {(False, True): "A", (True, True): "M", (True, False): "D"}
"""(was there, is there) -> git's letter."""


@click.command()
@click.argument("checkpoint")
@json_option
@click.pass_obj
def command(context: Context, checkpoint: str) -> None:
    """Show one CHECKPOINT: when, where, what changed against its HEAD, what was left out."""
    from ovn.cli.place import named_checkpoint
    from ovn.git.paths import quote
    from ovn.model import codec

    one = named_checkpoint(context, checkpoint)
    changes = context.store.objects.changes(_head_tree(context, one), one.tree)
    paths = [{"path": quote(change.path), "change": letter(change)} for change in changes]
    if context.json:
        context.out.json(codec.encode(one) | {"paths": paths})
        return
    context.out.line(Painted(f"checkpoint {one.id}", "yellow"))
    context.out.table(list(_facts(one)))
    if one.text:
        context.out.line("")
        context.out.text(one.text)
    context.out.line("")
    for path in paths:
        context.out.line(f"{path['change']}  {path['path']}")
    for omission in one.omitted:
        context.out.line(Painted("left out", "red"), f"  {omission.path} ({omission.why})")


def letter(change: Change) -> str:
    """Return git's letter for a change: A, M, D, or T where the kind of entry differs."""
    if change.old and change.new and change.old.kind != change.new.kind:
        return "T"
    return LETTERS[change.old is not None, change.new is not None]


def _head_tree(context: Context, one: Checkpoint) -> str | None:
    return context.store.objects.commit(one.head).tree if one.head else None


def _facts(one: Checkpoint) -> Iterator[tuple[str, str]]:
    told = {
        "label": one.label,
        "tag": one.tag,
        "when": one.at,
        "kind": one.kind,
        "branch": one.branch or "detached",
        "head": one.head or "unborn",
        "commit": one.commit,
        "tree": one.tree,
        "work tree": one.worktree,
        "staged": "its index differs from HEAD and is kept" if one.index else None,
        "in progress": one.operation,
    }
    return ((f"{name}:", value) for name, value in told.items() if value)
