"""Names: what may be a label or an id, and where things lie."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn import names
from ovn.errors import InvalidName

HOSTILE = [
    "", ".", "..", "a..b", "../x", "a/b", "-x", "--force", "x.lock", "x.", ".x", "_x", "a b",
    "a\n", "\na", "a\tb", "a\x1b[2Jb", "a\u202eb", "naïve", "$(id)", ";rm", "a:b", "a~1", "a^",
    "a?", "a*", "[a", "a\\b", "@{0}", "x" * 65, "a\0b", "\udcff", "a\x9b", "@",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_are_refused_with_the_usage_code(text):
    with pytest.raises(InvalidName, match="not a label: ") as caught:
        names.check_name(text, "label")
    assert caught.value.exit_code == 129


@pytest.mark.parametrize(
    "text", ["a", "0", "session-001", "before_feature_x", "v1.2", "A" * 64, "HEAD", "a.lock.b"]
)
def test_plain_names_are_returned_as_they_are(text):
    assert names.check_name(text) == text


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True))
def test_what_is_accepted_is_a_ref_for_git(text):
    try:
        names.check_name(text)
    except InvalidName:
        return
    for ref in (names.tag_ref("session-001", text), names.checkpoint_ref(names.checkpoint_id(text, 1))):
        # git-check-ref-format(1), its ten rules
        assert not re.search(r"\.\.|[\x00-\x20\x7f~^:?*\[\\]|@\{|//|/$|\.$", ref)
        assert not any(part.startswith(".") or part.endswith(".lock") for part in ref.split("/"))


@pytest.mark.parametrize("text", ["before_x", "v1.2", "A" * 64, "HEAD"])
def test_git_agrees_that_these_are_refs(text):
    ref = names.tag_ref("session-001", text)
    subprocess.run(["git", "check-ref-format", ref], check=True)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Fix the parser!", "Fix-the-parser"),
        ("naïve  café", "naive-cafe"),
        ("--force", "force"),
        ("../../etc/passwd", "etc-passwd"),
        ("a..b", "a.b"),
        ("x.lock", "x"),
        ("x.lock.lock", "x"),
        ("a\x1b[2Jb\n", "a-2Jb"),
        ("x" * 63 + " yz", "x" * 63),
        ("ﬁle", "file"),
    ],
)
def test_what_a_person_types_becomes_a_name(typed, name):
    assert names.slug(typed) == name


@pytest.mark.parametrize("typed", ["", "!!!", "日本語", ".", "---"])
def test_when_nothing_is_left_it_is_refused(typed):
    with pytest.raises(InvalidName, match="nothing is left of "):
        names.slug(typed)


@given(st.text(max_size=100))
def test_a_slug_is_a_name_and_stays_one(typed):
    try:
        name = names.slug(typed)
    except InvalidName:
        return
    assert names.check_name(name) == name
    assert names.slug(name) == name


def test_ids_that_ovn_makes_say_their_day_in_utc():
    late = datetime.fromisoformat("2026-11-23T00:30:00+02:00")
    made = {names.new_id(late) for _ in range(50)}
    assert len(made) > 40
    assert all(re.fullmatch(r"20261122-[a-z2-7]{4}", name) for name in made)
    assert all(names.check_name(name) for name in made)
    assert names.new_id(datetime(2026, 1, 2, tzinfo=UTC)).startswith("20260102-")


def test_where_things_lie():
    """The published layout: a second implementation and people's scripts rely on it."""
    expected = {
        names.checkpoint_id("session-001", 3): "session-001/0003",
        names.checkpoint_ref("session-001/0003"): "refs/ovn/checkpoint/session-001/0003",
        names.tag_ref("session-001", "before_x"): "refs/tags/ovn/session-001/before_x",
        names.lease_ref("feature", "parser"): "refs/ovn/lease/feature/parser",
        names.feature_file("parser"): "features/parser.json",
        names.session_folder("session-001"): "sessions/session-001",
        names.session_file("session-001"): "sessions/session-001/session.json",
        names.handoff_file("session-001"): "sessions/session-001/handoff.json",
        names.segment_file("session-001", 4211): "sessions/session-001/journal/0000000042/000000004211.jsonl",
        names.ended_folder("2026-11", "session-001"): "ended/2026-11/session-001",
        names.run_file("20261122-k3fz"): "runs/20261122-k3fz.json",
        names.operation_file("20261122-k3fz"): "operations/20261122-k3fz.json",
        names.question_file("20261122-k3fz"): "questions/20261122-k3fz.json",
        names.baseline_file("main"): "baseline/main.json",
        names.STATE_REF: "refs/heads/overnight/state",
        names.KEEP_REF: "refs/ovn/keep/state",
    }
    assert list(expected) == list(expected.values())


def test_checkpoint_ids_grow_beyond_four_digits():
    assert names.checkpoint_id("s", 12345) == "s/12345"
