"""The text an agent gets at the start of its shift: under 8,000 characters, pointing to files.

Pure: documents in, text out. Each section has a budget; what does not fit is cut at a line,
says how much is missing and names where all of it is. What sections leave over goes to the
cut ones, the most important first. Everything in it was written by a repository, a person or
an agent, so control and direction marks are made visible.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn import names
from ovn.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ovn.model.documents import Baseline, Feature, Handoff, Session

LIMIT = 8000
"""Characters; an agent reads it whole, and compaction keeps it."""

LINE = 400
"""Characters of one line; a longer one becomes several, so that a cut loses little."""

WHERE = 160
"""Characters of the place where all of it is."""

TAIL = 1000
"""Characters of what failed last: its end."""

RULES = """\
- Work on this feature only, in small commits with plain 'git commit'; never '--no-verify'.
- Done is what '{verify}' finds green on a commit; nobody's words count. Do not change verify
  commands, nor the files in .overnight/ that git ignores.
- Before something risky: 'git ovn checkpoint NAME'; back again: 'git ovn restore NAME'.
  Never 'git reset --hard', 'git checkout .', 'git clean' or 'git stash'.
- Worth remembering? It goes into the handoff. A question only a person can answer: 'git ovn ask'.
- At the end: git ovn handoff --accomplished TEXT --next TEXT [--blocker TEXT] [--tried TEXT]
"""


@dataclass(frozen=True, slots=True)
class Material:
    """What the text is made of. ``earlier``: the last handoff of this work tree and its session.

    ``output`` is the tail of what failed last; ``notices`` are sentences about the repository
    as it is now (uncommitted files, a merge in progress, what recovery did).
    """

    session: Session
    feature: Feature | None = None
    earlier: Handoff | None = None
    tried: Sequence[str] = ()
    baseline: Baseline | None = None
    notices: Sequence[str] = ()
    commits: Sequence[tuple[str, str]] = ()
    output: str = ""
    log: str | None = None
    others: int = 0


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, its lines, its share of the limit, and where the whole of it is."""

    heading: str
    lines: tuple[str, ...]
    share: int
    where: str

    def render(self, room: int) -> str:
        """Return heading and lines in at most ``room`` characters, saying what is missing."""
        head = f"## {self.heading}\n"
        whole = head + "".join(f"{line}\n" for line in self.lines)
        if len(whole) <= room:
            return whole
        kept: list[str] = []
        left = room - len(head) - len(self._missing(len(self.lines)))
        for line in self.lines:
            left -= len(line) + 1
            if left < 0:
                break
            kept.append(f"{line}\n")
        return head + "".join(kept) + self._missing(len(self.lines) - len(kept))

    def _missing(self, count: int) -> str:
        return f"(cut here, {count} more lines; all of it: {visible(self.where)[:WHERE]})\n"

    def whole(self) -> int:
        """Return the characters that the section would take uncut."""
        return len(self.heading) + 4 + sum(len(line) + 1 for line in self.lines)


def text(material: Material, limit: int = LIMIT) -> str:
    """Return the context: at most ``limit`` characters, ending in a newline."""
    title = f"# {material.session.id}: what you need to know\n\n"
    sections = [section for section in _sections(material) if section.lines]
    total = sum(section.share for section in sections)
    room = limit - len(title) - len(sections)
    given = [section.share * room // max(total, room) for section in sections]
    given = [min(share, section.whole()) for share, section in zip(given, sections, strict=True)]
    left = room - sum(given)
    for at, section in enumerate(sections):
        more = min(left, section.whole() - given[at])
        given[at] += more
        left -= more
    return title + "\n".join(section.render(share) for section, share in zip(sections, given, strict=True))


def _sections(material: Material) -> Iterable[Section]:
    """Return the sections in the order of their importance, which is also that of the text."""
    session = material.session
    yield Section("Session", _lines(_session(material)), 900, f"git ovn session show {session.id}")
    yield Section("Feature", _lines(_feature(material)), 2000, _show(material.feature))
    rules = RULES.format(verify=f"git ovn feature verify {material.feature.id if material.feature else 'ID'}")
    yield Section("Rules", tuple(rules.splitlines()), 1000, "git ovn help")
    yield Section("Now", _lines(material.notices), 700, "git ovn status")
    where = material.log or f"git ovn log --session {session.id}"
    yield Section("What failed last", _tail(material.output), 1200, where)
    yield Section("Tried and failed", _lines(_tried(material)), 700, f"git ovn session show {session.id}")
    yield Section("Last handoff", _lines(_earlier(material)), 1000, _handoff_file(material.earlier))
    yield Section("Baseline", _lines(_baseline(material.baseline)), 400, _baseline_file(material.baseline))
    yield Section("Files", _lines(FILES), 400, "git ovn help")


FILES = (
    f"{names.PROGRESS_VIEW}: goal and progress of all sessions",
    f"{names.REGISTRY_VIEW}: every feature (rendered; edit with git ovn feature)",
    "git ovn log: the story so far; git ovn status: where it stands",
)


def _session(material: Material) -> Iterable[str]:
    session = material.session
    goal = f"Goal: {session.goal}" if session.goal else ""
    place = f"Work tree '{session.worktree}'" + (f", branch '{session.branch}'" if session.branch else "")
    checkpoint = f"Last checkpoint: {session.checkpoint}" if session.checkpoint else ""
    yield from (line for line in (goal, place, checkpoint) if line)
    yield from (f"Decided: {text}" for text in session.decisions)
    yield from (f"Note: {text}" for text in session.notes)
    yield from (f"Blocker {one.id}: {one.text}" for one in session.blockers if one.open)
    yield from (f"Commit {oid[:10]} {subject}" for oid, subject in material.commits)


def _feature(material: Material) -> Iterable[str]:
    feature = material.feature
    if feature is None:
        yield "No feature is chosen: 'git ovn feature next' says which, 'git ovn feature start ID' takes it."
        return
    yield f"{feature.id} ({feature.priority}, {feature.status.replace('_', ' ')}): {feature.title}"
    if feature.verify:
        yield "It is done when each of these exits with 0:"
        yield from (
            f"  {command if isinstance(command, str) else list(command)}" for command in feature.verify
        )
    else:
        yield "It has no verify commands, so nothing can prove it: ask a person for some."
    if feature.green_before:
        yield "All were green before the work began: say in the handoff what they do not test."
    if feature.paths:
        yield f"Paths: {', '.join(feature.paths)}"
    if feature.description:
        yield feature.description
    yield from (f"- [{'x' if phase.complete else ' '}] {phase.name}" for phase in feature.phases)
    if material.others:
        yield f"After it {material.others} more are open."


def _tried(material: Material) -> Iterable[str]:
    yield from (f"- {line}" for line in material.tried)
    if material.earlier:
        yield from (f"- {line} (in {material.earlier.session})" for line in material.earlier.tried)


def _earlier(material: Material) -> Iterable[str]:
    handoff = material.earlier
    if handoff is None:
        return
    yield f"From {handoff.session}, by {handoff.author}, {handoff.at}"
    yield from (f"Next: {text}" for text in handoff.next)
    yield from (f"Blocker: {text}" for text in handoff.blockers)
    yield from (f"Accomplished: {text}" for text in handoff.accomplished)


def _baseline(baseline: Baseline | None) -> Iterable[str]:
    if baseline is None:
        return
    result = "green" if baseline.exit_code == 0 else f"red (exit {baseline.exit_code})"
    yield f"Before any work the tests were {result}: {baseline.summary}"
    yield from (f"- failed already: {test}" for test in baseline.failing)


def _show(feature: Feature | None) -> str:
    return f"git ovn feature show {feature.id}" if feature else "git ovn feature list"


def _handoff_file(handoff: Handoff | None) -> str:
    return f"git ovn session show {handoff.session}" if handoff else "git ovn log"


def _baseline_file(baseline: Baseline | None) -> str:
    return f"git ovn state cat {names.baseline_file(baseline.name)}" if baseline else "git ovn status"


def _tail(output: str) -> tuple[str, ...]:
    """Return the last lines of an output: its end says why it failed."""
    lines = _lines([output]) if output.strip() else ()
    room, kept = TAIL, 0
    while kept < len(lines) and (room := room - len(lines[-kept - 1]) - 1) >= 0:
        kept += 1
    return lines[len(lines) - kept :]


def _lines(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the texts as clean lines; those after a text's first are set in by two spaces."""
    found: list[str] = []
    for whole in texts:
        first, *rest = whole.strip("\n").splitlines() or [""]
        found += _wrapped(visible(first))
        found += [piece for line in rest for piece in _wrapped("  " + visible(line))]
    return tuple(found)


def _wrapped(line: str) -> list[str]:
    return [line[at : at + LINE] for at in range(0, len(line), LINE)] or [""]


def visible(line: str) -> str:
    r"""Return one line with what cannot be seen written as ``\x1b``, ``\u202e``; tabs are spaces."""
    line = line.replace("\t", "    ").replace("\xa0", " ")
    if line.isprintable():
        return line
    return "".join(char if char.isprintable() else _escaped(char) for char in line)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
