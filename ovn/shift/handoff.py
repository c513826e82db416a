"""A shift's last words: which are valid, how they are read, written from git, and shown.

The rules are a table of pure functions, each with a name and a sentence; ``ovn.shift.starting``
gathers the situation they look at and carries the handoff out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn.errors import HandoffRefused, InvalidDocument
from ovn.frozen import dataclass, replace
from ovn.model import canonical, codec
from ovn.model.documents import Handoff

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ovn.model.documents import Attempt, Feature, Session

SAID = ("accomplished", "next", "blockers", "tried")
"""What the one who hands off says; all else in the document is what git shows."""

LISTED = 20
"""Commits that a handoff written from git names; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What the rules look at besides the handoff itself.

    ``uncommitted``: paths (quoted) that are in no commit, ignored ones aside. ``proofs``: for
    each feature id of the registry, empty when it has evidence on HEAD's history, else why
    not. ``pending``: the features that are still to be built.
    """

    lease_ours: bool
    holder: str | None = None
    uncommitted: tuple[str, ...] = ()
    proofs: Mapping[str, str] | None = None
    pending: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its name, its sentence, and what breaks it in a handoff (a line for each)."""

    name: str
    sentence: str
    breaks: Callable[[Handoff, Situation], list[str]]


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that failed, and where."""

    rule: str
    sentence: str
    detail: str


def _schema(handoff: Handoff, _: Situation) -> list[str]:
    from ovn import schema

    try:
        schema.check("handoff", codec.encode(handoff), "handoff")
    except InvalidDocument as error:
        return [str(error).removeprefix("handoff: ")]
    return []


def _lease(_: Handoff, situation: Situation) -> list[str]:
    if situation.lease_ours:
        return []
    return [f"{situation.holder} holds it" if situation.holder else "nobody holds it"]


def _clean(handoff: Handoff, situation: Situation) -> list[str]:
    if handoff.wip or not situation.uncommitted:
        return []
    shown = ", ".join(f"'{path}'" for path in situation.uncommitted[:5])
    more = len(situation.uncommitted) - 5
    return [shown + (f" and {more} more" if more > 0 else "")]


def _evidence(handoff: Handoff, situation: Situation) -> list[str]:
    proofs = situation.proofs or {}
    return [f"'{feature}': {proofs[feature]}" for feature in claimed(handoff, proofs) if proofs[feature]]


def _next(handoff: Handoff, situation: Situation) -> list[str]:
    if not situation.pending or any(text.strip() for text in handoff.next):
        return []
    return [f"{len(situation.pending)} features are pending, the first is '{situation.pending[0]}'"]


RULES: tuple[Rule, ...] = (
    Rule("schema", "the handoff obeys its schema", _schema),
    Rule("lease", "the lease of the session is ours", _lease),
    Rule("clean", "nothing is uncommitted but ignored files", _clean),
    Rule("evidence", "each feature named as accomplished has evidence on HEAD's history", _evidence),
    Rule("next", "something is named as next while features are pending", _next),
)

HINTS: dict[str, str] = {
    "schema": "mend the named field",
    "lease": "take the session back with 'git ovn resume'",
    "clean": "commit, or keep it in a checkpoint with --wip",
    "evidence": "prove it with 'git ovn feature verify'",
    "next": "say what comes next with --next TEXT",
}
"""What to do about each broken rule."""


def broken(handoff: Handoff, situation: Situation) -> list[Broken]:
    """Return each rule that the handoff breaks, in the table's order."""
    return [
        Broken(rule.name, rule.sentence, detail)
        for rule in RULES
        for detail in rule.breaks(handoff, situation)
    ]


def check(handoff: Handoff, situation: Situation) -> None:
    """Raise HandoffRefused (13), its fact ``rules`` listing each rule that failed."""
    failed = broken(handoff, situation)
    if not failed:
        return
    lines = "".join(f"\n{one.rule}: {one.sentence}, but: {one.detail}" for one in failed)
    raise HandoffRefused(
        f"the handoff of '{handoff.session}' is not valid{lines}",
        hint="; ".join(dict.fromkeys(HINTS[one.rule] for one in failed)),
        rules=[{"rule": one.rule, "sentence": one.sentence, "detail": one.detail} for one in failed],
    )


def claimed(handoff: Handoff, known: Mapping[str, object]) -> list[str]:
    """Return the features that ``accomplished`` names: those whose id is a text's first word.

    ``parser``, ``parser: reads the whole grammar`` and ``parser done`` name the feature
    ``parser``; ``the parser is faster`` is prose and claims nothing.
    """
    first = (text.split(maxsplit=1)[0].rstrip(":,;.") for text in handoff.accomplished if text.strip())
    return list(dict.fromkeys(word for word in first if word in known))


def proof(feature: Feature, is_on_head: Callable[[str], bool]) -> str:
    """Return why the feature is not proven on HEAD's history; empty when it is."""
    evidence = feature.evidence
    if evidence is None:
        return "it has no evidence"
    if not evidence.green:
        return "its verify commands were red"
    if evidence.partial or evidence.commit is None:
        return f"its evidence is partial: {evidence.partial or 'not on a commit'}"
    if not is_on_head(evidence.commit):
        return f"commit {evidence.commit[:10]}, on which it was verified, is not in HEAD's history"
    return ""


def read(data: bytes, what: str) -> dict[str, tuple[str, ...]]:
    """Return what a ``--from`` document says: any of ``SAID``, each a list of texts.

    Raises InvalidDocument naming ``what``, the key and the fix.
    """
    value = canonical.load(data, what)
    if not isinstance(value, dict):
        raise InvalidDocument(f"{what}: must be an object with any of {', '.join(SAID)}")
    for key, texts in value.items():
        if key not in SAID:
            raise InvalidDocument(f"{what}: unknown field {key!r}; known are {', '.join(SAID)}")
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise InvalidDocument(f"{what}: {key}: must be a list of texts")
    return {key: tuple(texts) for key, texts in value.items()}


# -- written from git ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shown:
    """What git and the records show of a shift that left no words.

    ``commits``: (id, subject), oldest first; ``features``: the registry in its order;
    ``checkpoint``: the id of what holds uncommitted work, where there is some.
    """

    session: Session
    at: str
    head: str | None
    branch: str | None
    commits: Sequence[tuple[str, str]] = ()
    features: Sequence[Feature] = ()
    checkpoint: str | None = None
    uncommitted: int = 0


def from_git(shown: Shown, author: str = "runner") -> Handoff:
    """Return the handoff that git and the records tell, for a shift that wrote none itself."""
    return Handoff(
        version=1,
        session=shown.session.id,
        at=shown.at,
        author=author,
        accomplished=tuple(_done(shown)),
        next=tuple(_following(shown)),
        blockers=tuple(blocker.text for blocker in shown.session.blockers if blocker.open),
        tried=tuple(tried(shown.session.attempts)),
        head=shown.head,
        branch=shown.branch,
        checkpoint=shown.checkpoint,
        wip=shown.uncommitted > 0,
    )


def _done(shown: Shown) -> list[str]:
    """Return the commits, none of them beginning like a feature id: only evidence may claim one."""
    lines = [f"({oid[:10]}) {_line(subject)}" for oid, subject in shown.commits[-LISTED:]]
    more = len(shown.commits) - LISTED
    return [f"({more} commits before these)", *lines] if more > 0 else lines


def _following(shown: Shown) -> list[str]:
    following = []
    if shown.uncommitted:
        where = f"; checkpoint {shown.checkpoint} holds them" if shown.checkpoint else ""
        following.append(f"look at {shown.uncommitted} uncommitted paths{where}")
    open_ones = [one for one in shown.features if one.status in ("in_progress", "pending", "failed")]
    open_ones.sort(key=lambda one: (one.id != shown.session.feature, one.status != "in_progress"))
    following += [f"{one.id}: {one.title} ({one.status.replace('_', ' ')})" for one in open_ones[:3]]
    return following


def tried(attempts: Sequence[Attempt]) -> list[str]:
    """Return a line for each attempt that did not succeed; one that did has no ``reason``."""
    return [
        f"attempt {one.number}{f' at {one.feature}' if one.feature else ''}: {_end(one)}"
        for one in attempts
        if one.ended is None or one.exit_code != 0 or one.reason
    ]


def _end(attempt: Attempt) -> str:
    if attempt.ended is None:
        return "interrupted, its process died"
    code = "no exit code" if attempt.exit_code is None else f"exit {attempt.exit_code}"
    return f"{code}, {_line(attempt.reason)}" if attempt.reason else code


def _line(text: str) -> str:
    lines = text.splitlines()
    return lines[0][:200] if lines else ""


def with_state(handoff: Handoff, *, head: str | None, branch: str | None, checkpoint: str | None) -> Handoff:
    """Return the handoff with where the work stood at its end."""
    return replace(handoff, head=head, branch=branch, checkpoint=checkpoint)


# -- for people ------------------------------------------------------------------------

HEADINGS = {
    "accomplished": "Accomplished",
    "next": "Next",
    "blockers": "Blockers",
    "tried": "Tried and failed",
}


def markdown(handoff: Handoff) -> str:
    """Return the handoff as Markdown; texts of several lines stay one list item."""
    lines = [f"# Handoff of {handoff.session}", "", f"By {handoff.author}, {handoff.at}.", ""]
    place = [
        f"branch `{handoff.branch}`" if handoff.branch else "",
        f"commit `{handoff.head}`" if handoff.head else "",
    ]
    place += [f"checkpoint `{handoff.checkpoint}`" if handoff.checkpoint else ""]
    if any(place):
        lines += ["On " + ", ".join(part for part in place if part) + ".", ""]
    for field, heading in HEADINGS.items():
        texts: tuple[str, ...] = getattr(handoff, field)
        if texts:
            lines += [f"## {heading}", "", *(_item(text) for text in texts), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _item(text: str) -> str:
    return "- " + "\n  ".join(text.strip().splitlines() or [""])
