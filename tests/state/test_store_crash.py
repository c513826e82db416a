"""Killed anywhere: nothing acknowledged is lost, nothing is folded twice, git finds all whole."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

from ovn.crash import POINTS
from ovn.state.store import StateStore

if TYPE_CHECKING:
    from ..conftest import Repo  # noqa: TID252
    from .conftest import Night

pytestmark = pytest.mark.unmeasured

ROOT = Path(__file__).resolve().parents[2]

WORK = """
import sys
from dataclasses import replace
from pathlib import Path
from ovn.git.locate import locate
from ovn.model import records
from ovn.model.documents import Feature
from ovn.state.store import StateStore

AT = "2026-11-22T23:00:00.000Z"
who, count = sys.argv[2], int(sys.argv[3])
store = StateStore.open(locate(Path(sys.argv[1])))

def count_up(view):
    feature = view.feature("f") or Feature(version=2, id="f", number=1, title="f", created=AT)
    return {"features/f.json": replace(feature, attempts=feature.attempts + 1)}

for n in range(count):
    if n % 4 == 3:
        store.transact("count", "count", count_up)
        print("count", flush=True)
        continue
    name = f"{who}:{n}"
    data, kind = {"text": name}, "note"
    if n % 4 == 1:
        data, kind = {"name": name, "outcome": "done"}, "step"
    store.record("s", records.make(kind, data, at=AT, by="agent"), fold=n % 4 == 2)
    print(name, flush=True)
"""


def start(
    repo: Repo, who: str, count: int, out: int | IO[str] = subprocess.PIPE, **env: str
) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WORK, str(repo.path), who, str(count)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **env}
    return subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.PIPE, text=True)


def check(repo: Repo, said: list[str], *, in_doubt: int = 1) -> None:
    """Everything acknowledged is there once; at most what was in doubt is there beyond it."""
    store = StateStore.open(repo.location)
    store.fold()
    assert store.pending() == {}
    found = [record["data"].get("text") or record["data"].get("name") for _, record in store.records("s")]
    assert max(Counter(found).values(), default=1) == 1
    acknowledged = [name for name in said if name != "count"]
    assert set(acknowledged) <= set(found)
    view = store.view()
    session, feature = view.session("s"), view.feature("f")
    if session is not None:
        assert len(session.notes) + session.steps == len(found)
        assert session.folded == len(found)
    counted = feature.attempts if feature else 0
    more = counted - said.count("count") + len(found) - len(acknowledged)
    assert 0 <= more <= in_doubt
    assert view.damaged == []
    repo.fsck()


@pytest.mark.parametrize("nth", [1, 3])
@pytest.mark.parametrize(
    "point", [point for point in POINTS if point.startswith(("journal.", "pack.", "fold."))]
)
def test_killed_at_a_crash_point_the_next_command_recovers(
    repo: Repo, store: StateStore, night: Night, point: str, nth: int
) -> None:
    child = start(repo, "a", 40, OVN_CRASH_POINT=f"{point}@{nth}")
    out, err = child.communicate(timeout=60)
    assert child.returncode == -signal.SIGKILL, err
    started = time.perf_counter()
    check(repo, out.split())
    assert time.perf_counter() - started < 5
    after, err = start(repo, "b", 8).communicate(timeout=60)
    assert err == ""
    check(repo, [*out.split(), *after.split()])
    assert not list((repo.git_dir / "objects/pack").glob("*.keep"))


@pytest.mark.parametrize("point", ["pack.before_keep", "pack.before_index", "fold.before_ref"])
def test_a_full_disk_at_the_fold_leaves_the_records_in_the_journal(
    repo: Repo, store: StateStore, point: str
) -> None:
    out, err = start(repo, "a", 3, OVN_CRASH_POINT=f"{point}:enospc").communicate(timeout=60)
    assert out.split() == ["a:0", "a:1", "a:2"], err
    assert not list((repo.git_dir / "objects/pack").glob("*.keep"))
    check(repo, out.split())


def test_killed_while_it_recovers_the_one_after_recovers(repo: Repo, store: StateStore) -> None:
    said: list[str] = []
    for number, point in enumerate(
        ["fold.after_ref", "journal.before_reset", "pack.after_index", "fold.after_ref"]
    ):
        out, _ = start(repo, f"w{number}", 40, OVN_CRASH_POINT=point).communicate(timeout=60)
        said += out.split()
    check(repo, said, in_doubt=4)


MANY = 500 if os.environ.get("OVN_TEST_SIZE") == "long" else 60


@pytest.mark.parametrize("kills", [12, pytest.param(MANY, marks=pytest.mark.slow)])
def test_four_writers_killed_at_random_instants_lose_nothing(
    repo: Repo, store: StateStore, tmp_path: Path, kills: int
) -> None:
    """Four at once on one session and one document, killed and begun again."""
    chance = random.Random(kills)
    outputs = [tmp_path / f"w{number}" for number in range(kills + 4)]

    def begin(output: Path) -> subprocess.Popen[str]:
        output.touch()
        with output.open("w") as out:
            return start(repo, output.name, 100_000, out)

    workers = [(output, begin(output)) for output in outputs[:4]]
    for output in outputs[4:]:
        first, victim = workers.pop(0)
        while not first.stat().st_size and chance.random() < 0.99:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.1))
        victim.kill()
        victim.communicate()
        workers.append((output, begin(output)))
    for _, victim in workers:
        victim.kill()
        victim.communicate()
    said = [line for output in outputs for line in output.read_text().splitlines()]
    assert len(said) >= kills
    check(repo, said, in_doubt=kills + 4)
