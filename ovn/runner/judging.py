"""What an attempt came to: committed, nothing broken that was green, verified; or why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovn import baseline, features, operations
from ovn.checks import commands, verify
from ovn.crash import crash_point
from ovn.errors import CommitRefused, GitTimeout, NotTrusted, OperationInProgress
from ovn.frozen import dataclass
from ovn.redaction import redact
from ovn.runner import attempt as attempts
from ovn.runner import ready, standing

if TYPE_CHECKING:
    from pathlib import Path

    from ovn.model.documents import Attempt
    from ovn.runner.night import Night
    from ovn.runner.standing import End, Going, Standing

FAILURE = "failure.txt"
"""In an attempt's folder: why it failed, and the end of the output that says so."""

KEPT = 8 << 10
"""Bytes of output that are kept of a failure; a prompt quotes its end."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Why an attempt did not make the feature done, and the output that shows it."""

    reason: str
    output: str = ""


def judge(night: Night, going: Going, at: Standing) -> End | None:
    """Commit what the agent left, verify it, and count the attempt if it failed."""
    failed = _failure(night, going, at)
    if failed is None:
        night.tell(f"{going.feature}: done")
        return None
    count(night, going, failed)
    return None


def _failure(night: Night, going: Going, at: Standing) -> Failed | None:
    """Return why the feature is not done; None when it is."""
    refused = _commit(night, going, at)
    if refused is not None:
        return refused
    try:
        night.check_trust()
    except NotTrusted as error:
        return Failed(f"it changed what it is verified by: {error}")
    return _broke(night, going) or _unproven(night, going)


def _commit(night: Night, going: Going, at: Standing) -> Failed | None:
    """Make the work commit where the agent left changes: the user's hooks decide, and are obeyed."""
    session = night.store.view().session(going.session)
    if session is None or session.ended is not None:
        return None
    hooks = night.changed_hooks()
    if hooks:
        return Failed(f"it changed a hook of git, '{hooks[0]}', which only a person may do: put it back")
    try:
        wanted = standing.order(night, going, "commit")
        made = operations.commit_work(night.store, wanted, at.feature.title)
    except CommitRefused as error:
        words = str(error).removeprefix("the commit was refused: ")
        return Failed(f"the commit was refused by a hook: {words}", str(error.facts.get("output", "")))
    except (GitTimeout, OperationInProgress) as error:
        return Failed(f"its work could not be committed: {error}")
    if made is not None:
        night.tell(f"{going.feature}: committed what the agent left uncommitted")
    return None


def _broke(night: Night, going: Going) -> Failed | None:
    """Return the tests that were green before the work and are not now."""
    session = night.store.view().session(going.session)
    before = night.store.view().baseline(session.baseline) if session and session.baseline else None
    if night.setting is None or before is None:
        return None
    told = baseline.ensure(night.store, night.setting, night.stopping.interrupting)
    if told is None:
        return None
    found = baseline.compare(before, told.baseline)
    if not found.worse:
        return None
    ready.record(night, going.session, going.feature, found.newly_failing)
    words = f"it broke what was green: {baseline.describe(found.newly_failing)}"
    return Failed(words, told.output.decode("utf-8", "replace"))


def _unproven(night: Night, going: Going) -> Failed | None:
    feature = features.find(night.store.view().features(), going.feature)
    with night.stopping.interrupting():
        measured = verify.measure(night.store, feature, standing.bench(night))
    verdict = verify.settle(night.store, _actor(night, going), feature, measured)
    crash_point("run.after_verify")
    if verdict.why is None:
        return None
    failed = verdict.measured.failed
    if failed is None:
        return Failed(verdict.why)
    command = commands.show(failed.command)
    tail = failed.tail.decode("utf-8", "replace")
    return Failed(
        f"red: {failed.summary} ('{command[:100]}' gave {failed.exit_code})", f"$ {command}\n{tail}"
    )


def _actor(night: Night, going: Going) -> features.Actor:
    """Return who changes the registry: nobody's session when the agent handed it off itself."""
    session = night.store.view().session(going.session)
    over = session is None or session.ended is not None
    return features.Actor("runner") if over else standing.actor(going)


def count(night: Night, going: Going, failed: Failed) -> None:
    """Count the attempt: its output for the next one's prompt, its reason in the records."""
    who = _actor(night, going)
    feature = features.find(night.store.view().features(), going.feature)
    reason = redact(failed.reason)[:2000]
    last = _last_attempt(night, going)
    if last is not None:
        folder = attempts.folder_of(night.store, night.run, going.session, last.number)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        text = f"{reason}\n\n{redact(failed.output[-KEPT:])}"
        (folder / FAILURE).write_text(text, encoding="utf-8", errors="replace")
    if last is not None and who.session is not None:
        data = {"number": last.number, "exit_code": last.exit_code, "reason": reason, "head": last.head_to}
        standing.record(night, going, "attempt.ended", data)
    used = feature.attempts + 1
    data = {"feature": going.feature, "status": "in_progress", "reason": reason, "attempts": used}
    features.record(night.store, who, "feature.status", data)
    night.tell(f"{going.feature}: {reason}")


def _last_attempt(night: Night, going: Going) -> Attempt | None:
    session = night.store.view().session(going.session)
    tried = [one for one in session.attempts if one.feature == going.feature] if session else []
    return tried[-1] if tried else None


def output_of_last(night: Night, going: Going) -> tuple[str, Path | None]:
    """Return what failed last at this feature in this run, and where all of it is."""
    sessions = night.document().sessions
    for session in reversed(sessions):
        found = night.store.view().session(session)
        if found is None or found.feature != going.feature:
            break
        for one in reversed(found.attempts):
            path = attempts.folder_of(night.store, night.run, session, one.number) / FAILURE
            if path.exists():
                return path.read_text(encoding="utf-8", errors="replace"), path
    return "", None
