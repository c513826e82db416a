"""The small files that the hook shim reads."""

from __future__ import annotations

import os

import pytest

from ovn import active
from ovn.active import Active, Debt
from ovn.errors import InvalidName


def fields(found):
    return {name: getattr(found, name) for name in found.__slots__}


@pytest.mark.parametrize(
    "given",
    [
        Active("session-001"),
        Active(
            "s", kind="run", generation=7, feature="parser", run="20261122-abcd", protect=False, handoff=False
        ),
    ],
    ids=["bare", "full"],
)
def test_what_is_written_is_read(tmp_path, given):
    active.write(tmp_path, "main", given)
    assert fields(active.read(tmp_path, "main")) == fields(given)
    assert active.everywhere(tmp_path).keys() == {"main"}


def test_the_file_is_lines_that_a_shell_reads(tmp_path):
    active.write(tmp_path, "main", Active("session-001", kind="run", generation=2, feature="f"))
    assert (tmp_path / "active" / "main").read_text() == (
        "session=session-001\nfeature=f\nkind=run\nrun=\ngeneration=2\nprotect=1\nhandoff=1\n"
    )


@pytest.mark.parametrize("content", [b"", b"session=\n", b"session=../x\n", b"\xff\xfe", b"nonsense\n"])
def test_a_file_without_a_session_means_nobody(tmp_path, content):
    (tmp_path / "active").mkdir()
    (tmp_path / "active" / "main").write_bytes(content)
    assert active.read(tmp_path, "main") is None
    assert active.everywhere(tmp_path) == {}


def test_a_damaged_generation_counts_as_the_oldest(tmp_path):
    (tmp_path / "active").mkdir()
    (tmp_path / "active" / "main").write_bytes(b"session=a\ngeneration=\xc2\xb2\n")
    assert active.read(tmp_path, "main").generation == 0


def test_only_the_session_itself_is_cleared(tmp_path):
    active.write(tmp_path, "main", Active("new"))
    assert active.clear(tmp_path, "main", "old") is False
    assert active.read(tmp_path, "main").session == "new"
    assert active.clear(tmp_path, "main", "new") is True
    assert active.clear(tmp_path, "main", "new") is False
    assert active.read(tmp_path, "main") is None


@pytest.mark.parametrize(
    ("kind", "process", "own"),
    [
        ("run", "a", True),
        ("run", None, False),
        ("run", "b", False),
        ("detached", None, True),
        ("detached", "b", False),
        ("python", None, True),
    ],
)
def test_whose_act_it_is(kind, process, own):
    assert Active("a", kind=kind).owns(process) is own


def test_a_beat_is_the_file_s_mtime(tmp_path):
    assert active.last_beat(tmp_path, "a") is None
    active.beat(tmp_path, "a")
    os.utime(tmp_path / "beat" / "a", (5, 5))
    assert active.last_beat(tmp_path, "a") == 5
    active.beat(tmp_path, "a")
    assert active.last_beat(tmp_path, "a") > 5
    active.drop_beat(tmp_path, "a")
    active.drop_beat(tmp_path, "a")
    assert active.last_beat(tmp_path, "a") is None


def test_a_fence_goes_with_the_beat(tmp_path):
    assert active.fence_of(tmp_path, "a") == 0
    active.fence(tmp_path, "a", 3)
    assert active.fence_of(tmp_path, "a") == 3
    (tmp_path / "fence" / "a").write_text("?")
    assert active.fence_of(tmp_path, "a") == 0
    active.drop_beat(tmp_path, "a")
    assert not (tmp_path / "fence" / "a").exists()


def test_a_debt_stays_until_it_is_paid(tmp_path):
    assert active.debts(tmp_path) == []
    active.owe(tmp_path, Debt("a", "main", "2026-11-22T01:00:00.000Z"))
    active.owe(tmp_path, Debt("a", "main", "2026-11-22T02:00:00.000Z"))
    active.owe(tmp_path, Debt("b", "linked", "2026-11-22T03:00:00.000Z"))
    assert [(debt.session, debt.since[11:13]) for debt in active.debts(tmp_path)] == [
        ("a", "01"),
        ("b", "03"),
    ]
    assert [debt.session for debt in active.debts(tmp_path, "linked")] == ["b"]
    active.pay(tmp_path, "a")
    active.pay(tmp_path, "a")
    assert [debt.session for debt in active.debts(tmp_path)] == ["b"]


def test_a_file_half_written_by_a_dead_process_is_not_read(tmp_path):
    active.owe(tmp_path, Debt("a", "main", "x"))
    (tmp_path / "debt" / "b.77.tmp").write_text("")
    assert [debt.session for debt in active.debts(tmp_path)] == ["a"]


@pytest.mark.parametrize("name", ["../x", "", "a/b", "-x"])
def test_a_hostile_name_makes_no_file(tmp_path, name):
    with pytest.raises(InvalidName):
        active.write(tmp_path, name, Active("a"))
    with pytest.raises(InvalidName):
        active.beat(tmp_path, name)
