"""The recovery table itself: the rows, first match wins. ``ovn.recovery.diagnosis`` says what the facts are.

A literal, so that it can be read from top to bottom as the policy it is: first what forbids
touching anything, then what puts the records and the lease in order, then what a person must
decide, then how the work goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ovn.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ovn.recovery.diagnosis import Facts


@dataclass(frozen=True, slots=True)
class Row:
    """One row. ``when``: the value, or the values, each named fact must have; others are any.

    ``by`` says who carries it out: ``resume`` (``then``: what the facts are afterwards),
    ``run``, a ``person``, or nobody because there is nothing to do.
    """

    name: str
    when: Mapping[str, Any]
    verdict: str
    reason: str
    command: str
    by: str = "person"
    then: Mapping[str, Any] | None = None

    def fits(self, facts: Facts) -> bool:
        """Tell whether every named fact has (one of) the value(s)."""
        return all(
            getattr(facts, name) in wanted if isinstance(wanted, tuple) else getattr(facts, name) == wanted
            for name, wanted in self.when.items()
        )


ENDED = ("handed_off", "rolled_back", "abandoned")
OVER = ("done", "blocked", "rolled_back")

LAST_WORDS = {"kind": "run", "attempt": "failed", "attempts_left": (0, 1), "work": True}
"""What the rows below share: the next thing to do would take the feature's work back."""

TABLE: tuple[Row, ...] = (
    Row(
        "nothing-to-resume",
        {"session": ""},
        "continue",
        "no session of this work tree is unfinished",
        "git ovn start",
        by="nobody",
    ),
    Row(
        "manual",
        {"kind": "manual"},
        "continue",
        "'{session}' only holds checkpoints made by hand; it has no shift",
        "git ovn start",
        by="nobody",
    ),
    Row(
        "held",
        {"lease": "alive"},
        "wait-until",
        "a live process holds the lease: {holder}",
        "git ovn stop",
    ),
    Row(
        "agent-alive",
        {"agent_alive": True},
        "ask-a-person",
        "an agent of the dead run still lives (process {pids}); two must not work in one tree",
        "kill {pids}",
    ),
    Row(
        "journal-damaged",
        {"journal_lost": True},
        "fold-then-continue",
        "the journal lost acknowledged records to a damaged disk; what is whole of it is folded",
        "git ovn fsck",
        by="resume",
        then={"journal_lost": False, "journal_torn": False, "journal_pending": False},
    ),
    Row(
        "journal-torn",
        {"journal_torn": True},
        "fold-then-continue",
        "the journal ends in a record that was never acknowledged; it is cut off, the rest folded",
        "git ovn resume",
        by="resume",
        then={"journal_torn": False, "journal_pending": False},
    ),
    Row(
        "journal-pending",
        {"journal_pending": True},
        "fold-then-continue",
        "the journal holds records that are not on the state branch yet",
        "git ovn resume",
        by="resume",
        then={"journal_pending": False},
    ),
    Row(
        "ended-holding",
        {"state": ENDED, "lease": ("dead", "ours")},
        "take-over-lease",
        "the shift had ended when its process died; only its lease was left, and is released",
        "git ovn resume",
        by="resume",
        then={"lease": "free"},
    ),
    Row(
        "ended",
        {"state": ENDED},
        "continue",
        "session '{session}' is over",
        "git ovn start",
        by="nobody",
    ),
    Row(
        "crash-loop",
        {"crash_loop": True},
        "ask-a-person",
        "it crashed {crashes} times; going on would crash again",
        "git ovn log --session {session}",
    ),
    Row(
        "waiting",
        {"state": "waiting", "waiting": True},
        "wait-until",
        "it waits until {until}",
        "git ovn run",
        by="run",
    ),
    Row(
        "lease-dead",
        {"lease": "dead"},
        "take-over-lease",
        "the holder of the lease is gone: {holder}",
        "git ovn resume",
        by="resume",
        then={"lease": "ours"},
    ),
    Row(
        "lease-free",
        {"lease": "free"},
        "take-over-lease",
        "nobody holds the lease",
        "git ovn resume",
        by="resume",
        then={"lease": "ours"},
    ),
    Row(
        "half-done-foreign",
        {"operation": True, "foreign_commits": True},
        "continue",
        "'{operation_name}' was half done, and others committed since: it is left as it is, "
        "its safety checkpoint has what was before",
        "git ovn operations",
        by="resume",
        then={"operation": False},
    ),
    Row(
        "half-done",
        {"operation": True},
        "restore-checkpoint",
        "'{operation_name}' was half done; its safety checkpoint is put back",
        "git ovn resume",
        by="resume",
        then={"operation": False},
    ),
    Row(
        "branch-moved",
        {"branch_moved": True},
        "ask-a-person",
        "HEAD is not where the session left it; its branch is '{branch}'",
        "git switch {branch}",
    ),
    Row(
        "feature-over",
        {"feature_status": OVER, "kind": "run"},
        "continue",
        "feature '{feature}' is decided; what is left of the shift is its handoff",
        "git ovn run",
        by="run",
    ),
    Row(
        "program",
        {"kind": "python"},
        "resume-agent",
        "the program itself goes on: what is recorded is not run twice",
        "start the program again",
    ),
    Row(
        "detached",
        {"kind": "detached"},
        "continue",
        "the session is active again; go on where it stopped",
        "git ovn handoff",
        by="nobody",
    ),
    Row(
        "baseline-broken",
        {"kind": "run", "attempt": "failed", "baseline_red": True},
        "mark-blocked",
        "the tests did not run before the work either; no attempt at '{feature}' can mend that",
        "git ovn feature block {feature} 'broken baseline'",
        by="run",
    ),
    Row(
        "interrupted",
        {"kind": "run", "attempt": "open"},
        "resume-agent",
        "an attempt at '{feature}' was interrupted; the next agent goes on in the same files",
        "git ovn run",
        by="run",
    ),
    Row(
        "passed",
        {"kind": "run", "attempt": "passed"},
        "continue",
        "the last attempt at '{feature}' ended well; verification is next",
        "git ovn run",
        by="run",
    ),
    Row(
        "last-words-foreign-commits",
        {**LAST_WORDS, "foreign_commits": True},
        "ask-a-person",
        "rolling '{feature}' back would go over commits that are not the session's",
        "git ovn rollback --feature {feature}",
    ),
    Row(
        "last-words-foreign-changes",
        {**LAST_WORDS, "foreign_changes": True},
        "ask-a-person",
        "files changed while no agent lived; taking '{feature}' back would take them too",
        "git ovn checkpoint mine, then git ovn rollback --feature {feature}",
    ),
    Row(
        "last-words-git-operation",
        {**LAST_WORDS, "git_operation": True},
        "ask-a-person",
        "a {git_operation_name} is in progress; nothing is taken back over it",
        "git status",
    ),
    Row(
        "last-words-no-checkpoint",
        {**LAST_WORDS, "checkpoint_valid": False},
        "ask-a-person",
        "the checkpoint to go back to is gone or not whole",
        "git ovn fsck",
    ),
    Row(
        "used-up",
        {"kind": "run", "attempt": "failed", "attempts_left": 0, "work": True},
        "roll-back-feature",
        "the attempts at '{feature}' are used up; its work is kept as a checkpoint and taken back",
        "git ovn rollback --feature {feature}",
        by="run",
    ),
    Row(
        "used-up-no-work",
        {"kind": "run", "attempt": "failed", "attempts_left": 0},
        "mark-blocked",
        "the attempts at '{feature}' are used up and left nothing behind",
        "git ovn feature block {feature} 'attempts used up'",
        by="run",
    ),
    Row(
        "last-attempt",
        {"kind": "run", "attempt": "failed", "attempts_left": 1, "work": True},
        "restore-checkpoint",
        "the last attempt at '{feature}' starts afresh from checkpoint {checkpoint}",
        "git ovn rollback {checkpoint}",
        by="run",
    ),
    Row(
        "next-attempt",
        {"kind": "run"},
        "resume-agent",
        "attempts are left; the next agent goes on in the same files",
        "git ovn run",
        by="run",
    ),
    Row(
        "unknown",
        {},
        "ask-a-person",
        "no rule knows a session of kind '{kind}' in state '{state}'",
        "git ovn session show {session}",
    ),
)
"""First match wins; the last row takes whatever is left."""
