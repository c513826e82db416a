"""A program killed at random instants, over and over: no result is lost, none is made twice."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from ovn.git.locate import Location

PROGRAM = """
import os, sys
from ovn import DurableSession, RetryPolicy
log = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
ran = set()
def work(number):
    ran.add(number)
    os.write(log, b"ran %d\\n" % number)
    return {"number": number, "text": "x" * (number % 7 * 2000)}
def flaky(number):
    if number % 3 == 0 and number not in ran:
        ran.add(number)
        raise ConnectionError(number)
    return work(number)
def write(number):
    with open("work", "w") as file:
        file.write(str(number))
    return work(number)
CALLS = {
    4: lambda s, n: s.step("keyed", work, n, key=f"key-{n}"),
    9: lambda s, n: s.execute_with_retry(flaky, n, backoff=RetryPolicy(initial_interval=0.001)),
    14: lambda s, n: s.step("write", write, n, snapshot=n % 60 == 14),
}
os.chdir(sys.argv[1])
print("begun", flush=True)
with DurableSession.start("s", repo=sys.argv[1]) as session:
    for number in range(10**9):
        given = CALLS.get(number % 20, lambda s, n: s.step("plain", work, n))(session, number)
        assert given["number"] == number, (given, number)
        if number in ran:
            os.write(log, b"told %d\\n" % number)
        if number % 50 == 49:
            session.note(f"note {number}")
"""
LONG = os.environ.get("OVN_TEST_SIZE") == "long"


def outcome(log: Path) -> tuple[list[int], list[int]]:
    """Return the steps that were acknowledged, and those of them that ran again."""
    told: dict[int, None] = {}
    again = []
    for line in log.read_text().splitlines():
        word, number = line.split()
        if word == "told":
            told[int(number)] = None
        elif int(number) in told:
            again.append(int(number))
    return list(told), again


@pytest.mark.parametrize("kills", [3, pytest.param(3000 if LONG else 40, marks=pytest.mark.slow)])
def test_killed_at_random_instants_no_step_is_lost_and_none_runs_again(
    ready: Location, tmp_path: Path, kills: int
) -> None:
    chance, log = random.Random(kills), tmp_path / "log"
    log.touch()
    command = [sys.executable, "-c", PROGRAM, str(ready.tree()), str(log)]
    for _ in range(kills):
        with (tmp_path / "complaints").open("w") as complaints:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints)
            assert process.stdout is not None
            process.stdout.readline()
            before = log.stat().st_size
            if chance.random() < 0.8:  # else it is killed while it begins
                while log.stat().st_size == before and process.poll() is None:
                    time.sleep(0.002)
            time.sleep(chance.uniform(0, 0.15))
            process.kill()
            process.communicate()
        assert process.returncode == -9, (tmp_path / "complaints").read_text()
    told, again = outcome(log)
    assert again == []
    from ovn.state.store import StateStore

    store = StateStore.open(ready)
    store.fold()
    found = [record["data"] for _, record in store.records("s") if record["type"] == "step"]
    steps = [one for one in found if one.get("verb", "step") in ("step", "retry")]
    assert [one["outcome"] for one in steps] == ["done"] * len(steps)
    notes = store.view().session("s").notes
    store.close()
    assert len(steps) >= len(told) >= kills, "almost nothing was acknowledged: this test shows nothing"
    identities = {(one["name"], one.get("key"), one["occurrence"]) for one in steps}
    assert len(identities) == len(steps)
    assert list(notes) == [f"note {number}" for number in range(49, 49 + 50 * len(notes), 50)]
