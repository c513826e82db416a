"""Every error a user can meet, with its exit code and its hint.

One tree. A class fixes ``kind`` (the word in ``--json``), ``exit_code`` (the contract's
number) and a default ``hint``; a raise gives the sentence and may give a better hint.
Only ``ovn.cli`` prints them. Sentences are lower case, without a full stop, and quote
their subject: ``no checkpoint 'before_x' in session 'session-001'``.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own costs a hook 10 ms
if TYPE_CHECKING:
    from collections.abc import Iterable


class OvnError(Exception):
    """What went wrong (``str(error)``), what to do (``hint``), and the exit code.

    ``facts`` are JSON values for ``--json`` readers, e.g. ``{"path": "a.py"}``.
    """

    kind = "fatal"
    exit_code = 128
    hint: str | None = None

    def __init__(self, message: str, *, hint: str | None = None, **facts: object) -> None:
        super().__init__(message)
        if hint is not None:
            self.hint = hint
        self.facts = facts


# -- 1: a "no" -------------------------------------------------------------------------


class Refused(OvnError):
    """The question was answered: no. Nothing is broken and nothing was changed."""

    kind = "no"
    exit_code = 1


class Unverified(Refused):
    """A feature's verify commands were not green on a commit's tree."""

    kind = "unverified"


class SessionOver(Refused):
    """A program asks for more than is recorded of a session that has ended."""

    kind = "session-over"
    hint = "begin a new session, or go on in a copy with 'git ovn session fork SESSION'"


class VersionMismatch(Refused):
    """A session was recorded by another version of the program, and resuming it was not allowed."""

    kind = "version-mismatch"
    hint = "resume with on_version='resume', or keep both with DurableSession.fork"


class CommitRefused(Refused):
    """A hook of the user's, or git itself, refused a work commit; ``facts["output"]`` has the words."""

    kind = "commit-refused"
    hint = "do what the hook asks for, and try again"


# -- 128: fatal ------------------------------------------------------------------------


class NotARepository(OvnError):
    """There is no git repository here, or git itself refuses to use it."""

    kind = "not-a-repository"
    hint = "run it inside a git repository, or name one with 'git -C DIR ovn ...'"


class BareRepository(OvnError):
    """The repository has no work tree, and the verb needs one."""

    kind = "bare-repository"
    hint = "run it in a clone that has a work tree"


class UnsupportedRepository(OvnError):
    """SHA-256, reftable, partial clone, too old a git: named, never half supported."""

    kind = "unsupported-repository"


class UnsupportedPlatform(OvnError):
    """The system or its Python cannot run git ovn."""

    kind = "unsupported-platform"


class GitFailed(OvnError):
    """A git command failed in a way that has no better name; carries its stderr."""

    kind = "git-failed"


class GitTimeout(GitFailed):
    """A git command did not end in the time it was given."""

    kind = "git-timeout"


class Unsettled(GitFailed):
    """Files moved while git read them; ``suspects`` are those it may have been. Try again."""

    kind = "unsettled"
    hint = "wait until the files hold still, or ignore those that never do, and try again"

    def __init__(self, message: str, suspects: Iterable[bytes] = ()) -> None:
        super().__init__(message)
        self.suspects = frozenset(suspects)


class Locked(OvnError):
    """A lock that a live process holds was not released in time."""

    kind = "lock"
    hint = "wait for the process that holds it, or end it, and try again"


class NoSpace(OvnError):
    """A disk, a quota or a limit on files is used up."""

    kind = "disk"
    hint = "free some space on this disk and try again; nothing acknowledged was lost"


class DiskFailed(OvnError):
    """The disk refused for another reason than space or permission (EIO and its kin)."""

    kind = "disk-error"
    hint = "look at the kernel's log ('dmesg'); nothing acknowledged before was lost"


class ReadOnlyRepository(OvnError):
    """Something that had to be written may not be."""

    kind = "read-only"
    hint = "make the repository writable; reading verbs work as they are"


class NotFound(OvnError):
    """A checkpoint, session, feature, operation ... of that name does not exist."""

    kind = "not-found"


class Ambiguous(OvnError):
    """A name that several things have; ``hint`` lists them."""

    kind = "ambiguous"


class InvalidDocument(OvnError):
    """A document breaks its schema or its encoding; names document, path, rule and fix."""

    kind = "invalid-document"


class InvalidConfig(InvalidDocument):
    """A key of ``.overnight/config.yaml`` or of git's configuration has a wrong value."""

    kind = "invalid-config"


class JournalDamaged(OvnError):
    """A journal is unreadable before its torn tail; its bytes were set aside."""

    kind = "journal"
    hint = "run 'git ovn fsck' to see what is left of it"


class WouldLose(OvnError):
    """An operation would overwrite content that exists nowhere else."""

    kind = "would-lose"
    hint = "move the named files away, or use --force to set them aside under .git/ovn/aside/"


class Diverged(OvnError):
    """Files or branch moved since the operation that is to be taken back."""

    kind = "diverged"
    hint = "use --force to take a checkpoint first and go on"


class OperationInProgress(OvnError):
    """A merge, rebase or the like, or an operation of ours, is half done."""

    kind = "operation-in-progress"


class Conflict(OvnError):
    """An inverse commit does not apply; the repository is as it was before."""

    kind = "conflict"


class RefMoved(OvnError):
    """A compare-and-swap lost: the ref has another value than expected. Retryable."""

    kind = "ref-moved"
    hint = "another process moved it; try again"


class RefClash(OvnError):
    """A ref cannot exist beside another: ``overnight`` and ``overnight/state``, or a symbolic one."""

    kind = "ref-clash"


class CorruptObject(OvnError):
    """An object of the repository is missing or damaged."""

    kind = "corrupt"
    hint = "run 'git fsck' to see what is missing"


# -- 128: durable programs -------------------------------------------------------------


class NonDeterminismError(OvnError):
    """A replayed program took another path than the recorded one; ``facts``: recorded, requested."""

    kind = "non-determinism"
    hint = (
        "a program must make the same calls in the same order: put clocks, random numbers and "
        "input into steps; or go on from before the change with 'git ovn session fork'"
    )


class StepInterrupted(OvnError):
    """A step that may run only once had begun when its process died; nobody knows how far it came."""

    kind = "step-interrupted"
    hint = "find out whether it took effect; retry_failed=True at the start runs it again"


class StepFailed(OvnError):
    """A recorded failure whose own exception cannot be made again; ``facts``: type."""

    kind = "step-failed"


# -- 129: usage ------------------------------------------------------------------------


class UsageError(OvnError):
    """The command line cannot be understood."""

    kind = "usage"
    exit_code = 129


class InvalidName(UsageError):
    """A label or id outside ``[A-Za-z0-9][A-Za-z0-9._-]{0,63}``."""

    kind = "invalid-name"
    hint = "use letters, digits, '.', '_' and '-', at most 64, starting with a letter or digit"


# -- the contract's own numbers --------------------------------------------------------


class NotInitialised(OvnError):
    """The repository has no state of git ovn yet."""

    kind = "not-initialised"
    exit_code = 10
    hint = "run 'git ovn init' first"


class LeaseHeld(OvnError):
    """Somebody else holds the right to work on it; ``facts``: holder, since."""

    kind = "lease-held"
    exit_code = 11
    hint = "wait for it, end it with 'git ovn stop', or take over with 'git ovn start --take-over'"


class StaleLease(LeaseHeld):
    """The caller's generation is older than the lease's: it was taken over (fenced off)."""

    kind = "lease-stale"
    hint = "another process took over; what this one wrote before that is kept"


class StateConflict(OvnError):
    """The state changed underneath again and again, or cannot be changed like this."""

    kind = "state-conflict"
    exit_code = 12
    hint = "run it again; if it persists run 'git ovn fsck'"


class HandoffRefused(OvnError):
    """The shift may not end: ``facts["rules"]`` lists each rule that failed."""

    kind = "handoff-refused"
    exit_code = 13


class Unhealthy(OvnError):
    """A check of the environment failed, or the tests are red before any work."""

    kind = "unhealthy"
    exit_code = 14


class NeedsPerson(OvnError):
    """Only a person can decide how to go on."""

    kind = "needs-person"
    exit_code = 15


class FormatTooNew(OvnError):
    """A document, or the whole state, has a version newer than this program knows."""

    kind = "format-too-new"
    exit_code = 16
    hint = "a newer git ovn wrote this; upgrade with 'pip install --upgrade git-ovn'"


class NotTrusted(OvnError):
    """Commands that came with the repository were not allowed on this machine yet."""

    kind = "not-trusted"
    exit_code = 17
    hint = "look with 'git ovn trust --show', then allow with 'git ovn trust'"


class RunLimited(OvnError):
    """A run was ended by a limit with work left."""

    kind = "run-limited"
    exit_code = 20


class CrashLoop(OvnError):
    """A run crashed too often in a row and was ended."""

    kind = "crash-loop"
    exit_code = 21


INTERRUPTED = 130
"""Exit code of a verb that a signal ended."""

OUTPUT_CLOSED = 141
"""Exit code of a verb whose reader went away (``git ovn log | head -1``); git's own, 128 + SIGPIPE."""


def error_classes() -> list[type[OvnError]]:
    """Return every class of the tree, base first, for docs and the test of the codes."""
    found: list[type[OvnError]] = [OvnError]
    for cls in found:
        found.extend(sub for sub in cls.__subclasses__() if sub not in found)
    return found
