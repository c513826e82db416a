"""What the observing hooks record: one line each into the journal of the session at work.

They never fold (that needs libgit2, and 200 ms): any later command does. Nothing here refuses
or fails a git command; what could not be recorded is said on stderr.
"""

from __future__ import annotations

import os
import time

from ovn import names
from ovn.errors import NotFound
from ovn.state.journal import Journal
from ovn.state.journalfile import FILE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ovn.active import Active

NULL = "0" * 40
DERIVING = ("cherry-pick", "revert", "rebase", "merge", "pull", "am")
"""First words of the reflog for commits that git makes without asking pre-commit."""

VERIFIED = "verified"
MOST_PAIRS = 10_000
LONGEST_SUBJECT = 500
BYPASSED_FILE = "bypassed"
BYPASSED_LIMIT = 1 << 20


class Place:
    """Where a hook runs: ``.git/ovn``, the work tree's key, who is at work, whose act it is."""

    __slots__ = ("active", "local", "session", "worktree")

    def __init__(self, local: str, worktree: str, active: Active, session: str | None) -> None:
        self.local = local
        self.worktree = worktree
        self.active = active
        self.session = session

    @property
    def own(self) -> bool:
        """Whether the session at work did it."""
        return self.active.owns(self.session)

    def file(self, folder: str, name: str) -> str:
        """Return the path of a file in one of the folders of ``.git/ovn``."""
        return os.path.join(self.local, folder, name)


def commit(place: Place, git_dir: str, mark: str, described: str) -> None:
    """Record the commit that was just made.

    ``mark`` is what commit-msg left: without it the refusing hooks were skipped. ``described``
    is the commit's id and subject, empty where HEAD has a reflog, which tells both.
    """
    oid, subject, action = last_move(git_dir) if not described else (*_split(described), "")
    if not oid or not _is_new(place, oid):
        return
    derived = action.startswith(DERIVING) if action else _is_derived(git_dir, subject)
    bypassed = place.own and mark != VERIFIED and not derived and _can_tell(place)
    data = {
        "commit": oid,
        "kind": "own" if place.own else "foreign",
        "feature": place.active.feature if place.own else None,
        "bypassed": bypassed,
        "subject": subject[:LONGEST_SUBJECT],
    }
    record(place, "commit", data)
    if bypassed:
        _note_bypassed(place, oid)


def head(place: Place, git_dir: str, old: str, new: str, *, why: str) -> None:
    """Record that HEAD went from one commit to another."""
    data = {
        "old": None if old in ("", NULL) else old,
        "new": None if new in ("", NULL) else new,
        "why": why if place.own else f"{why}, foreign",
        "ref": _branch(git_dir),
    }
    record(place, "head", data)


def rewritten(place: Place, lines: Sequence[str], *, why: str) -> None:
    """Record which commits amend or rebase put in the place of which; lines are git's."""
    pairs = [line.split(" ")[:2] for line in lines if line.count(" ") >= 1]
    for start in range(0, len(pairs), MOST_PAIRS):
        record(place, "rewritten", {"pairs": pairs[start : start + MOST_PAIRS], "why": why})


def record(place: Place, kind: str, data: Mapping[str, object]) -> None:
    """Append one record to the session's journal. Raises the journal's errors, StaleLease too."""
    folder = place.file(names.JOURNAL_FOLDER, place.active.session)
    if not os.path.isfile(os.path.join(folder, FILE)):  # to begin one takes the session's next number
        raise NotFound(f"session '{place.active.session}' has no journal on this machine")
    line = encode({"at": now(), "by": "hook", "data": data, "type": kind}).encode("utf-8", "replace")
    with Journal(folder) as journal:
        journal.append(line, place.active.generation)


# -- facts about a commit --------------------------------------------------------------


def _is_new(place: Place, oid: str) -> bool:
    """Tell whether this commit is not yet recorded: two hook managers may both call us."""
    path = place.file(names.HOOKS_FOLDER, f"last-{place.worktree}")
    if _read(path) == f"{place.active.session} {oid}":
        return False
    with open(path, "w", encoding="ascii") as file:
        file.write(f"{place.active.session} {oid}")
    return True


def _can_tell(place: Place) -> bool:
    """Tell whether both hooks that mark a verified commit are installed."""
    installed = _read(place.file(names.HOOKS_FOLDER, "python")).splitlines()[2:]
    return bool(installed) and {"prepare-commit-msg", "commit-msg"} <= set(installed[0].split())


def last_move(git_dir: str) -> tuple[str, str, str]:
    """Return what the end of HEAD's reflog says: the commit, its subject, and what was done.

    A line is ``OLD NEW NAME <MAIL> TIME ZONE<tab>commit (amend): SUBJECT``.
    """
    with open(os.path.join(git_dir, "logs", "HEAD"), "rb") as file:
        file.seek(max(os.fstat(file.fileno()).st_size - 65536, 0))
        last = file.read().rstrip(b"\n").rpartition(b"\n")[2].decode("utf-8", "replace")
    who, _, message = last.partition("\t")
    action, _, subject = message.partition(": ")
    return who[41:81], subject, action


def _split(described: str) -> tuple[str, str]:
    oid, _, subject = described.partition("\n")
    return oid, subject


def _is_derived(git_dir: str, subject: str) -> bool:
    """Tell without a reflog whether cherry-pick, revert or rebase made the last commit."""
    states = ("CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply", "sequencer")
    return subject.startswith('Revert "') or any(
        os.path.exists(os.path.join(git_dir, state)) for state in states
    )


def _note_bypassed(place: Place, oid: str) -> None:
    """Keep the id for pre-push, which says it again; the list is bounded."""
    path = place.file(names.LOG_FOLDER, BYPASSED_FILE)
    if os.path.exists(path) and os.path.getsize(path) > BYPASSED_LIMIT:
        os.replace(path, f"{path}.1")
    with open(path, "a", encoding="ascii") as file:
        file.write(oid + "\n")


def _branch(git_dir: str) -> str:
    """Return the full name of the branch that HEAD is on; ``HEAD`` when it is detached."""
    text = _read(os.path.join(git_dir, "HEAD"))
    return text.removeprefix("ref: ") if text.startswith("ref: ") else "HEAD"


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(65536).rstrip("\n")
    except FileNotFoundError:
        return ""


# -- one line of JSON, as ovn.model.canonical writes it ----------------------------------

_ESCAPES = {code: f"\\u{code:04x}" for code in range(32)}
_ESCAPES |= {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\"}


def encode(value: object) -> str:
    """Return the value on one line, keys sorted: what ``canonical.dump_line`` says (json costs 6 ms)."""
    if isinstance(value, str):
        return '"' + value.translate(_ESCAPES) + '"'
    if isinstance(value, dict):
        return "{" + ",".join(f"{encode(key)}:{encode(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(encode, value)) + "]"
    return {None: "null", True: "true", False: "false"}[value]  # type: ignore[index]


def now() -> str:
    """Return the time as ``clock.rfc3339`` writes it, without datetime."""
    nanoseconds = time.time_ns()
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(nanoseconds // 10**9))
    return f"{seconds}.{nanoseconds // 10**6 % 1000:03d}Z"
