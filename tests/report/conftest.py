"""Nights told by hand, on real repositories, by a clock that stands still: the same bytes in each run."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ovn import checkpoints, names
from ovn.clock import SYSTEM, rfc3339
from ovn.model import codec, records
from ovn.model.documents import Baseline, Evidence, Feature, Handoff, Question, Run
from ovn.model.documents import Command as Ran
from ovn.state.store import StateStore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

START = datetime(2026, 1, 2, 22, 0, tzinfo=UTC)
DIGEST = "0" * 64


@dataclass(slots=True)
class Standing:
    """A clock that moves when a test says so."""

    at: datetime = START

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def boottime(self) -> float:
        return self.at.timestamp()

    def sleep(self, seconds: float) -> None:
        SYSTEM.sleep(seconds)

    def on(self, minutes: float) -> None:
        """Let time pass."""
        self.at += timedelta(minutes=minutes)


@dataclass(slots=True)
class Teller:
    """Tells the state what happened, as runner and hooks do, a minute after the other."""

    repo: Any
    clock: Standing = field(default_factory=Standing)
    run_id: str = "20260102-aaaa"

    @property
    def store(self) -> StateStore:
        """The state, with the clock that stands still."""
        return StateStore.open(self.repo.location, self.clock)

    @property
    def now(self) -> str:
        return rfc3339(self.clock.now())

    def tell(self, session: str, kind: str, data: dict[str, Any], *, minutes: float = 1) -> None:
        """Record something, a minute later."""
        self.clock.on(minutes)
        self.store.record(session, records.make(kind, data, at=self.now, by="runner"))

    def put(self, subject: str, path: str, document: Any, event: str = "records", **trailers: str) -> None:
        """Write a document outside of any session."""
        self.store.transact(subject, event, lambda _: {path: document}, trailers)

    def feature(self, name: str, title: str = "", **fields: Any) -> None:
        """Add a feature to the registry."""
        number = len(self.store.view().features()) + 1
        made = Feature(version=2, id=name, number=number, title=title or f"build {name}", created=self.now,
                       verify=(f"test -f {name}.txt",), **fields)  # fmt: skip
        self.put(f"feature: add {name}", names.feature_file(name), made, "feature")

    def run(self, **fields: Any) -> None:
        """Begin the run."""
        document = Run(version=1, id=self.run_id, state="running", started=self.now, worktree="main",
                       branch="refs/heads/main", base=self.repo.head, agent="stub",
                       limits={"max_cost_usd": 5, "max_hours": None})  # fmt: skip
        path, trailers = names.run_file(self.run_id), {names.TRAILER_RUN: self.run_id}
        self.put(f"run({self.run_id}): stub on main", path, replace(document, **fields), "run", **trailers)

    def end(self, stop: str, why: str, **fields: Any) -> None:
        """End the run."""
        self.clock.on(1)
        before = codec.encode(self.store.view().run(self.run_id))
        document = codec.decode(Run, {**before, "state": "ended", "stop": stop, "ended": self.now, **fields})
        self.put(f"run({self.run_id}): ended, {why}", names.run_file(self.run_id), document, "run",
                 **{names.TRAILER_RUN: self.run_id})  # fmt: skip

    def session(self, name: str, feature: str | None, *, run: bool = True, kind: str = "run") -> None:
        """Begin a session at a feature."""
        data = {"kind": kind, "worktree": "main", "agent": "stub", "branch": "refs/heads/main",
                "head": self.repo.head, "feature": feature}  # fmt: skip
        if run:
            data["run"] = self.run_id
        self.tell(name, "session.created", data)
        self.tell(name, "session.state", {"state": "active"}, minutes=0)
        if feature is not None and self.store.view().feature(feature) is not None:
            self.status(name, feature, "in_progress")

    def status(self, session: str, feature: str, status: str, reason: str | None = None, **more: Any) -> None:
        data = {"feature": feature, "status": status, "reason": reason, **more}
        self.tell(session, "feature.status", data, minutes=0)

    def attempt(
        self,
        session: str,
        number: int,
        feature: str,
        writes: dict[str, str | None],
        *,
        reason: str = "",
        minutes: float = 10,
        exit_code: int | None = 0,
        usage: dict[str, Any] | None = None,
        bypassed: bool = False,
        subject: str | None = None,
    ) -> str:
        """Let an attempt write files (None: delete) and commit them; return the commit."""
        head = self.repo.head
        self.tell(session, "attempt.started", {"number": number, "feature": feature, "head": head})
        for path, text in writes.items():
            if text is None:
                (self.repo.path / path).unlink()
            else:
                self.repo.write(path, text)
        words = subject or f"{feature}: attempt {number}"
        made = self.repo.commit(f"{words}\n\n{names.TRAILER_SESSION}: {session}")
        self.tell(session, "commit", {"commit": made, "kind": "own", "feature": feature,
                                      "bypassed": bypassed, "subject": words}, minutes=minutes)  # fmt: skip
        data = {"number": number, "exit_code": exit_code, "reason": reason, "head": made}
        self.tell(session, "attempt.ended", data | ({"usage": usage} if usage else {}), minutes=0)
        return made

    def proven(self, session: str, feature: str, *, green: bool = True, summary: str = "1 passed") -> None:
        """Record evidence on HEAD, and the status that follows."""
        head = self.repo.head
        command = f"test -f {feature}.txt"
        made = Evidence(
            feature=feature,
            at=self.now,
            green=green,
            tree=self.repo.git("rev-parse", "HEAD^{tree}"),
            commit=head,
            partial=None,
            commands=(Ran(command, 0 if green else 1, 1.5, summary, DIGEST),),
        )
        self.tell(session, "evidence", codec.encode(made))
        self.status(session, feature, "done" if green else "in_progress")

    def handoff(self, session: str, **said: Sequence[str]) -> None:
        """End a session with its last words."""
        words = Handoff(version=1, session=session, at=self.now, author="runner", head=self.repo.head,
                        **{key: tuple(value) for key, value in said.items()})  # fmt: skip
        self.tell(session, "handoff", codec.encode(words))
        self.tell(session, "session.state", {"state": "handed_off"}, minutes=0)

    def baseline(self, session: str, failing: Sequence[str]) -> None:
        """Measure the tests on HEAD."""
        tree = self.repo.git("rev-parse", "HEAD^{tree}")
        made = Baseline(
            version=1,
            name=f"{tree[:12]}-00000000",
            at=self.now,
            tree=tree,
            command="pytest -q",
            exit_code=1 if failing else 0,
            seconds=2.0,
            summary="tests",
            failing=tuple(failing),
        )
        self.tell(session, "baseline", codec.encode(made))

    def ask(self, session: str, text: str) -> None:
        made = Question(version=1, id="20260102-ques", session=session, at=self.now, text=text)
        self.tell(session, "question", codec.encode(made))

    def checkpoint(self, session: str, label: str) -> str:
        """Take a real checkpoint; return its tag."""
        self.clock.on(1)
        request = checkpoints.Request(session, label=label, by="runner")
        taken = checkpoints.take(self.store, request).checkpoint
        return taken.tag or taken.id


def begin(repo: Any) -> Teller:
    """Return a teller of an initialised repository whose ids are the same in each run."""
    made = Teller(repo)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("secrets.token_hex", lambda size=32: "7" * (2 * size))
        made.store.init("demo")
    return made


@pytest.fixture
def teller(repo) -> Teller:
    """Return a teller of a repository where nothing has happened yet."""
    return begin(repo)


TESTS = (
    "def test_adds():\n    assert 1 + 1 == 2\n    assert 2 + 2 == 4\n\n\ndef test_goes():\n    assert True\n"
)
WEAKER = "def test_adds():\n    assert 1 + 1 == 2\n"


_TOLD: dict[Callable[[Teller], None], Teller] = {}


def _told(tell: Callable[[Teller], None], make_repo: Any, folders: Any) -> Teller:
    """Return a night that is told once in this process."""
    if tell not in _TOLD:
        _TOLD[tell] = begin(make_repo(folders.mktemp("night") / "repo"))
        tell(_TOLD[tell])
    return _TOLD[tell]


def _copied(once: Teller, repo: Any) -> Teller:
    """Return the same night in the test's own repository."""
    shutil.rmtree(repo.path)
    shutil.copytree(once.repo.path, repo.path, symlinks=True)
    repo.minutes = once.repo.minutes
    return Teller(repo, Standing(once.clock.at))


@pytest.fixture
def night(repo, make_repo, tmp_path_factory) -> Teller:
    """Return a night with something of everything: done, given up, waiting, crashed, weakened, asked."""
    return _copied(_told(_a_night, make_repo, tmp_path_factory), repo)


@pytest.fixture
def hostile(repo, make_repo, tmp_path_factory) -> Teller:
    """Return a night whose every text tries to steer a terminal, or to be markup."""
    return _copied(_told(_a_hostile_night, make_repo, tmp_path_factory), repo)


EVIL = (
    "<script>alert(1)</script><img src=x onerror=alert(2)>"
    "\x1b]0;owned\x07\x1b[2J\u202egnp.exe {{7*7}} \x9b31m"
)


def _a_hostile_night(teller: Teller) -> None:
    teller.feature("evil", EVIL, reason=EVIL)
    teller.run(agent="<b>agent</b>\x1b[31m")
    teller.session("s-1", "evil")
    teller.tell("s-1", "decision", {"text": EVIL})
    teller.attempt("s-1", 1, "evil", {"evil.txt": "1\n", "<img src=x>.txt": "x"}, reason=EVIL, subject=EVIL)
    teller.proven("s-1", "evil", green=False, summary=EVIL)
    teller.ask("s-1", EVIL)
    teller.baseline("s-1", [EVIL])
    teller.status("s-1", "evil", "blocked", EVIL)
    teller.handoff("s-1", next=[EVIL])
    teller.end("needs-person", EVIL, sessions=["s-1"])


def seen(at: str, what: str, text: str) -> dict[str, Any]:
    """Return what the watchdog saw."""
    return {"at": at, "what": what, "text": text, "session": "s-3", "feature": "printer"}


def _a_night(teller: Teller) -> None:
    teller.repo.write("test_sums.py", TESTS)
    teller.repo.commit("tests")
    teller.feature("lexer", "Read numbers", priority="P0", paths=("lexer.txt",))
    teller.feature("parser", "Read sums", priority="P1", depends_on=("lexer",))
    teller.feature("printer", "Print sums", priority="P2")
    teller.feature("later", "Something else", priority="P3")
    teller.run()
    used = {"input": 12_000, "output": 3_000, "cached": 8_000, "cost_usd": 0.42}
    teller.session("s-1", "lexer")
    teller.baseline("s-1", ["test_sums.py::test_old"])
    teller.tell("s-1", "decision", {"text": "numbers are decimals, not floats"})
    teller.attempt("s-1", 1, "lexer", {"lexer.txt": "1\n2\n", "README": "words\n"}, usage=used)
    teller.proven("s-1", "lexer")
    teller.handoff("s-1", accomplished=["lexer"], next=["parser: read sums"])
    teller.session("s-2", "parser")
    why = "usage limit reached"
    until = rfc3339(teller.clock.now() + timedelta(minutes=90))
    teller.tell("s-2", "session.state", {"state": "waiting", "until": until, "why": why})
    teller.tell("s-2", "session.state", {"state": "active", "why": "resumed"}, minutes=90)
    teller.attempt("s-2", 1, "parser", {"parser.txt": "sum\n", "test_sums.py": WEAKER}, bypassed=True)
    facts = {"lease": "dead"}
    data = {"verdict": "resume-agent", "row": "interrupted", "seconds": 0.4, "facts": facts}
    teller.tell("s-2", "recovery", data, minutes=20)
    teller.proven("s-2", "parser")
    teller.handoff("s-2", next=["printer: print them"])
    teller.session("s-3", "printer")
    teller.attempt("s-3", 1, "printer", {"printer.txt": "x\n"}, reason="red: 1 failed ('test' gave 1)")
    teller.proven("s-3", "printer", green=False, summary="1 failed")
    teller.ask("s-3", "Which printer: laser or ink?")
    teller.status("s-3", "printer", "blocked", "1 attempt failed; the last: red", attempts=1)
    teller.handoff("s-3", tried=["attempt 1"], next=["ask for a printer"])
    teller.baseline("s-3", ["test_sums.py::test_new"])
    teller.end("nothing-left", "nothing is left that can be worked on without a person",
               sessions=["s-1", "s-2", "s-3"], cost_usd=0.42, exit_code=15, watch=[
                   seen(teller.now, "slept", "the machine slept for 600 s"),
                   seen(teller.now, "stuck", "the same command failed 5 times"),
               ])  # fmt: skip
