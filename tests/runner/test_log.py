"""The capped log."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from ovn.runner.log import RECENT, CappedLog, gather, part_path

if TYPE_CHECKING:
    from pathlib import Path


def test_short_output_is_the_file_and_nothing_else(tmp_path: Path) -> None:
    log = CappedLog(tmp_path / "a.log")
    log.write(b"one\n")
    log.write(b"two\n")
    assert log.close() == 0
    assert (tmp_path / "a.log").read_bytes() == b"one\ntwo\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a.log"]


def test_a_flood_keeps_head_and_tail_and_counts_what_it_dropped(tmp_path: Path) -> None:
    log = CappedLog(tmp_path / "a.log", head=10, tail=10)
    output = b"".join(b"%04d\n" % number for number in range(100))
    log.write(output)
    dropped = log.close()
    text = (tmp_path / "a.log").read_bytes()
    assert text.startswith(output[:10])
    assert text.endswith(output[-10:])
    assert f"dropped {dropped} bytes here".encode() in text
    marker = b"\n... git ovn dropped %d bytes here ...\n" % dropped
    assert len(text) - len(marker) == len(output) - dropped
    assert log.total == len(output)


@given(chunks=st.lists(st.binary(max_size=40)), head=st.integers(0, 30), tail=st.integers(1, 30))
def test_what_is_kept_is_a_beginning_and_an_end(
    tmp_path_factory, chunks: list[bytes], head: int, tail: int
) -> None:
    path = tmp_path_factory.mktemp("log") / "a.log"
    log = CappedLog(path, head=head, tail=tail)
    for chunk in chunks:
        log.write(chunk)
    dropped = log.close()
    whole = b"".join(chunks)
    marker = b"\n... git ovn dropped %d bytes here ...\n" % dropped if dropped else b""
    kept = path.read_bytes()
    first = kept[:head]
    rest = kept[head:].removeprefix(marker) if dropped else kept[head:]
    assert first + rest == whole[:head] + whole[head + dropped :]
    assert log.recent == whole[-RECENT:]


def test_parts_left_by_a_killed_runner_are_gathered_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    log = CappedLog(path, head=4, tail=4)
    log.write(b"abcdefghijklmnop")  # head abcd, parts efgh (dropped), ijkl, mnop
    del log
    assert gather(path, 4) == 4
    assert path.read_bytes() == b"abcd\n... git ovn dropped 4 bytes here ...\nijklmnop"
    assert not part_path(path, 1).exists()
    assert gather(path, 4) == 0


def test_a_full_disk_stops_the_log_and_not_its_writer(tmp_path: Path) -> None:
    log = CappedLog(tmp_path / "a.log")

    class Full:
        def write(self, data: bytes) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        def flush(self) -> None: ...
        def close(self) -> None: ...

    log._file.close()
    log._file = Full()
    log.write(b"x" * 100)
    log.write(b"y" * 100)
    assert (log.broken, log.total, log.recent[-1:]) == ("No space left on device", 200, b"y")
    assert log.close() == 0
