"""The bytes of a journal: what is written is read, and nothing else is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ovn.state import frames
from ovn.state.frames import DATA, SLOT, Header

payloads = st.lists(st.binary(max_size=60), max_size=8)
numbers = st.integers(min_value=0, max_value=2**64 - 1)


def file_of(header: Header, records: list[bytes], rest: bytes = b"") -> bytes:
    body = b"".join(frames.encode(header.epoch, header.base + at, load) for at, load in enumerate(records))
    head = header.encode().ljust(SLOT, b"\0")
    blocks = head + bytes(SLOT) if header.slot() == 0 else bytes(SLOT) + head
    return blocks + body + rest


@given(st.binary(max_size=200), numbers, numbers)
def test_decoding_gives_back_what_was_encoded(payload: bytes, epoch: int, seq: int) -> None:
    data = frames.encode(epoch, seq, payload)
    frame = frames.decode(b"abc" + data + b"rest", 3)
    assert frame is not None
    assert (frame.epoch, frame.seq, frame.payload, frame.end) == (epoch, seq, payload, 3 + len(data))
    assert frames.wanted(data) == len(data)


@given(st.lists(numbers, min_size=9, max_size=9))
def test_a_header_comes_back_from_its_slot(fields: list[int]) -> None:
    header = Header(*fields)
    found = frames.newest_header(file_of(header, []))
    assert found is not None
    assert [getattr(found, name) for name in Header.__slots__] == fields


def test_the_newer_header_counts_and_a_torn_one_leaves_the_older() -> None:
    old, new = Header(serial=4, epoch=1), Header(serial=5, epoch=2)
    both = bytearray(old.encode().ljust(SLOT, b"\0") + new.encode().ljust(SLOT, b"\0"))
    assert frames.newest_header(bytes(both)).epoch == 2  # type: ignore[union-attr]
    for at in range(len(new.encode())):
        torn = bytearray(both)
        torn[SLOT + at] ^= 0x55
        assert frames.newest_header(bytes(torn)).epoch == 1  # type: ignore[union-attr]


@given(payloads, st.data())
def test_a_journal_cut_anywhere_keeps_every_whole_record(records: list[bytes], data: st.DataObject) -> None:
    header = Header()
    whole = file_of(header, records)
    cut = data.draw(st.integers(min_value=DATA, max_value=len(whole)))
    content = frames.read(whole[:cut] + bytes(50), header)
    kept = [frame.payload for frame in content.frames]
    ends = [
        DATA + sum(frames.FRAME_SIZE + len(load) for load in records[: n + 1]) for n in range(len(records))
    ]
    # zeros that were cut off are there again: behind the tail everything is zero
    assert kept == records[: sum(len(whole[:end].rstrip(b"\0")) <= cut for end in ends)]
    assert not content.survivors


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=8), st.data())
def test_one_changed_byte_never_changes_a_record(records: list[bytes], data: st.DataObject) -> None:
    """Every record read is one that was written; those behind the damage are found again."""
    header = Header(base=7)
    whole = bytearray(file_of(header, records))
    at = data.draw(st.integers(min_value=DATA, max_value=len(whole) - 1))
    whole[at] ^= data.draw(st.integers(min_value=1, max_value=255))
    content = frames.read(bytes(whole), header)
    found = {frame.seq: frame.payload for frame in (*content.frames, *content.survivors)}
    assert all(records[seq - 7] == payload for seq, payload in found.items())
    assert len(found) == len(records) - 1
    assert (content.torn > 0) == (content.tail < len(whole))


@given(payloads, payloads)
def test_records_of_an_earlier_epoch_are_not_there(old: list[bytes], new: list[bytes]) -> None:
    """The same lengths at the same places: only the epoch tells them apart."""
    before = file_of(Header(epoch=1), old)
    now = file_of(Header(epoch=2), new)
    mixed = now + before[len(now) :]
    content = frames.read(mixed, Header(epoch=2, stale=len(before)))
    assert [frame.payload for frame in content.frames] == new
    assert not content.survivors
    assert content.torn == 0 or new


@given(st.binary(max_size=300))
def test_rubbish_is_never_a_record(rubbish: bytes) -> None:
    header = Header()
    content = frames.read(file_of(header, [], rubbish), header)
    assert content.frames == []
    assert content.torn == len(rubbish.rstrip(b"\0"))
    assert frames.salvage_header(rubbish) is None


def test_a_journal_without_headers_is_found_by_its_newest_epoch() -> None:
    old = frames.encode(3, 1, b"old")
    new = frames.encode(4, 9, b"new") + frames.encode(4, 10, b"newer")
    header = frames.salvage_header(bytes(DATA) + old + new)
    assert header is not None
    assert (header.epoch, header.base) == (4, 9)
