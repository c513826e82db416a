"""Why something is there: a commit, a feature or a checkpoint, and what the records say led to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn import checkpoints, names
from ovn.errors import GitFailed, InvalidName, NotFound
from ovn.frozen import dataclass
from ovn.git import trailers
from ovn.git.run import Git
from ovn.report import sources, words, work
from ovn.report.model import Source  # noqa: TC001 - codec and tools/outputs.py read the annotations
from ovn.state import log

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ovn.git.encoding import CommitInfo
    from ovn.model.documents import Checkpoint, Feature, Session
    from ovn.state.store import StateStore
    from ovn.state.view import View

STORY = 40
"""Lines of the story that an explanation tells, the newest first."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is known: ``what`` it is in a word, in words, and what backs it."""

    what: str
    text: str
    source: Source


@dataclass(frozen=True, slots=True)
class Explanation:
    """What was asked about: ``kind`` (feature, commit, checkpoint, state), its id, its facts in order."""

    kind: str
    id: str
    facts: tuple[Fact, ...]


def explain(store: StateStore, text: str, *, session: str | None = None) -> Explanation:
    """Return why what ``text`` names is there.

    A feature's id comes first, then a checkpoint's id or label (``session`` is where a label is
    looked for first), then whatever git takes for a commit. Raises NotFound, Ambiguous.
    """
    view = store.view()
    feature = view.feature(text)
    if feature is not None:
        return Explanation("feature", feature.id, tuple(_of_feature(store, view, feature)))
    checkpoint = _checkpoint(store, text, session)
    if checkpoint is not None:
        return Explanation("checkpoint", checkpoint.id, tuple(_of_checkpoint(view, checkpoint)))
    info = _commit(store, text)
    if info is None:
        raise NotFound(f"no feature, checkpoint or commit '{text}'", hint=_elsewhere(view, text))
    state = view.commit
    if state is not None and store.objects.is_ancestor(info.oid, state):
        return Explanation("state", info.oid, tuple(_of_state(store, info)))
    return Explanation("commit", info.oid, tuple(_of_commit(store, view, info)))


# -- what is meant ---------------------------------------------------------------------


def _checkpoint(store: StateStore, text: str, session: str | None) -> Checkpoint | None:
    try:
        known = checkpoints.found(store)
        return checkpoints.resolve(text, known, session=session, worktree=store.location.worktree)
    except (NotFound, InvalidName):
        return None


def _elsewhere(view: View, text: str) -> str:
    """Return where to look for what is none of the three: other ids stand beside theirs in every report."""
    if view.run(text) is not None:
        return f"it is a night: 'git ovn morning --run {text}'"
    if view.session(text) is not None:
        return f"it is a session: 'git ovn session show {text}'"
    return "see 'git ovn feature list' and 'git ovn list'"


def _commit(store: StateStore, text: str) -> CommitInfo | None:
    """Return the commit that git takes the text for."""
    try:
        name = f"{text}^{{commit}}"
        answer = Git(store.location).run(
            "rev-parse", "--verify", "--quiet", "--end-of-options", name, ok=(0, 1)
        )
    except GitFailed:  # an ambiguous beginning of an id
        return None
    oid = answer.text
    return store.objects.commit(oid) if answer.code == 0 and len(oid) == 40 else None


# -- a commit --------------------------------------------------------------------------


def _of_commit(store: StateStore, view: View, info: CommitInfo) -> Iterator[Fact]:
    backed = sources.commit(info.oid)
    yield Fact("commit", f"{info.oid[:10]} {info.subject}", backed)
    found = _recorded(view, info)
    if found is None:
        told = trailers.value(info.message, names.TRAILER_SESSION)
        said = (
            f"its trailer names session '{told}', of which nothing is known" if told else "nobody recorded it"
        )
        yield Fact("origin", f"{said}: it was not made in a session of this repository", backed)
        return
    session, feature = found
    yield from _of_session(view, session)
    if feature is not None:
        yield from _why(feature)
    yield from _marks(session, info, backed)
    yield from _of_attempts(view, session, info.oid)
    yield from _story(store, session=session.id, only=("commit", "decision", "evidence", "recovery"))


def _recorded(view: View, info: CommitInfo) -> tuple[Session, Feature | None] | None:
    """Return the session that recorded a commit, or that its trailer names, and the feature."""
    told = trailers.value(info.message, names.TRAILER_SESSION)
    named = view.session(told) if told else None
    every = [named] if named is not None else list(view.sessions(ended=True).values())
    for session in every:
        old = {pair.new: pair.old for pair in session.rewrites}
        ids = {info.oid, old.get(info.oid, info.oid)}
        work_of = next((one for one in session.commits if one.commit in ids), None)
        if work_of is not None or named is not None:
            wanted = work_of.feature if work_of is not None else None
            wanted = wanted or trailers.value(info.message, names.TRAILER_FEATURE) or session.feature
            return session, view.feature(wanted) if wanted else None
    return None


def _of_session(view: View, session: Session) -> Iterator[Fact]:
    backed = sources.document(view.place(names.session_file(session.id)))
    run = f", in run {session.run}" if session.run else ""
    agent = f" by {session.agent}" if session.agent else ""
    yield Fact("session", f"{session.id}{agent}{run}, {session.state.replace('_', ' ')}", backed)
    for text in session.decisions:
        yield Fact("decision", text, backed)


def _why(feature: Feature) -> Iterator[Fact]:
    backed = sources.document(names.feature_file(feature.id))
    yield Fact("feature", f"{feature.id}, {words.status(feature.status)}: {feature.title}", backed)
    if feature.reason:
        yield Fact("reason", feature.reason, backed)
    if feature.evidence is not None:
        proof = feature.evidence
        colour = "green" if proof.green else "red"
        ran = "; ".join(f"exit {one.exit_code}: {words.command(one.command)}" for one in proof.commands)
        where = f" on {proof.commit[:10]}" if proof.commit else ""
        yield Fact("evidence", f"{colour}{where}, {ran}", backed)
    else:
        yield Fact("evidence", "none", backed)


def _marks(session: Session, info: CommitInfo, backed: Source) -> Iterator[Fact]:
    known = next((one for one in session.commits if one.commit == info.oid), None)
    if known is not None and known.kind == "foreign":
        yield Fact("origin", "somebody else made it beside the session", backed)
    if known is not None and known.bypassed:
        yield Fact("hooks", "the hooks were passed by", backed)
    taken = [value for key, value in trailers.parse(info.message) if key == names.TRAILER_REVERTS]
    if taken:
        yield Fact("reverts", words.listed([one[:10] for one in taken]), backed)
    old = [pair.old for pair in session.rewrites if pair.new == info.oid]
    if old:
        yield Fact("rewritten", f"from {words.listed([one[:10] for one in old])}", backed)


def _of_attempts(view: View, session: Session, oid: str) -> Iterator[Fact]:
    backed = sources.document(view.place(names.session_file(session.id)))
    for one in session.attempts:
        if one.head_to == oid:
            said = one.reason or ("ended well" if one.ended else "did not end")
            yield Fact("attempt", f"{one.number} left it: {said}", backed)


# -- a feature, a checkpoint, a commit of the state ----------------------------------------


def _of_feature(store: StateStore, view: View, feature: Feature) -> Iterator[Fact]:
    yield from _why(feature)
    if feature.depends_on:
        backed = sources.document(names.feature_file(feature.id))
        yield Fact("depends on", words.listed(feature.depends_on), backed)
    at_work = [one for one in view.sessions(ended=True).values() if _worked(one, feature.id)]
    for session in sorted(at_work, key=lambda one: one.created):
        yield from _of_session(view, session)
        for done in session.commits:
            info = work.info_of(store, done.commit) if done.feature == feature.id else None
            if info is not None:
                yield Fact("commit", f"{info.oid[:10]} {info.subject}", sources.commit(info.oid))
    yield from _story(store, feature=feature.id)


def _worked(session: Session, feature: str) -> bool:
    return session.feature == feature or any(one.feature == feature for one in session.commits)


def _of_checkpoint(view: View, one: Checkpoint) -> Iterator[Fact]:
    backed = sources.checkpoint(one.id)
    named = f" '{one.label}'" if one.label else ""
    yield Fact("checkpoint", f"{one.id}{named}, {one.kind}, {words.when(one.at)}", backed)
    if one.text:
        yield Fact("taken for", one.text, backed)
    branch = (one.branch or "a detached HEAD").removeprefix("refs/heads/")
    head = f" at {one.head[:10]}" if one.head else ""
    yield Fact("holds", f"{one.changed} paths that differ from {branch}{head}", backed)
    for left in one.omitted:
        yield Fact("left out", f"{left.path}: {left.why}", backed)
    session = view.session(one.session)
    if session is not None:
        yield from _of_session(view, session)
        feature = view.feature(session.feature) if session.feature else None
        if feature is not None:
            yield from _why(feature)
    for operation in view.operations().values():
        document = sources.document(names.operation_file(operation.id))
        if operation.before.checkpoint == one.id:
            yield Fact("kept before", f"{operation.verb} {operation.id} ({operation.state})", document)
        if operation.target == one.id:
            yield Fact("target of", f"{operation.verb} {operation.id} ({operation.state})", document)


def _of_state(store: StateStore, info: CommitInfo) -> Iterator[Fact]:
    entry = next(iter(log.entries(store.objects, info.oid)))
    backed = sources.commit(info.oid)
    yield Fact("state", entry.subject, backed)
    for what in ("event", "session", "feature", "checkpoint", "evidence", "run"):
        value = getattr(entry, what)
        if value:
            yield Fact(what, value, backed)
    if entry.body:
        yield Fact("says", entry.body, backed)


def _story(
    store: StateStore, session: str | None = None, feature: str | None = None, only: Iterable[str] = ()
) -> Iterator[Fact]:
    """Yield the lines of the story about a session or a feature, oldest first, as far as they go."""
    wanted = frozenset(only)
    found = store.log(session, feature, None if wanted else STORY)
    lines = [one for one in found if not wanted or one.event in wanted][:STORY]
    for one in reversed(lines):
        yield Fact("story", f"{words.when(one.when)}  {one.subject}", sources.commit(one.oid))
