"""How records become commits: which share one, how many go into a pack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ovn.errors import InvalidDocument
from ovn.state import fold
from ovn.state.fold import Chunk, FoldReport

if TYPE_CHECKING:
    from .conftest import Night


def kinds(chunk: Chunk) -> str:
    return "+".join(record["type"] for _, record in chunk.records) + ("!" if chunk.event else "")


@pytest.mark.parametrize(
    ("types", "commits"),
    [
        ("", []),
        ("step step", ["step+step"]),
        ("session.state", ["session.state!"]),
        ("step note session.state step", ["step+note", "session.state!", "step"]),
        ("note session.state note", ["note+session.state+note!"]),
        ("note note", ["note+note"]),
        ("active session.state", ["session.state+session.state!"]),
    ],
)
def test_steps_share_a_commit_and_each_event_has_one(night: Night, types: str, commits: list[str]) -> None:
    made = {
        "step": night.step,
        "note": lambda: night.record("note", text="x"),
        "session.state": lambda: night.state("crashed"),
        "active": lambda: night.state("active"),
    }
    numbered = [(seq, made[kind]()) for seq, kind in enumerate(types.split(), 1)]
    assert [kinds(chunk) for chunk in fold.chunks(numbered)] == commits


def test_a_pack_holds_a_thousand_records_or_eight_megabytes() -> None:
    small = [(seq, b"x") for seq in range(1, 2502)]
    assert [len(part) for part in fold.slices(small)] == [1000, 1000, 501]
    large = [(seq, bytes(3 << 20)) for seq in range(1, 6)]
    assert [len(part) for part in fold.slices(large)] == [2, 2, 1]
    assert list(fold.slices([])) == []


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b'{"type": "nonsense"}', b"\xff", b'{"at": NaN}'])
def test_what_is_no_record_is_refused(payload: bytes) -> None:
    with pytest.raises(InvalidDocument):
        fold.decode(payload)


def test_reports_add_up() -> None:
    one = FoldReport(("a",), 2, 3, (), (("s", 1),), ("said",))
    assert one + FoldReport(("b",), 1) == FoldReport(("a", "b"), 3, 3, (), (("s", 1),), ("said",))


def test_a_document_too_large_to_be_read_again_is_not_written(night: Night) -> None:
    feature = night.feature("big", paths=tuple("p" * 8000 for _ in range(200)))
    with pytest.raises(InvalidDocument, match="the limit is 1048576"):
        fold.encode({"features/big.json": feature})
    with pytest.raises(ValueError, match="no document is kept at"):
        fold.encode({"nowhere": feature})
    assert fold.encode({"features/big.json": None}) == {"features/big.json": None}
