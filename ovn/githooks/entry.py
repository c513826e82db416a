"""What the hook shim starts: ``python -I -S entry.py HOOK .git/ovn WORKTREE FACT...``.

Exit code 0: allowed, or recorded; 3: refused, and the reason was said. Any other means that
this could not do its work: the shim then lets people through, and processes of a session not.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":  # last, so that nothing beside the package shadows the standard library
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from ovn import active, names
from ovn.githooks import rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

REFUSED = 3


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Judge or record, as the hook is one or the other; return the exit code."""
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
            fence=_fence(local, at_work.session) if at_work else 0,
            debts=active.debts(local, worktree),
            **_GATHER[hook](facts),  # type: ignore[arg-type]
        ),
    )
    if refusal is None:
        return 0
    _say(f"{hook} refused: {refusal.reason}", refusal.hint)
    return REFUSED


def _fence(local: str, session: str) -> int:
    """Return the generation below which nobody may write for the session any more."""
    folder = os.path.join(local, names.JOURNAL_FOLDER, session)
    if not os.path.isdir(folder):
        return 0
    from ovn.state.journal import Journal

    with Journal(folder, timeout=5) as journal:
        return journal.generation()


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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
