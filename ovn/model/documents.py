"""The documents of the state branch, one frozen class each; the schemas say the same in JSON.

Times are RFC 3339 text in UTC, durations seconds, sizes bytes, object ids 40 hex digits,
paths text as ``git`` quotes them. ``None`` is "not yet" or "does not apply".
"""

from __future__ import annotations

from ovn.frozen import dataclass, field
from ovn.model.canonical import Json  # noqa: TC001 - codec reads the annotations at run time

FORMAT = 1
"""The format of the state branch as a whole (``ovn.json``); readers refuse a newer one."""

FEATURE_STATUSES = ("pending", "in_progress", "blocked", "failed", "rolled_back", "done")
PRIORITIES = ("P0", "P1", "P2", "P3")
SESSION_STATES = ("created", "active", "waiting", "handed_off", "crashed", "rolled_back", "abandoned")
ENDED_STATES = ("handed_off", "rolled_back", "abandoned")
SESSION_KINDS = ("run", "detached", "python", "manual")
CHECKPOINT_KINDS = ("named", "automatic", "safety")


@dataclass(frozen=True, slots=True)
class Project:
    """``ovn.json``: what this state branch is."""

    format: int
    project_id: str
    project: str
    created: str


@dataclass(frozen=True, slots=True)
class Command:
    """One command of evidence, as it went; ``digest`` is the SHA-256 of its whole output."""

    command: str | tuple[str, ...]
    exit_code: int
    seconds: float
    summary: str
    digest: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What proves a feature. ``partial`` says why it proves less than a commit, or None."""

    feature: str
    at: str
    green: bool
    tree: str
    commit: str | None
    partial: str | None
    commands: tuple[Command, ...]


@dataclass(frozen=True, slots=True)
class Phase:
    name: str
    complete: bool = False


@dataclass(frozen=True, slots=True)
class Feature:
    """``features/<id>.json``: one thing to build. ``number`` orders equal priorities by age."""

    version: int
    id: str
    number: int
    title: str
    created: str
    description: str = ""
    category: str = ""
    status: str = "pending"
    priority: str = "P2"
    started: str | None = None
    finished: str | None = None
    depends_on: tuple[str, ...] = ()
    phases: tuple[Phase, ...] = ()
    verify: tuple[str | tuple[str, ...], ...] = ()
    paths: tuple[str, ...] = ()
    evidence: Evidence | None = None
    green_before: bool = False
    claimed: bool = False
    attempts: int = 0
    reason: str | None = None
    completed: int | None = None


@dataclass(frozen=True, slots=True)
class Blocker:
    id: str
    text: str
    open: bool = True


@dataclass(frozen=True, slots=True)
class Work:
    """One commit seen in a session: ``own``, ``foreign``; ``bypassed`` its hooks were skipped."""

    commit: str
    kind: str
    feature: str | None = None
    bypassed: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that an agent sent (``cached`` of them from a cache) and received; what it said they cost."""

    input: int
    output: int
    cached: int
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One agent process inside a session; ``head_from..head_to`` is what HEAD did meanwhile.

    ``usage`` is None where its agent did not tell, and where an older git ovn did not record it.
    """

    number: int
    feature: str | None
    started: str
    head_from: str | None
    log: str | None = None
    pid: int | None = None
    pgid: int | None = None
    process_start: str | None = None
    boot_id: str | None = None
    ended: str | None = None
    exit_code: int | None = None
    reason: str | None = None
    head_to: str | None = None
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A commit that amend or rebase replaced (post-rewrite)."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Session:
    """``sessions/<id>/session.json``: one shift of one agent.

    ``folded`` is the sequence number of the last record in the folded segments; records up to
    it are never applied again. ``code`` is the version of the program that works in it.
    """

    version: int
    id: str
    state: str
    kind: str
    created: str
    updated: str
    worktree: str
    goal: str | None = None
    agent: str | None = None
    branch: str | None = None
    head: str | None = None
    feature: str | None = None
    run: str | None = None
    generation: int = 0
    until: str | None = None
    why: str | None = None
    ended: str | None = None
    checkpoint: str | None = None
    checkpoints: int = 0
    baseline: str | None = None
    attempts: tuple[Attempt, ...] = ()
    commits: tuple[Work, ...] = ()
    rewrites: tuple[Rewrite, ...] = ()
    notes: tuple[str, ...] = ()
    decisions: tuple[str, ...] = ()
    blockers: tuple[Blocker, ...] = ()
    steps: int = 0
    steps_failed: int = 0
    folded: int = 0
    code: str | None = None
    private: str | None = None


@dataclass(frozen=True, slots=True)
class Layer:
    """``sessions/<id>/layer.json``: what a program keeps in the layer SESSION."""

    version: int
    session: str
    values: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Value:
    """``layers/<layer>/<name>.json``: one value of PERSISTENT or LONG_TERM, and where it came from."""

    version: int
    layer: str
    key: str
    value: Json
    at: str
    session: str | None = None
    feature: str | None = None


@dataclass(frozen=True, slots=True)
class Handoff:
    """``sessions/<id>/handoff.json``: the shift's last words. ``author``: agent, runner, person."""

    version: int
    session: str
    at: str
    author: str
    accomplished: tuple[str, ...] = ()
    next: tuple[str, ...] = ()
    blockers: tuple[str, ...] = ()
    tried: tuple[str, ...] = ()
    head: str | None = None
    branch: str | None = None
    checkpoint: str | None = None
    wip: bool = False


@dataclass(frozen=True, slots=True)
class Omission:
    """A path that a checkpoint does not hold, and why; never silent."""

    path: str
    why: str
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A snapshot of the work tree, held by ``refs/ovn/checkpoint/<id>``.

    ``index`` and ``meta`` are the commits of the index and of an unmerged or unfinished state,
    where there is one; ``changed`` counts the paths that differ from HEAD.
    """

    id: str
    session: str
    label: str | None
    kind: str
    at: str
    commit: str
    tree: str
    worktree: str
    tag: str | None = None
    text: str | None = None
    index: str | None = None
    meta: str | None = None
    head: str | None = None
    branch: str | None = None
    operation: str | None = None
    changed: int = 0
    omitted: tuple[Omission, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a work tree stood: HEAD's commit, its branch, its files' tree, and what holds it."""

    head: str | None
    branch: str | None
    tree: str | None = None
    checkpoint: str | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """``operations/<id>.json``: one change of files or refs that ``undo`` can take back.

    ``state``: open (its intent is recorded), done, reversed (it failed and was put back),
    abandoned (it died, and somebody moved the branch before it could be put back).
    """

    version: int
    id: str
    verb: str
    state: str
    at: str
    session: str
    worktree: str
    before: Place
    after: Place | None = None
    target: str | None = None
    feature: str | None = None
    paths: tuple[str, ...] = ()
    aside: str | None = None
    undoes: str | None = None
    undone_by: str | None = None
    commits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Baseline:
    """``baseline/<name>.json``: what the tests said before new work, by failing test id."""

    version: int
    name: str
    at: str
    tree: str
    command: str | tuple[str, ...]
    exit_code: int
    seconds: float
    summary: str
    failing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """``questions/<id>.json``: asked by a session, answered by a person or by its deadline."""

    version: int
    id: str
    session: str
    at: str
    text: str
    options: tuple[str, ...] = ()
    default: str | None = None
    deadline: str | None = None
    answer: str | None = None
    answered: str | None = None
    author: str | None = None


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lease: dead if the boot differs, the pid is gone or started at another time.

    ``pid`` None is ``detached``: a ``start`` typed in a shell, alive while its beat is young.
    """

    host: str
    boot_id: str
    pid: int | None
    process_start: str | None
    nonce: str


@dataclass(frozen=True, slots=True)
class Lease:
    """``refs/ovn/lease/<kind>/<name>``: the right to work on something, fenced by generation."""

    version: int
    kind: str
    name: str
    session: str
    generation: int
    taken: str
    holder: Holder
    run: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What the watchdog saw in a night: a gap, a warning, a limit, an agent that got nowhere ..."""

    at: str
    what: str
    text: str
    session: str | None = None
    feature: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """``runs/<id>.json``: one night. ``onto``: the branch from before, ``watch``: what was seen."""

    version: int
    id: str
    state: str
    started: str
    worktree: str
    branch: str | None
    base: str | None
    agent: str
    limits: dict[str, Json] = field(default_factory=dict)
    features: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    crashes: int = 0
    cost_usd: float = 0.0
    deadline: str | None = None
    stop: str | None = None
    exit_code: int | None = None
    ended: str | None = None
    tokens: int = 0
    onto: str | None = None
    watch: tuple[Seen, ...] = ()
