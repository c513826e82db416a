"""``git ovn hook NAME [ARGUMENT]...``: run one of git's hooks, for other hook managers.

The line for a hook of your own, and what ``.pre-commit-hooks.yaml`` calls.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from ovn import resources
from ovn.errors import UsageError
from ovn.githooks.install import HOOKS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ovn.cli.context import Context

FROM_PRE_COMMIT = {
    "prepare-commit-msg": ("PRE_COMMIT_COMMIT_MSG_SOURCE", "PRE_COMMIT_COMMIT_OBJECT_NAME"),
    "post-checkout": ("PRE_COMMIT_FROM_REF", "PRE_COMMIT_TO_REF", "PRE_COMMIT_CHECKOUT_TYPE"),
    "post-merge": ("PRE_COMMIT_IS_SQUASH_MERGE",),
    "pre-push": ("PRE_COMMIT_REMOTE_NAME", "PRE_COMMIT_REMOTE_URL"),
}
"""pre-commit (the framework) hands a hook's arguments over in these variables.
https://pre-commit.com/#supported-git-hooks"""

_PUSH = (
    "PRE_COMMIT_LOCAL_BRANCH",
    "PRE_COMMIT_TO_REF",
    "PRE_COMMIT_REMOTE_BRANCH",
    "PRE_COMMIT_FROM_REF",
)


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def command(context: Context, name: str, arguments: tuple[str, ...]) -> None:
    """Run the hook NAME as git would, with git's ARGUMENTs and stdin."""
    if name not in HOOKS:
        raise UsageError(f"no such hook '{name}'", hint=f"the hooks are {', '.join(HOOKS)}")
    if context.environ.get("PRE_COMMIT"):
        arguments += _given(name, context.environ)
        if name == "pre-push":
            _feed(" ".join(context.environ.get(variable, "") for variable in _PUSH) + "\n")
    shim = resources.path("hooks", "ovn-hook.sh")
    os.execvp("sh", ["sh", str(shim), name, *arguments])  # noqa: S606 - to become it is the point


def _given(name: str, environ: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(environ[variable] for variable in FROM_PRE_COMMIT.get(name, ()) if variable in environ)


def _feed(text: str) -> None:
    """Make ``text`` this process's stdin: the framework has read git's own."""
    reading, writing = os.pipe()
    os.write(writing, text.encode("utf-8", "surrogateescape"))
    os.close(writing)
    os.dup2(reading, 0)
    os.close(reading)
