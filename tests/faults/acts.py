"""What a worker does: acts on one repository, each acknowledged by a line once it returned.

``:ok ACT DETAILS`` is an acknowledgement, ``:no ACT CODE WORDS`` a refusal as the command line
would word it. ``verb ...`` calls the command line itself; ``:end CODE`` is its exit code.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
from contextlib import redirect_stderr
from dataclasses import replace
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ovn import checkpoints, operations
from ovn.cli import failures
from ovn.cli.main import main
from ovn.git.locate import locate
from ovn.model import documents, records
from ovn.state.store import StateStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ovn.state.view import View

AT = "2026-11-22T23:00:00.000Z"
COUNTER = "counted"
MUTE = 74
"""Exit code of a worker that could not even say how its act ended."""


def work(job: dict[str, Any]) -> int:
    """Carry out ``job["acts"]`` (or choose among them for ever) and return the exit code of the last."""
    worker = Worker(Path(job["repo"]), job["who"])
    code = 0
    for number, act in enumerate(_order(job)):
        code = worker.attempt(act, number)
        if job["stops"]:
            os.kill(os.getpid(), signal.SIGSTOP)
    return code


def _order(job: dict[str, Any]) -> Iterator[str]:
    if not job["forever"]:
        return iter(job["acts"])
    chance = random.Random(job["who"])
    return (chance.choice(job["acts"]) for _ in itertools.count())


class Worker:
    """One writer of a repository; ``who`` makes what it writes its own."""

    def __init__(self, repo: Path, who: str) -> None:
        self.repo = repo
        self.who = who

    @cached_property
    def store(self) -> StateStore:
        """The repository's state, opened by the first act that needs it."""
        return StateStore.open(locate(self.repo))

    def attempt(self, act: str, number: int) -> int:
        """Carry out one act and say how it ended; return the exit code that a verb would have."""
        name, _, argument = act.partition(" ")
        if name == "verb":
            code = main(argument.split())
            _say(f":end {code}")
            return code
        try:
            details = ACTS[name](self, f"{self.who}:{number}", argument)
        except Exception as error:  # noqa: BLE001 - settled as the command line would
            code, words = _settled(error)
            _say(f":no {name} {code} {words}")
            return code
        _say(f":ok {name} {details}")
        return 0

    def checkpoint(self, name: str, label: str) -> str:
        """A named checkpoint in the session that all share."""
        request = checkpoints.Request("s", label or "x", text=name, by="agent")
        taken = checkpoints.take(self.store, request).checkpoint
        return f"{taken.id} {taken.commit} {taken.tag}"

    def automatic(self, name: str, _: str) -> str:
        """An automatic checkpoint in a session of its own; not promised to survive a power cut."""
        session = "a-" + self.who.partition(":")[0]
        request = checkpoints.Request(session, kind="automatic", text=name, by="agent")
        taken = checkpoints.take(self.store, request).checkpoint
        return f"{taken.id} {taken.commit} -"

    def note(self, name: str, _: str) -> str:
        """A record that is folded at once."""
        self.store.record("s", records.make("note", {"text": name}, at=AT, by="agent"))
        return name

    def step(self, name: str, _: str) -> str:
        """A record that waits in the journal."""
        record = records.make("step", {"name": name, "outcome": "done"}, at=AT, by="agent")
        self.store.record("s", record, fold=False)
        return name

    def fold(self, name: str, _: str) -> str:
        """Fold what the journals hold."""
        self.store.fold()
        return name

    def transact(self, name: str, _: str) -> str:
        """Count one up in a document."""

        def more(view: View) -> dict[str, object]:
            feature = view.feature(COUNTER) or documents.Feature(
                version=2, id=COUNTER, number=1, title="counted", created=AT
            )
            return {f"features/{COUNTER}.json": replace(feature, attempts=feature.attempts + 1)}

        self.store.transact(f"count for {name}", "count", more)
        return name

    def restore(self, name: str, wanted: str) -> str:
        """Bring back the files of a checkpoint."""
        return self._move("restore", operations.restore, wanted)

    def rollback(self, name: str, wanted: str) -> str:
        """Bring back files, index and branch of a checkpoint."""
        return self._move("rollback", operations.rollback, wanted)

    def undo(self, name: str, _: str) -> str:
        """Take back the last operation."""
        outcome = operations.undo(self.store, operations.Order("undo", "s", by="agent"), None)
        return outcome.operation.id

    def recover(self, name: str, _: str) -> str:
        """Reverse what died half way."""
        return ",".join(one.state for one in operations.recover(self.store)) or "-"

    def edit(self, name: str, _: str) -> str:
        """Change the files, as an agent would."""
        (self.repo / "edited").write_text(f"{name}\n")
        (self.repo / f"new-{name.replace(':', '-')}").write_text(f"{name}\n" * 50)
        return name

    def pause(self, name: str, _: str) -> str:
        """Stop until somebody lets it go on."""
        os.kill(os.getpid(), signal.SIGSTOP)
        return name

    def _move(self, verb: str, do: Callable[..., Any], wanted: str) -> str:
        known = checkpoints.found(self.store)
        target = checkpoints.resolve(wanted, known, session="s", worktree=self.store.location.worktree)
        order = operations.Order(verb, "s", by="agent", target=target.id)
        return do(self.store, order, target).operation.id


def _settled(error: Exception) -> tuple[int, str]:
    said = StringIO()
    with redirect_stderr(said):
        code = failures.settle(error, ["checkpoint"])
    return code, " | ".join(said.getvalue().splitlines())


def _say(line: str) -> None:
    data = (line + "\n").encode("utf-8", "backslashreplace")
    try:
        while data:
            data = data[os.write(1, data) :]
    except OSError:
        os._exit(MUTE)


ACTS: dict[str, Callable[[Worker, str, str], str]] = {
    name: getattr(Worker, name)
    for name in (
        "checkpoint automatic note step fold transact restore rollback undo recover edit pause".split()
    )
}
