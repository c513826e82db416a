"""What a night came to, as frozen values: the one model behind report, timeline and pages.

Texts are as the repository has them: whoever shows them escapes them. Times are RFC 3339 in
UTC, durations seconds, money USD. Each row carries the ``Source`` that backs it.
"""

from __future__ import annotations

from ovn.frozen import dataclass, field
from ovn.model.canonical import Json  # noqa: TC001 - codec reads the annotations at run time
from ovn.model.documents import (  # noqa: TC001 - as above
    Baseline,
    Blocker,
    Command,
    Handoff,
    Question,
    Run,
)

LIFE = ("none", "running", "died", "ended")
"""How a night stands: there is none, it is going on, its runner is gone without an end, it ended."""


@dataclass(frozen=True, slots=True)
class Source:
    """What backs a line.

    ``kind``: ``commit`` (its id), ``tag`` (its full ref), ``checkpoint`` (its id), ``document``
    (its path on the state branch, where ``git show STATE:PATH`` finds it; STATE is ``Night.state``).
    """

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the agents sent and received; ``cached`` of what was sent came from a cache."""

    input: int = 0
    output: int = 0
    cached: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """One commit of the state branch, oldest first: a line of the story.

    ``event`` is the record's type, as ``ovn.model.records.TYPES`` has them (``attempt.ended``,
    ``checkpoint``, ``session.state``, ...), ``steps`` and ``records`` for many small ones
    together, None for a commit that git ovn did not write.
    """

    commit: str
    at: str
    event: str | None
    subject: str
    body: str = ""
    session: str | None = None
    feature: str | None = None
    checkpoint: str | None = None
    run: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One agent process. ``outcome``: running, passed, failed, crashed (it never was judged).

    ``seconds`` is None while it goes on. ``cost_usd`` and ``tokens`` are None where they are not known.
    """

    session: str
    number: int
    feature: str | None
    outcome: str
    started: str
    source: Source
    ended: str | None = None
    seconds: float | None = None
    exit_code: int | None = None
    reason: str | None = None
    head_from: str | None = None
    head_to: str | None = None
    log: str | None = None
    cost_usd: float | None = None
    tokens: Tokens | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint that was taken for a reason; ``label`` None is an automatic one."""

    id: str
    at: str
    session: str
    source: Source
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """One shift. ``gone``: it left ``active`` without a handoff, which is owed."""

    id: str
    state: str
    kind: str
    started: str
    updated: str
    source: Source
    run: str | None = None
    feature: str | None = None
    agent: str | None = None
    goal: str | None = None
    worktree: str = "main"
    branch: str | None = None
    ended: str | None = None
    until: str | None = None
    why: str | None = None
    seconds: float | None = None
    attempts: tuple[Attempt, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()
    commits: int = 0
    steps: int = 0
    steps_failed: int = 0
    notes: tuple[str, ...] = ()
    decisions: tuple[str, ...] = ()
    blockers: tuple[Blocker, ...] = ()
    handoff: Handoff | None = None
    owes_handoff: bool = False


@dataclass(frozen=True, slots=True)
class Commit:
    """A work commit. ``standing``: kept (HEAD's history has it), reverted, gone (rolled back).

    ``kind``: own, or foreign (made beside the session); ``bypassed``: its hooks were skipped.
    """

    commit: str
    subject: str
    kind: str
    standing: str
    session: str | None = None
    feature: str | None = None
    bypassed: bool = False


@dataclass(frozen=True, slots=True)
class Diff:
    """How much changed: lines added and deleted (binary files count as none), paths as git quotes them."""

    added: int = 0
    deleted: int = 0
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Weakening:
    """A place where tests became weaker.

    ``kind``: ``deleted test file``, ``deleted test``, ``fewer assertions``, ``newly skipped``.
    ``test`` is the test's name in the file, None for the file as a whole; ``before`` and ``after``
    count assertions (the tests, of a deleted file).
    """

    kind: str
    path: str
    test: str | None
    before: int
    after: int
    source: Source


@dataclass(frozen=True, slots=True)
class Evidence:
    """What proves a feature, or what its last measurement said."""

    at: str
    green: bool
    tree: str
    commit: str | None
    partial: str | None
    commands: tuple[Command, ...]
    source: Source


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature and what the night did about it; ``touched``: it did anything.

    ``done_here``: its evidence was recorded in this night. ``outside``: changed paths that are
    not among the declared ones (empty where none are declared). ``kept``: the tag that holds
    work that was given up. ``seconds`` and ``cost_usd`` are those of its attempts in this night.
    """

    id: str
    title: str
    status: str
    priority: str
    source: Source
    number: int = 0
    touched: bool = False
    done_here: bool = False
    claimed: bool = False
    green_before: bool = False
    reason: str | None = None
    evidence: Evidence | None = None
    commits: tuple[Commit, ...] = ()
    diff: Diff = Diff()
    outside: tuple[str, ...] = ()
    tests: tuple[Weakening, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    sessions: tuple[str, ...] = ()
    seconds: float = 0.0
    cost_usd: float | None = None
    tokens: Tokens | None = None
    kept: str | None = None
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """The tests before the night against now. ``on_head``: ``now`` was measured on HEAD's tree.

    Where it was not, it is the last that was measured, on a tree that is not the present one.
    """

    before: Baseline
    now: Baseline
    before_source: Source
    now_source: Source
    on_head: bool
    newly_failing: tuple[str, ...] = ()
    newly_passing: tuple[str, ...] = ()
    still_failing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch in which nobody worked. ``kind``: limit, question, wait, crash, sleep.

    ``seconds`` from the last sign of life to the next; None while it goes on. For a crash
    ``resume_seconds`` is what bringing it back took, ``row`` the recovery table's row.
    """

    kind: str
    session: str
    started: str
    source: Source
    ended: str | None = None
    seconds: float | None = None
    why: str | None = None
    row: str | None = None
    resume_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence that somebody left: a decision, or what comes next."""

    text: str
    source: Source
    session: str | None = None
    feature: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of a session; ``question.answer`` is None while it is open."""

    question: Question
    source: Source


@dataclass(frozen=True, slots=True)
class Need:
    """Something that needs a person, and what to type.

    ``kind``: died, stopped, question, damaged, conflict, blocked, red, weakened, bypassed,
    foreign, debt.
    """

    kind: str
    text: str
    source: Source
    command: str | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """A change of files or refs in the night that ``git ovn undo`` can take back."""

    id: str
    at: str
    verb: str
    state: str
    session: str
    source: Source
    feature: str | None = None
    target: str | None = None
    undone_by: str | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of the run: its name in the contract's words, its value, what was used of it."""

    name: str
    value: Json
    used: float | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A run: its document, how it stands (``LIFE``), its end in words, its limits."""

    run: Run
    life: str
    source: Source
    why: str | None = None
    seconds: float | None = None
    limits: tuple[Limit, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The first line. ``tone``: good, mixed, bad, running, empty. Counts are of all features now."""

    tone: str
    text: str
    done: int = 0
    total: int = 0
    done_here: int = 0
    statuses: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Night:
    """A night, or all since a moment. ``state`` is the state commit that was read, ``at`` when.

    ``life`` is that of the newest run; ``none`` where there was only other work, or nothing.
    ``noticed`` is what the watchdog saw and said (stuck, idle, a budget nearly spent, a clock set).
    ``crashes`` counts recoveries; ``cost_usd`` is of the runs; ``tokens`` None where unknown.
    """

    project: str
    state: str
    at: str
    life: str
    verdict: Verdict
    since: str | None = None
    started: str | None = None
    ended: str | None = None
    seconds: float | None = None
    runs: tuple[Held, ...] = ()
    needs: tuple[Need, ...] = ()
    features: tuple[Feature, ...] = ()
    sessions: tuple[Session, ...] = ()
    commits: tuple[Commit, ...] = ()
    questions: tuple[Asked, ...] = ()
    baseline: Change | None = None
    gaps: tuple[Gap, ...] = ()
    decisions: tuple[Said, ...] = ()
    next: tuple[Said, ...] = ()
    operations: tuple[Operation, ...] = ()
    events: tuple[Event, ...] = ()
    crashes: int = 0
    cost_usd: float = 0.0
    tokens: Tokens | None = None
    damaged: tuple[str, ...] = ()
    noticed: tuple[Said, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """One run in the list of nights, newest first."""

    run: Run
    life: str
    source: Source
    why: str | None = None
    seconds: float | None = None
    features: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
