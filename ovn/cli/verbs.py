"""The verbs: one line each. A verb is a module ``ovn/cli/<verb>.py`` with a click ``command``.

Adding one is its module and its line here. The table is data, so that the overview imports
no verb, and so that the reference page and the tests read the same list.
"""

from __future__ import annotations

from ovn.errors import UsageError

TYPE_CHECKING = False  # typing's own would be a tenth of the time that help takes
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    import click

VERBS: dict[str, dict[str, tuple[str, str]]] = {
    # heading: {verb: (module, what it does)}
    "set up a repository": {
        "init": ("init", "set a repository up: configuration, state branch, hooks"),
        "import": ("import_", "take over what an earlier harness left"),
        "trust": ("trust", "allow the commands of this repository to run"),
        "deinit": ("deinit", "take git ovn out again"),
    },
    "work a shift": {
        "start": ("start", "begin a shift, and print what its agent needs to know"),
        "status": ("status", "show where it stands, and what comes next"),
        "handoff": ("handoff", "end the shift with its last words"),
        "resume": ("resume", "go on where a session stopped"),
        "feature": ("feature", "say what is to be built, and prove it"),
        "note": ("note", "remember something for the session at work"),
        "ask": ("ask", "leave a question for a person"),
    },
    "keep and go back": {
        "checkpoint": ("checkpoint", "keep files, index and HEAD as they are now"),
        "restore": ("restore", "put files back from a checkpoint"),
        "rollback": ("rollback", "put files, index and branch back, or take one feature back"),
        "undo": ("undo", "take back the last restore, rollback, commit, merge-back or undo"),
    },
    "look": {
        "morning": ("morning", "report what the night came to"),
        "review": ("review", "go through what the night built: keep, roll back, hold"),
        "explain": ("explain", "say why a commit, a feature or a checkpoint is there"),
        "list": ("list", "list the checkpoints"),
        "show": ("show", "show what a checkpoint holds"),
        "diff": ("diff", "show what changed since a checkpoint"),
        "operations": ("operations", "list what undo can take back"),
        "log": ("log", "tell what happened, newest first"),
        "session": ("session", "list the sessions, show one, fork one"),
        "serve": ("serve", "serve the nights as pages, with health and metrics"),
        "watch": ("watch", "watch the night in the terminal"),
        "help": ("help", "show what git ovn or one verb does"),
    },
    "work through the night": {
        "run": ("run", "let an agent build feature after feature"),
        "questions": ("questions", "list what waits for a person's answer"),
        "answer": ("answer", "answer a question of a session"),
        "signal": ("signal", "wake a program that waits for something"),
        "stop": ("stop", "end the running night from another terminal"),
        "notify": ("notify", "send yourself a message, as the night would"),
        "merge-back": ("merge_back", "merge a night's branch back, once it is green there"),
        "demo": ("demo", "play a whole night in a scratch repository"),
    },
    "mend": {
        "doctor": ("doctor", "check machine, repository, state and hooks"),
        "fsck": ("fsck", "check what git ovn keeps here"),
        "gc": ("gc", "thin the checkpoints and tidy up"),
        "hooks": ("hooks", "install git's hooks, take them out, or say what runs"),
        "install-man": ("install_man", "write the man pages where man looks for them"),
        "completion": ("completion", "print the completion for bash, zsh or fish"),
    },
    "plumbing": {
        "state": ("state", "read the state branch as it is"),
        "hook": ("hook", "run one of git's hooks, for other hook managers"),
        "mcp": ("mcp", "serve the tools for an agent over MCP"),
        "agent-hook": ("agent_hook", "answer one event of an agent's own hooks"),
    },
}

LOOKING = frozenset(("checkpoint",))
"""Verbs that begin with git's look at all files; it begins before they are loaded."""

QUICK = {"checkpoint": "checkpointing"}
"""Verbs that agents call all day long, and the module whose ``run`` does what they do.

Called with one plain word or none they go past click, whose loading takes as long as Python's
start; the module loads no click either. Anything else, mistakes too, is click's to read.
"""

SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
"""What every verb's click context is made with; groups hand it down."""


def table() -> dict[str, tuple[str, str]]:
    """Return ``{verb: (module, what it does)}`` without the headings."""
    return {verb: row for group in VERBS.values() for verb, row in group.items()}


def load(name: str) -> click.Command:
    """Return the verb's click command, importing its module now; raises UsageError."""
    verbs = table()
    if name not in verbs:
        raise UsageError(f"no such verb '{name}'", hint=_did_you_mean(name, list(verbs)))
    from importlib import import_module

    command: click.Command = import_module(f"ovn.cli.{verbs[name][0]}").command
    return command


def quick(name: str, args: Sequence[str]) -> Callable[..., None] | None:
    """Return what is to be called with the context and ``args``; None where click has to read them."""
    if name not in QUICK or len(args) > 1 or any(word.startswith("-") for word in args):
        return None
    from importlib import import_module

    run: Callable[..., None] = import_module(f"ovn.cli.{QUICK[name]}").run
    return run


def overview() -> str:
    """Return what ``git-ovn -h`` prints."""
    width = max(map(len, table()))
    lines = ["usage: git ovn [-C DIR] [--version] [-h] VERB [ARGUMENT]...", ""]
    for heading, group in ((heading, group) for heading, group in VERBS.items() if group):
        lines += [heading, *(f"   {verb:{width}}  {what}" for verb, (_, what) in group.items()), ""]
    lines.append("'git ovn VERB -h' shows what a verb takes; results go to stdout, talk to stderr.")
    return "\n".join(lines) + "\n"


def _did_you_mean(name: str, verbs: list[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, verbs, n=1)
    return f"did you mean '{near[0]}'?" if near else "see 'git ovn -h' for the verbs"
