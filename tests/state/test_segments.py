"""A session's records on the branch: what is written is read, from any number on."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ovn.errors import DiskFailed, InvalidDocument
from ovn.git import pack
from ovn.model import canonical
from ovn.state import journalfile, segments
from ovn.state.store import StateStore

if TYPE_CHECKING:
    from .conftest import Night

LINES = st.text(
    st.characters(exclude_characters="\n\r\0", exclude_categories=["Cs"]), min_size=1, max_size=40
)


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


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(LINES, min_size=1, max_size=30), first=st.integers(1, 10**9))
def test_a_segment_that_grew_is_the_one_made_at_once(night: Night, names: list[str], first: int) -> None:
    numbered = [(first + at, night.step(name)) for at, name in enumerate(names)]
    lines = {seq: canonical.dump_line(record) for seq, record in numbered}
    growing = segments.Growing(first)
    for seq, line in lines.items():
        assert growing.next == seq
        growing.add(line)
    assert growing.whole(numbered[1:] or [(first + 1, night.step())], lines) is None
    assert growing.whole(numbered, {**lines, first: b"another"}) is None
    whole = growing.whole(numbered, lines)
    assert whole == segments.encode(numbered)
    assert isinstance(whole, pack.Deflated)
    assert zlib.decompress(whole.stream) == whole


def test_a_number_that_another_process_got_after_all_is_folded_with_its_bytes(
    store: StateStore, night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An append that failed at the very end had put its record to the next segment already."""
    store.record("s", night.step("one"))
    with monkeypatch.context() as broken:
        broken.setattr(journalfile, "sync_data", _no_disk)
        with pytest.raises(DiskFailed, match="no disk"):
            store.record("s", night.step("lost"))
    other = StateStore.open(store.location)
    other.record("s", night.step("two"))
    other.close()
    store.record("s", night.step("three"), fold=True)
    found = [record["data"]["name"] for _, record in segments.read(store._folder.tip(), "s")]
    assert found == ["one", "two", "three"]
    assert store.fold().records == 0


def _no_disk(_: int) -> None:
    raise OSError("no disk")


def test_what_one_process_recorded_alone_is_folded_as_it_grew(
    store: StateStore, night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [night.step(f"{at}") for at in range(120)]
    with monkeypatch.context() as never:
        never.setattr(segments, "encode", None)
        for at, record in enumerate(made, 1):
            store.record("s", record, fold=at % 40 == 0)
    assert list(segments.read(store._folder.tip(), "s")) == list(enumerate(made, 1))
