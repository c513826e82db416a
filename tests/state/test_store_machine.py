"""The store against a model, by a machine that does whatever a night may do, in any order."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ovn import names
from ovn.git.locate import locate
from ovn.model import records
from ovn.model.documents import Feature
from ovn.state.store import StateStore

LONG = os.environ.get("OVN_TEST_SIZE") == "long"
AT = "2026-11-22T23:00:00.000Z"
SESSIONS = st.sampled_from(["s-1", "s-2"])
FEATURES = st.sampled_from(["x", "y"])
STATUSES = st.sampled_from(["pending", "in_progress", "blocked", "failed"])
FOLD = st.sampled_from([None, False, True])


class Store(RuleBasedStateMachine):
    """One repository; the model is a list of records per session and a dict of features."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(
            tempfile.mkdtemp(prefix="ovn-machine-", dir="/dev/shm" if Path("/dev/shm").exists() else None)
        )
        subprocess.run(["git", "init", "-q", self.folder], check=True)
        self.store = StateStore.open(locate(self.folder))
        self.store.init("machine")
        self.records: dict[str, list[records.Record]] = {"s-1": [], "s-2": []}
        self.features: dict[str, tuple[str, int]] = {}

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            subprocess.run(
                ["git", "-C", self.folder, "fsck", "--strict", "--no-dangling"],
                check=True,
                capture_output=True,
            )
            self.store.close()
            shutil.rmtree(self.folder)

    def put(self, session: str, kind: str, data: dict[str, Any], fold: bool | None) -> None:
        record = records.make(kind, data, at=AT, by="agent")
        self.records[session].append(record)
        assert self.store.record(session, record, fold=fold) == len(self.records[session])

    @rule(session=SESSIONS, text=st.text(alphabet="ab é\n", max_size=6), fold=FOLD)
    def note(self, session: str, text: str, fold: bool | None) -> None:
        self.put(session, "note", {"text": text}, fold)

    @rule(session=SESSIONS, count=st.integers(1, 5), outcome=st.sampled_from(["done", "failed"]))
    def steps(self, session: str, count: int, outcome: str) -> None:
        for _ in range(count):
            self.put(session, "step", {"name": "a step", "outcome": outcome}, None)

    @rule(session=SESSIONS, state=st.sampled_from(["active", "crashed", "abandoned"]), fold=FOLD)
    def state(self, session: str, state: str, fold: bool | None) -> None:
        self.put(session, "session.state", {"state": state}, fold)

    @rule(session=SESSIONS, feature=FEATURES, status=STATUSES, fold=st.sampled_from([None, True]))
    def status(self, session: str, feature: str, status: str, fold: bool | None) -> None:
        self.put(session, "feature.status", {"feature": feature, "status": status}, fold)
        if feature in self.features:
            self.features[feature] = (status, self.features[feature][1])

    @rule(feature=FEATURES)
    def count(self, feature: str) -> None:
        def change(view: Any) -> dict[str, Any]:
            found = view.feature(feature) or Feature(
                version=2, id=feature, number=1, title=feature, created=AT
            )
            return {names.feature_file(feature): replace(found, attempts=found.attempts + 1)}

        self.store.transact(f"count {feature}", "count", change)
        status, attempts = self.features.get(feature, ("pending", 0))
        self.features[feature] = (status, attempts + 1)

    @precondition(lambda self: self.features)
    @rule(feature=FEATURES)
    def remove(self, feature: str) -> None:
        self.store.transact("remove", "remove", lambda _view: {names.feature_file(feature): None})
        self.features.pop(feature, None)

    @rule()
    def fold(self) -> None:
        self.store.fold()
        assert self.store.pending() == {}

    @rule()
    def another_process(self) -> None:
        self.store.close()
        self.store = StateStore.open(locate(self.folder))

    @rule(session=SESSIONS)
    def a_write_is_torn(self, session: str) -> None:
        path = self.folder / ".git/ovn/journal" / session / "records"
        if path.exists():
            data = path.read_bytes()
            end = len(data.rstrip(b"\0"))
            with path.open("r+b") as file:
                file.seek(max(end, 8192) + 3)
                file.write(b"torn")

    @rule(back=st.integers(0, 3))
    def the_branch_is_lost(self, back: int) -> None:
        ref = (
            ["update-ref", names.STATE_REF, f"{names.STATE_REF}~{back}"]
            if back
            else ["update-ref", "-d", names.STATE_REF]
        )
        subprocess.run(["git", "-C", self.folder, *ref], capture_output=True, check=False)

    @rule()
    def gc(self) -> None:
        subprocess.run(["git", "-C", self.folder, "gc", "-q", "--prune=now"], check=True)

    @invariant()
    def what_is_read_is_what_was_written(self) -> None:
        if not hasattr(self, "store"):
            return
        view = self.store.view()
        assert {name: (one.status, one.attempts) for name, one in view.features().items()} == self.features
        for session, written in self.records.items():
            assert list(self.store.records(session)) == list(enumerate(written, 1))
            found = view.session(session)
            if written:
                assert found is not None
                kinds = [record["type"] for record in written]
                assert found.steps == kinds.count("step")
                assert len(found.notes) == kinds.count("note")
                assert found.folded == len(written)
                states = [record["data"]["state"] for record in written if record["type"] == "session.state"]
                assert found.state == (states[-1] if states else "created")
        assert view.damaged == []


@pytest.mark.slow
class TestStore(Store.TestCase):
    settings = settings(max_examples=1000 if LONG else 30, stateful_step_count=20)
