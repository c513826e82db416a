"""What each event of an agent does: a beat always, and beside it one thing.

| event | what is done |
|---|---|
| begin (start, resume, after a compaction) | the context goes to the model |
| before a tool | refuse what harms; a checkpoint first where work is discarded |
| after a tool | mark the work tree as changed |
| before a compaction | a checkpoint and a new briefing, at most 5 s |
| stop | not before the handoff, three times |
"""

from __future__ import annotations

import os
import sys
import time

from ovn import active, names
from ovn.agenthooks import dialects, place, reading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ovn.agenthooks.dialects import Said
    from ovn.agenthooks.place import Place
    from ovn.agenthooks.verdicts import Verdict

STOPS = 3
"""How often an agent is held back from stopping without a handoff; then the runner takes over."""

BLOCKING = 5.0
"""Seconds that a checkpoint may hold the agent up."""

PAUSE = 300.0
"""Seconds between two checkpoints of a shift that no runner watches."""

REPEAT = 10
"""Tools between two reminders, for CLIs that do not tell when they compacted."""

LARGEST = 64 << 20
LONGEST_LOG = 1 << 20
CONTEXT = 8000
"""Characters; Claude Code cuts what is longer than 10,000."""

NO_HANDOFF = """\
The shift is not over: session '{session}' has no valid handoff yet. Write it now: with the tool 'handoff', or
  git ovn handoff --accomplished TEXT --next TEXT [--blocker TEXT] [--tried TEXT]
It commits what is left. If the feature is not done, say so and what you tried; that is a good handoff too.
(Refusal {number} of {most}; after the last one the session is ended without you.)"""

NO_PROPOSAL = """\
'{path}' is not there yet: write every feature of the specification into it, and 'init.sh', then stop.
(Refusal {number} of {most}.)"""


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> None:
    """Handle one event of the CLI that ``arguments`` name; a hook that fails stops nobody."""
    cli = arguments[0] if arguments else ""
    if cli not in dialects.EVENTS:
        _say(2, f"git ovn: unknown agent '{cli}'; known are {', '.join(dialects.EVENTS)}")
        return
    here = None
    try:
        said = reading.loads(sys.stdin.buffer.read(LARGEST))
        if not isinstance(said, dict):
            said = {}
        folder = said.get("cwd")
        here = place.find(folder if isinstance(folder, str) and folder else os.getcwd(), environ)
        answer = respond(cli, said, here) if here is not None and here.session else None
        if answer is not None:
            import json

            _say(1, json.dumps(answer))
    except Exception as error:  # noqa: BLE001 - the agent works on, and the log says why
        _log(here, f"{cli}: {type(error).__name__}: {error}")


def _say(fd: int, text: str) -> None:
    """Write a line, whole and at once: nothing is left to be written when the process ends."""
    left = f"{text}\n".encode(errors="backslashreplace")
    while left:
        left = left[os.write(fd, left) :]


def respond(cli: str, said: Said, here: Place) -> Said | None:
    """Do what the event asks for; return the answer in the CLI's words, None for none."""
    _sign(cli, said, here)
    handler = HANDLERS.get(dialects.event(cli, said))
    return handler(cli, said, here) if handler else None


def _sign(cli: str, said: Said, here: Place) -> None:
    """Leave a sign of life, and say in the attempt's folder that the hooks are on."""
    if here.at_work and here.session:
        active.beat(here.local, here.session)
    path = here.environ.get(names.ENV_HOOKS)
    if path:
        event = said.get("hook_event_name")
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"{cli} {event if isinstance(event, str) else '?'} {dialects.detail(said)}\n")


# -- the events ------------------------------------------------------------------------


def _begin(cli: str, said: Said, here: Place) -> Said | None:
    if said.get("source") == "startup":
        _forget(_counter(here, "stops"))
    text = briefing(here)
    return dialects.context(cli, said, text) if text else None


def briefing(here: Place) -> str:
    """Return what the session needs to know: the newest of what a runner, a hook, a verb wrote."""
    if not here.at_work or here.session is None:
        return ""
    known = [here.environ.get(names.ENV_CONTEXT, ""), here.file(names.BRIEF_FOLDER, f"{here.session}.md")]
    if here.environ.get(names.ENV_PROPOSAL):
        known = known[:1]  # an initializer's: a session's usual briefing knows no specification
    found = [path for path in known if path and os.path.isfile(path)]
    if not found:
        _child(here, "brief", BLOCKING)
        found = [path for path in known[1:] if os.path.isfile(path)]
    if not found:
        return ""
    with open(max(found, key=os.path.getmtime), encoding="utf-8", errors="replace") as file:
        return file.read(CONTEXT)


def _before(cli: str, said: Said, here: Place) -> Said | None:
    verdict = judge(said, protect=here.protect)
    if verdict is None:
        return None
    if not verdict.denied:
        if _child(here, "guard", BLOCKING):
            return None
        from ovn.agenthooks.verdicts import deny

        verdict = deny(
            "guard",
            f"{verdict.reason}, and no checkpoint that holds it could be taken within {BLOCKING:.0f} s",
            "commit the work first, or take one with 'git ovn checkpoint'",
        )
    _log(here, f"{cli}: refused by rule '{verdict.rule}': {verdict.reason}")
    return dialects.denial(cli, said, str(verdict))


def judge(said: Said, *, protect: bool) -> Verdict | None:
    """Return the gravest verdict on a tool call; None when nothing speaks against it."""
    from ovn.agenthooks import denials  # no other event needs the rules, and most are another

    found = [denials.judge(text, protect=protect) for text in dialects.commands(said)]
    written = dialects.paths(said) + [
        path for patch in dialects.patches(said) for path in denials.patched(patch)
    ]
    found += [denials.judge_path(path, protect=protect) for path in written]
    told = [one for one in found if one is not None]
    return next((one for one in told if one.denied), told[0] if told else None)


def _after(cli: str, said: Said, here: Place) -> Said | None:
    if not here.at_work or here.active is None or here.session is None:
        return None
    mark = here.file(names.DIRTY_FOLDER, here.session)
    _touch(mark)
    if here.active.kind != active.RUN:
        _keep_at_times(here, mark)
    if cli in dialects.REPEATS and _count(_counter(here, "tools")) % REPEAT == 0:
        text = briefing(here)
        return dialects.context(cli, said, text) if text else None
    return None


def _compacting(_cli: str, _said: Said, here: Place) -> Said | None:
    if here.at_work:
        _child(here, "compact", BLOCKING)
    return None


def _stop(cli: str, _said: Said, here: Place) -> Said | None:
    if not here.at_work:
        return None  # handed off, or not ours any more
    proposal = here.environ.get(names.ENV_PROPOSAL)
    if proposal and os.path.isfile(os.path.join(here.top, proposal)):
        return None  # an initializer's work, which the runner looks at
    number = _count(_counter(here, "stops"))
    if number > STOPS:
        _log(here, f"{cli}: let go without a handoff after {STOPS} refusals")
        return None
    missing = NO_PROPOSAL if proposal else NO_HANDOFF
    return dialects.go_on(cli, missing.format(session=here.session, path=proposal, number=number, most=STOPS))


HANDLERS: dict[str, Callable[[str, Said, Place], Said | None]] = {
    dialects.BEGIN: _begin,
    dialects.BEFORE: _before,
    dialects.AFTER: _after,
    dialects.COMPACTING: _compacting,
    dialects.STOP: _stop,
}


# -- children --------------------------------------------------------------------------


def _child(here: Place, why: str, seconds: float) -> bool:
    """Have ``git ovn agent-hook --keep WHY`` do what takes a git ovn; return whether it did."""
    import subprocess

    from ovn import myself

    try:
        done = subprocess.run(
            myself.argv("agent-hook", "--keep", why),
            cwd=here.top,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        _log(here, f"{why}: not done within {seconds:.0f} s")
        return False
    if done.returncode:
        _log(here, f"{why}: exit code {done.returncode}: {done.stderr.decode('utf-8', 'replace')[-500:]}")
    return done.returncode == 0


def _keep_at_times(here: Place, mark: str) -> None:
    """Take a checkpoint in a child of its own, one at a time and not more often than ``PAUSE``.

    The child inherits the lock and so holds it as long as it lives.
    """
    import fcntl
    import subprocess

    from ovn import myself

    fd = os.open(f"{mark}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        if os.fstat(fd).st_size and time.time() - os.fstat(fd).st_mtime < PAUSE:
            return
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.truncate(fd, 0)
        os.write(fd, b"1")
        subprocess.Popen(
            myself.argv("agent-hook", "--keep", "tool"),
            cwd=here.top,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=(fd,),
        )
    except BlockingIOError:  # one is at it
        return
    finally:
        os.close(fd)


# -- small files -----------------------------------------------------------------------


def _counter(here: Place, what: str) -> str:
    """Return the file that counts for this attempt; without a runner for the session."""
    told = here.environ.get(names.ENV_HOOKS)
    return f"{told}.{what}" if told else here.file(names.DIRTY_FOLDER, f"{here.session}.{what}")


def _count(path: str) -> int:
    """Count one more, by a byte: appending needs no lock. Return how many there are."""
    with open(path, "ab") as file:
        file.write(b".")
        file.flush()
        return os.fstat(file.fileno()).st_size


def _forget(path: str) -> None:
    if os.path.exists(path):
        os.unlink(path)


def _touch(path: str) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666))
    os.utime(path)


def _log(here: Place | None, text: str) -> None:
    """Append to ``.git/ovn/log/agent-hook``, of bounded size."""
    if here is None:
        return
    try:
        path = here.file(names.LOG_FOLDER, "agent-hook")
        if os.path.exists(path) and os.path.getsize(path) > LONGEST_LOG:
            os.replace(path, f"{path}.1")
        line = "".join(char if char.isprintable() else "?" for char in text)[:1000]
        with open(path, "a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {here.session} {line}\n")
    except OSError as error:
        _say(2, f"git ovn: {error}")
