"""Which hook it is, what it has to know, and whether it judges or records."""

from __future__ import annotations

import sys

from ovn import active, names
from ovn.githooks import rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

REFUSED = 3


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Judge or record, as the hook is one or the other; return the exit code.

    ``arguments``: the hook, ``.git/ovn``, the work tree's key, and the hook's own facts.
    """
    hook, local, worktree, *facts = arguments
    act = _judge if hook in rules.RULES else _observe
    return act(hook, (local, worktree), facts, environ)


# -- refusing --------------------------------------------------------------------------


def _judge(hook: str, where: tuple[str, str], facts: Sequence[str], environ: Mapping[str, str]) -> int:
    local, worktree = where
    at_work = active.read(local, worktree)
    generation = environ.get(names.ENV_GENERATION, "")
    refusal = rules.judge(
        hook,
        rules.Facts(
            worktree,
            session=environ.get(names.ENV_SESSION) or None,
            run=environ.get(names.ENV_RUN) or None,
            generation=int(generation) if generation.isdecimal() else None,
            active=at_work,
            fence=active.fence_of(local, at_work.session) if at_work else 0,
            debts=active.debts(local, worktree),
            private=active.hidden(local) if hook == "pre-push" else (),
            **_GATHER[hook](facts),  # type: ignore[arg-type]
        ),
    )
    if refusal is None:
        return 0
    _say(f"{hook} refused: {refusal.reason}", refusal.hint)
    return REFUSED


_GATHER: dict[str, Callable[[Sequence[str]], dict[str, object]]] = {
    "pre-commit": lambda facts: {"staged": facts[0].splitlines()},
    "commit-msg": lambda facts: {"claims": rules.parse_claims(facts[0])},
    "pre-push": lambda facts: {
        "remote": facts[0] or "REMOTE",
        "asked_to_share": facts[1] == "true",
        "pushes": rules.parse_pushes(sys.stdin.read().splitlines()),
    },
}


# -- observing -------------------------------------------------------------------------


def _observe(hook: str, where: tuple[str, str], facts: Sequence[str], environ: Mapping[str, str]) -> int:
    found = active.read(*where)
    if found is None:
        return 0
    from ovn.errors import OvnError
    from ovn.githooks import observe

    place = observe.Place(*where, found, environ.get(names.ENV_SESSION) or None)
    try:
        if hook == "post-commit":
            observe.commit(place, *facts)
        elif hook == "post-rewrite":
            observe.rewritten(place, sys.stdin.read().splitlines(), why=facts[0])
        else:
            observe.head(place, *facts, why=hook.removeprefix("post-"))
    except OvnError as error:
        _say(f"{hook} was not recorded: {error}", error.hint or "run 'git ovn doctor'")
    return 0


def _say(sentence: str, hint: str) -> None:
    sys.stderr.write(f"git ovn: {_plain(sentence)}\nhint: {_plain(hint)}\n")


def _plain(text: str) -> str:
    """Return the text without what could steer a terminal: refs and trailers come from outside."""
    return "".join(char if char.isprintable() else "?" for char in text)
