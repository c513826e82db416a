"""Nights under random kills. Ten short ones by default, a hundred with ``OVN_TEST_SIZE=long``."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from . import chaos

if TYPE_CHECKING:
    from .conftest import Project

LONG = os.environ.get("OVN_TEST_SIZE") == "long"
NIGHTS = 100 if LONG else 10
KILLS = 3
FIRST = int(os.environ.get("OVN_CHAOS_SEED", "20260102"))

KEEP = os.environ.get("OVN_CHAOS_KEEP")
"""The file to which each night's figures are added, one JSON a line (``./dev soak --write``)."""


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(FIRST, FIRST + NIGHTS))
def test_a_night_of_kills_ends_with_each_feature_done_or_explained(project: Project, seed: int) -> None:
    """Nothing acknowledged is lost, each run after a kill goes on, nothing is left running or held."""
    project.configure(recovery={"max_restarts": 1000}, budget={"max_attempts_per_feature": 2})
    project.feature("one")
    project.feature("bad")
    project.feature("two", depends_on=("one",))
    project.agent(chaos.SCRIPT)
    chaos.install_hooks(project)
    told = chaos.hold(project, seed, KILLS)
    print(json.dumps(asdict(told)))
    keep(told)
    assert told.lost == []
    assert told.recovered == told.recoveries
    assert told.statuses == {"bad": "blocked", "one": "done", "two": "done"}
    assert "'grep -qx good bad.txt' gave 1" in (project.one("bad").reason or "")
    assert sum(told.kills.values()) >= 1
    assert told.acknowledged >= 30
    assert project.repo.git("status", "--porcelain") == ""
    assert project.repo.git("show", "HEAD:one.txt", "HEAD:two.txt").split() == ["good", "good"]
    project.check()


def keep(told: chaos.Told) -> None:
    if KEEP:
        with Path(KEEP).open("a") as file:
            file.write(json.dumps(asdict(told)) + "\n")
