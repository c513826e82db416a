"""What the refusing hooks refuse. Pure: facts in, at most one refusal out.

Hooks are advice to agents, not a wall (``--no-verify``, plumbing); so each refusal says what
to do instead. People, who carry no ``OVN_SESSION``, are refused one thing only: to push
checkpoints and session state that nobody asked to share.
"""

from __future__ import annotations

from ovn import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ovn.active import Active, Debt

    Rule = Callable[["Facts"], "Refusal | None"]

PROTECTED = (names.CONFIG_FILE, names.REGISTRY_VIEW)
NOT_SHARED = (names.TAG_REFS, names.OVN_REFS)
NO_STATE = (names.TAG_REFS, names.CHECKPOINT_REFS)
"""Refs that hold files, and no results of steps."""


class Refusal:
    """Why not (one sentence), and what to do instead."""

    __slots__ = ("hint", "reason")

    def __init__(self, reason: str, hint: str) -> None:
        self.reason = reason
        self.hint = hint


class Push:
    """One line of pre-push's stdin."""

    __slots__ = ("local", "new", "old", "remote")

    def __init__(self, local: str, new: str, remote: str, old: str) -> None:
        self.local = local
        self.new = new
        self.remote = remote
        self.old = old

    @property
    def deletes(self) -> bool:
        """Whether the ref is deleted there: taking back what was shared is always allowed."""
        return not self.new.strip("0")

    def shares(self) -> str | None:
        """Return the ref of ours that the push would share; None for anybody else's."""
        for ref in (self.remote, self.local):
            if ref.startswith(NOT_SHARED) or ref == names.STATE_REF:
                return ref
        return None


class Facts:
    """What the rules look at. ``session``, ``run`` and ``generation`` are the process's own."""

    __slots__ = (
        "active",
        "asked_to_share",
        "claims",
        "debts",
        "fence",
        "generation",
        "private",
        "pushes",
        "remote",
        "run",
        "session",
        "staged",
        "worktree",
    )

    def __init__(
        self,
        worktree: str = "main",
        *,
        session: str | None = None,
        run: str | None = None,
        generation: int | None = None,
        active: Active | None = None,
        fence: int = 0,
        debts: Sequence[Debt] = (),
        private: Sequence[str] = (),
        staged: Sequence[str] = (),
        claims: Sequence[tuple[str, str]] = (),
        pushes: Sequence[Push] = (),
        remote: str = "REMOTE",
        asked_to_share: bool = False,
    ) -> None:
        self.worktree = worktree
        self.session = session
        self.run = run
        self.generation = generation
        self.active = active
        self.fence = fence
        self.debts = debts
        self.private = private
        self.staged = staged
        self.claims = claims
        self.pushes = pushes
        self.remote = remote
        self.asked_to_share = asked_to_share

    @property
    def own(self) -> bool:
        """Whether this is the act of the session at work here."""
        return self.active is not None and self.active.owns(self.session)


def not_at_work(facts: Facts) -> Refusal | None:
    """Refuse a process of a session in a work tree where another one, or none, is at work."""
    if not facts.session or facts.own:
        return None
    who = f"session '{facts.active.session}' is" if facts.active else "no session is"
    return Refusal(
        f"OVN_SESSION is '{facts.session}', but {who} at work in work tree '{facts.worktree}'",
        f"work where the session works, or begin with 'git ovn resume {facts.session}' or 'git ovn start'",
    )


def in_debt(facts: Facts) -> Refusal | None:
    """Refuse while another session's handoff is owed here; only processes of a session are held up.

    Not where the configuration says that a handoff is optional (``enforcement.handoff``).
    """
    if facts.active is not None and not facts.active.handoff:
        return None
    owed = [debt.session for debt in facts.debts if debt.session != facts.session]
    if not facts.session or not owed:
        return None
    return Refusal(
        f"session '{owed[0]}' ended without a handoff",
        f"'git ovn resume {owed[0]}' goes on with it, 'git ovn start' writes its handoff from git",
    )


def taken_over(facts: Facts) -> Refusal | None:
    """Refuse a process whose holder of the session was fenced off."""
    active = facts.active
    if active is None or not facts.own:
        return None
    if facts.run and active.run and facts.run != active.run:
        return _fenced(active.session, f"run '{active.run}' works on it now, this is '{facts.run}'")
    mine = active.generation if facts.generation is None else facts.generation
    newest = max(active.generation, facts.fence)
    if mine < newest:
        return _fenced(active.session, f"its generation is {newest}, this process has {mine}")
    return None


def _fenced(session: str, why: str) -> Refusal:
    return Refusal(
        f"session '{session}' was taken over: {why}",
        "stop here; what is uncommitted stays in the files, and 'git ovn status' shows who works now",
    )


def protected(facts: Facts) -> Refusal | None:
    """Refuse a session's own edit of the registry or the configuration."""
    found = [path for path in PROTECTED if path in facts.staged]
    if not found or facts.active is None or not facts.own or not facts.active.protect:
        return None
    return Refusal(
        f"'{found[0]}' may not be changed in a session",
        f"take it out with 'git restore --staged --worktree {' '.join(found)}'; "
        "'git ovn feature' changes features, a person changes the rest outside a session",
    )


def forged(facts: Facts) -> Refusal | None:
    """Refuse a message that claims evidence, or to be another session's."""
    if facts.active is None:
        return None
    for key, value in facts.claims:
        if key.lower() == names.TRAILER_EVIDENCE.lower():
            return Refusal(
                f"the message has an {names.TRAILER_EVIDENCE} trailer; evidence is what 'git ovn' recorded",
                "leave the trailer out and run 'git ovn feature verify' when the work is committed",
            )
        if key.lower() == names.TRAILER_SESSION.lower() and value != facts.active.session:
            return Refusal(
                f"the message says {names.TRAILER_SESSION}: {value}, but this is '{facts.active.session}'",
                "leave the trailer out; the right one is added by itself",
            )
    return None


def shares(facts: Facts) -> Refusal | None:
    """Refuse to share checkpoints, which hold uncommitted files, where nobody asked for it."""
    if facts.asked_to_share:
        return None
    ours = [ref for push in facts.pushes if not push.deletes and (ref := push.shares())]
    if not ours:
        return None
    others = f" and {len(ours) - 1} more" if len(ours) > 1 else ""
    if ours[0].startswith(names.TAG_REFS):
        hint = f"'git push {facts.remote} --tags '^{names.TAG_REFS}*'' leaves them out"
    else:
        hint = "push your branches by their names"
    return Refusal(
        f"'{ours[0]}'{others} would be pushed to '{facts.remote}', and nobody asked to share it",
        f"{hint}; 'git config {names.CONFIG_PUSH_CHECKPOINTS} true' shares checkpoints and session state",
    )


def private(facts: Facts) -> Refusal | None:
    """Refuse to share results that look like secrets, also where state is shared."""
    refs = [ref for push in facts.pushes if not push.deletes and (ref := push.shares())]
    of_state = [ref for ref in refs if not ref.startswith(NO_STATE)]
    if not facts.private or not of_state:
        return None
    first = facts.private[0]
    others = f" and {len(facts.private) - 1} more" if len(facts.private) > 1 else ""
    return Refusal(
        f"'{of_state[0]}' holds session '{first}'{others}, which recorded what looks like a secret",
        f"look at it with 'git ovn session show {first}'; 'git ovn session share {first}' lets it be pushed",
    )


RULES: dict[str, tuple[Rule, ...]] = {
    "pre-commit": (not_at_work, taken_over, in_debt, protected),
    "commit-msg": (forged,),
    "pre-push": (shares, private, not_at_work, taken_over, in_debt),
}
"""Hook -> its rules, most telling first."""


def judge(hook: str, facts: Facts) -> Refusal | None:
    """Return the first refusal of a hook's rules, None when all agree."""
    return next((refusal for rule in RULES[hook] if (refusal := rule(facts))), None)


def parse_pushes(lines: Iterable[str]) -> list[Push]:
    """Return what pre-push's stdin says; a line of another shape is no push."""
    split = (line.split(" ") for line in lines)
    return [Push(*words) for words in split if len(words) == 4]


def parse_claims(text: str) -> list[tuple[str, str]]:
    """Return the trailers that ``git interpret-trailers --parse`` printed."""
    pairs = (line.partition(":") for line in text.splitlines())
    return [(key.strip(), value.strip()) for key, _, value in pairs]
