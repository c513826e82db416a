"""Nights written as records: quick to make, of any size, with names as hostile as wanted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ovn import checkpoints, features
from ovn.clock import rfc3339
from ovn.model import records
from ovn.model.documents import Run
from ovn.runner import runs
from ovn.session import questions

RUN = "20260102-abcd"
BEGIN = datetime(2026, 1, 2, 22, 0, tzinfo=UTC)
OID = "ab" * 20
DIGEST = "0" * 64

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\x1b[31m\u202e{{7*7}}end"


class Teller:
    """Tells records into sessions, each at so many seconds after ten in the evening."""

    def __init__(self, store) -> None:
        self.store = store

    def say(self, session: str, seconds: float, kind: str, /, **data: Any) -> None:
        at = rfc3339(BEGIN + timedelta(seconds=seconds))
        self.store.record(session, records.make(kind, data, at=at, by="runner"), fold=False)

    def shift(self, session: str, seconds: float, feature: str | None = None, kind: str = "run") -> None:
        run = RUN if kind == "run" else None
        told = {"worktree": "main", "feature": feature, "run": run, "agent": "command"}
        self.say(session, seconds, "session.created", kind=kind, **told)
        self.say(session, seconds, "session.state", state="active")

    def attempt(
        self, session: str, number: int, seconds: float, took: float | None, reason: str = ""
    ) -> None:
        feature = self.store.view().session(session).feature
        self.say(session, seconds, "attempt.started", number=number, feature=feature, head=None)
        if took is not None:
            code = 1 if reason else 0
            end = {"number": number, "exit_code": code, "reason": reason, "head": None}
            self.say(session, seconds + took, "attempt.ended", **end)

    def step(self, session: str, moment: float, name: str, outcome: str = "done", **more: Any) -> None:
        self.say(session, moment, "step", name=name, outcome=outcome, **more)


def night(store, *, text: str = "Parse it") -> Teller:
    """Tell of a night: one feature done, one crashed and went on, one given up; a question; a checkpoint."""
    for one in ("parser", "printer", "sorter"):
        features.add(store, features.PERSON, f"{text} ({one})"[:200], feature=one)
    told = Teller(store)
    run = Run(1, RUN, "running", rfc3339(BEGIN), "main", "refs/heads/night/x", None, "command")
    runs.begin(store, run)
    told.shift("s1", 0, "parser")
    told.attempt("s1", 1, 60, 600)
    green = {"feature": "parser", "at": rfc3339(BEGIN), "green": True, "tree": OID, "commit": None}
    ran = {
        "command": "true",
        "exit_code": 0,
        "seconds": 0.2,
        "summary": text[:80],
        "digest": "0" * 64,
    }
    told.say("s1", 700, "evidence", **green, partial="not a commit", commands=[ran])
    told.say("s1", 710, "session.state", state="handed_off")
    told.shift("s2", 720, "printer")
    told.attempt("s2", 1, 730, None)
    crash = {"verdict": "resume-agent", "row": "interrupted", "seconds": 0.4, "facts": {"lease": "dead"}}
    told.say("s2", 1800, "recovery", **crash)
    told.attempt("s2", 2, 1810, 300)
    told.say(
        "s2", 2200, "session.state", state="waiting", until=rfc3339(BEGIN + timedelta(hours=2)), why="limit"
    )
    told.say("s2", 7300, "session.state", state="active")
    told.say("s2", 7400, "session.state", state="handed_off")
    told.shift("s3", 7500, "sorter")
    told.attempt("s3", 1, 7510, 900, "red: 1 failed")
    told.attempt("s3", 2, 8500, 900, text[:200])
    told.say("s3", 9500, "feature.status", feature="sorter", status="blocked", reason=text[:200])
    told.say("s3", 9510, "decision", text=text)
    checkpoints.take(store, checkpoints.Request("s3", label="before-sorter", text=text))
    asked = questions.new("s3", text, BEGIN, options=["yes", text[:40]])
    questions.record(store, asked, by="agent")
    store.fold()
    return told


def ended(store, stop: str = "all-done") -> None:
    """Tell that the night ended."""
    runs.end(store, RUN, stop, 0, "every feature is done")


def many(store, count: int, story: int = 10) -> Teller:
    """Tell of a night of so many events; every ``story``-th is a commit of its own, the others are steps."""
    told = Teller(store)
    run = Run(1, RUN, "running", rfc3339(BEGIN), "main", None, None, "command")
    runs.begin(store, run)
    for session in range(10):
        name = f"s{session:02d}"
        store.journal(name).durability = "batched"
        told.shift(name, session * 3000)
        for at in range(count // 10):
            moment = session * 3000 + at * 2.5
            if at % story == 0:
                told.say(name, moment, "signal", name=f"signal-{at}", payload=None)
            else:
                told.step(name, moment, f"step {at}", "failed" if at % 97 == 0 else "done", seconds=1.5)
        store.fold()
    store.close()
    return told
