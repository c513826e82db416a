"""What to do with a session that stopped: one literal table from facts to a verdict.

Pure. ``diagnose`` finds the first row that fits the facts; ``course`` follows the rows that
``git ovn resume`` carries out itself (fold, take the lease, finish what was half done) to the
one where it stops. ``ovn.shift.resuming`` gathers the facts and does the work. The same table is
rendered into ``docs/reference/recovery.md`` and tested row by row.
"""

from __future__ import annotations

from dataclasses import fields

from ovn.frozen import dataclass, replace
from ovn.recovery.table import TABLE, Row

__all__ = ["TABLE", "TOLD", "VERDICTS", "Facts", "Row", "Verdict", "course", "diagnose", "row_for"]

VERDICTS = (
    "continue",
    "fold-then-continue",
    "resume-agent",
    "restore-checkpoint",
    "roll-back-feature",
    "mark-blocked",
    "take-over-lease",
    "wait-until",
    "ask-a-person",
)

LEASES = ("free", "ours", "alive", "dead")
ATTEMPTS = ("none", "open", "failed", "passed")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is so, as far as a decision needs it. The default is a session in good order.

    ``lease``: ``alive`` is a live holder that is not us, ``dead`` one that is gone.
    ``attempt``: the last one; ``open`` was never recorded as ended (something died).
    ``foreign_*``: made by somebody who is not this session, or while no agent lived.
    ``work``: the feature has commits or changed files since its checkpoint.
    ``operation``: a restore, rollback or undo of ours whose intent is recorded and whose end is not.
    ``baseline_red``: the tests could not say anything before the work (no failing test id).
    """

    session: str = ""
    state: str = "active"
    kind: str = "detached"
    feature: str = ""
    feature_status: str = ""
    lease: str = "ours"
    agent_alive: bool = False
    journal_pending: bool = False
    journal_torn: bool = False
    journal_lost: bool = False
    operation: bool = False
    git_operation: bool = False
    work: bool = False
    branch_moved: bool = False
    foreign_commits: bool = False
    foreign_changes: bool = False
    baseline_red: bool = False
    checkpoint_valid: bool = True
    attempt: str = "none"
    attempts_left: int = 3
    crash_loop: bool = False
    waiting: bool = False
    # what is only told and named; no row looks at these
    dirty: bool = False
    checkpoint: str = ""
    holder: str = ""
    until: str = ""
    branch: str = ""
    operation_name: str = ""
    git_operation_name: str = ""
    crashes: int = 0
    pids: tuple[int, ...] = ()


TOLD = frozenset(
    "dirty checkpoint holder until branch operation_name git_operation_name crashes pids feature".split()
)
"""The fields of Facts that decide nothing: a dirty tree gets a safety checkpoint and stays."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a row says about some facts: the verdict, why, and the command to type."""

    verdict: str
    row: str
    reason: str
    command: str
    by: str


def row_for(facts: Facts) -> Row:
    """Return the first row that fits."""
    return next(row for row in TABLE if row.fits(facts))


def diagnose(facts: Facts) -> Verdict:
    """Return what the table says about the facts as they are."""
    return _say(row_for(facts), facts)


def course(facts: Facts) -> list[Verdict]:
    """Return the verdicts that follow one another, the last one being where ``resume`` stops.

    A row that ``resume`` carries out changes the facts it matched (``then``), so the course
    ends: each such row can come up once.
    """
    said = []
    while True:
        row = row_for(facts)
        said.append(_say(row, facts))
        if row.then is None:
            return said
        facts = replace(facts, **row.then)


def _say(row: Row, facts: Facts) -> Verdict:
    words = {field.name: _word(getattr(facts, field.name)) for field in fields(facts)}
    return Verdict(row.verdict, row.name, row.reason.format(**words), row.command.format(**words), row.by)


def _word(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(str(item) for item in value)
    return str(value)
