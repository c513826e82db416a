"""What the observing hooks write, without json and datetime, is what everybody else would write."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from ovn.clock import parse_rfc3339, rfc3339
from ovn.errors import NotFound
from ovn.githooks import observe
from ovn.model import canonical, records

ROOT = Path(observe.__file__).resolve().parents[2]
TEXT = st.text(st.characters(codec="utf-8"))
VALUES = st.recursive(
    st.none() | st.booleans() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)


@given(VALUES)
def test_a_line_is_the_canonical_line(value):
    assert observe.encode(value).encode() == canonical.dump_line(value)


def test_the_time_is_written_as_the_clock_writes_it():
    text = observe.now()
    assert rfc3339(parse_rfc3339(text)) == text


def test_the_reflog_s_last_line_is_read(tmp_path):
    (tmp_path / "logs").mkdir()
    line = f"{'a' * 40} {'b' * 40} A U Thor <a@b> 1 +0000\tcommit (amend): fix: the parser\n"
    (tmp_path / "logs" / "HEAD").write_text("x\n" * 40_000 + line)
    assert observe.last_move(str(tmp_path)) == ("b" * 40, "fix: the parser", "commit (amend)")


def test_every_record_obeys_the_schema(shift):
    repo = shift.repo
    repo.git("checkout", "-q", "-b", "topic", env=shift.env)
    repo.write("a", "1")
    repo.git("add", "a")
    repo.git("commit", "-q", "-m", 'say "no" to \x01 and \\', env=shift.env)
    repo.git("commit", "-q", "--amend", "-m", "again", env=shift.env)
    repo.git("checkout", "-q", "main", env=shift.env)
    repo.git("merge", "-q", "topic", env=shift.env)
    found = [json.loads(payload) for _, payload in shift.journal.read().records]
    for record in found:
        records.validate(record)
    assert [record["type"] for record in found] == ["head", "commit", "commit", "rewritten", "head", "head"]
    assert [record["data"]["why"] for record in found if record["type"] == "head"] == [
        "checkout",
        "checkout",
        "merge",
    ]


def test_a_rebase_too_large_for_one_record_makes_several(shift):
    place = observe.Place(str(shift.location.local), "main", shift.active, None)
    lines = [f"{number:040x} {number + 1:040x} extra" for number in range(observe.MOST_PAIRS + 1)]
    observe.rewritten(place, lines, why="rebase")
    assert [len(data["pairs"]) for data in shift.records("rewritten")] == [observe.MOST_PAIRS, 1]


def test_a_hook_never_begins_a_journal(hooked, begin):
    """Only who knows the number of the session's next record may."""
    shift = begin(hooked)
    (shift.location.local / "journal" / "session-001" / "records").unlink()
    place = observe.Place(str(shift.location.local), "main", shift.active, None)
    with pytest.raises(NotFound, match="has no journal"):
        observe.head(place, str(shift.location.git_dir), "", "a" * 40, why="checkout")
    hooked.commit()
    answer = hooked.run("commit", "--allow-empty", "-m", "x")
    assert b"post-commit was not recorded: session 'session-001' has no journal" in answer.stderr


def test_the_list_of_bypassed_commits_is_bounded(shift, monkeypatch):
    monkeypatch.setattr(observe, "BYPASSED_LIMIT", 100)
    place = observe.Place(str(shift.location.local), "main", shift.active, None)
    for number in range(10):
        observe._note_bypassed(place, f"{number:040x}")
    log = shift.location.local / "log"
    assert {path.name for path in log.glob("bypassed*")} == {"bypassed", "bypassed.1"}
    assert (log / "bypassed").read_text().endswith(f"{9:040x}\n")


def test_the_entry_needs_nothing_but_the_standard_library_and_little_of_it():
    """25 ms: each of these modules alone costs five of them."""
    script = (
        f"import sys; sys.path.append({str(ROOT)!r}); import ovn.githooks.dispatch, ovn.githooks.observe; "
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert (
        loaded & {"re", "json", "typing", "pathlib", "dataclasses", "datetime", "subprocess", "enum"} == set()
    )
    assert {name.split(".")[0] for name in loaded} - set(sys.stdlib_module_names) <= {"ovn", "__main__"}
