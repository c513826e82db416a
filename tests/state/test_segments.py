"""A session's records on the branch: what is written is read, from any number on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ovn.errors import InvalidDocument
from ovn.state import segments

if TYPE_CHECKING:
    from ovn.state.store import StateStore

    from .conftest import Night


def test_a_segment_is_lines_with_numbers(night: Night) -> None:
    numbered = [(7, night.step("one")), (9, night.step("twé"))]
    data = segments.encode(numbered)
    assert data.count(b"\n") == 2
    assert data.startswith(b'{"at":"2026-11-22T23:00:01.000Z","by":"runner","data":{"name":"one"')
    assert list(segments.decode(data, "x")) == numbered


@pytest.mark.parametrize("line", [b"{", b"[]", b"{}", b'{"seq": "1"}'])
def test_a_line_that_is_no_record_is_named(night: Night, line: bytes) -> None:
    data = segments.encode([(1, night.step())]) + line + b"\n"
    with pytest.raises(InvalidDocument, match="x: line 2: "):
        list(segments.decode(data, "x"))


def test_reading_begins_after_any_number(store: StateStore, night: Night) -> None:
    made = [night.step(f"{at}") for at in range(230)]
    for at, record in enumerate(made, 1):
        store.record("s", record, fold=at % 23 == 0)
    tip = store._folder.tip()
    for after in (0, 1, 22, 23, 24, 100, 229, 230, 231):
        assert list(segments.read(tip, "s", after)) == list(enumerate(made, 1))[after:]
