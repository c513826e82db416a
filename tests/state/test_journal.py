"""A session's journal: what was acknowledged is read back, whatever happened in between."""

from __future__ import annotations

import errno
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn.errors import DiskFailed, Locked, NoSpace, ReadOnlyRepository, StaleLease
from ovn.state import frames, journalfile
from ovn.state.frames import DATA, FRAME_SIZE, SLOT
from ovn.state.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal" / "s") as one:
        yield one


def records(journal: Journal) -> list[tuple[int, bytes]]:
    return Journal(journal.folder).read().records


def append_all(journal: Journal, *payloads: bytes) -> list[int]:
    return [journal.append(payload) for payload in payloads]


def file_of(journal: Journal) -> Path:
    return Path(journal.folder) / journalfile.FILE


# -- one writer ----------------------------------------------------------------------------


def test_records_come_back_in_order_with_their_numbers(journal: Journal) -> None:
    assert [journal.append(load) for load in (b"one", b"", b"three")] == [1, 2, 3]
    assert append_all(journal, b"four", b"five") == [4, 5]
    assert records(journal) == [(1, b"one"), (2, b""), (3, b"three"), (4, b"four"), (5, b"five")]
    assert journal.count() == Journal(journal.folder).count() == 5


def test_a_journal_that_was_never_written_holds_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "none", first=41)
    tail = journal.read()
    assert (tail.records, tail.cut, tail.lost, tail.next) == ([], 0, [], 41)
    assert journal.count() == journal.generation() == 0
    assert journal.remove()
    assert not (tmp_path / "none").exists()
    assert journal.append(b"x") == 41


def test_the_file_is_preallocated_with_zeros_and_grows_in_chunks(journal: Journal) -> None:
    journal.append(b"x")
    assert file_of(journal).stat().st_size == DATA + journalfile.CHUNK
    assert file_of(journal).stat().st_blocks * 512 >= journalfile.CHUNK
    assert oct(file_of(journal).stat().st_mode & 0o777) == "0o600"
    journal.append(b"y" * journalfile.CHUNK)
    assert file_of(journal).stat().st_size == DATA + 2 * journalfile.CHUNK
    assert [seq for seq, _ in records(journal)] == [1, 2]


def test_a_record_larger_than_the_window_is_found_by_another_writer(journal: Journal) -> None:
    append_all(journal, b"x" * 100_000, b"y" * 200_000)
    assert Journal(journal.folder).append(b"z") == 3
    assert journal.append(b"z") == 4


def test_a_late_reader_starts_at_the_hint(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(4):
        append_all(journal, *[b"x" * 20] * 250)
    journal.append(b"the last")
    read: list[int] = []
    real = journalfile.JournalFile.read
    monkeypatch.setattr(
        journalfile.JournalFile,
        "read",
        lambda self, at=0, length=None: read.append(at) or real(self, at, length),
    )
    assert Journal(journal.folder).count() == 1001
    assert min(at for at in read if at >= DATA) >= DATA + 750 * (FRAME_SIZE + 20)


def test_a_hint_that_points_to_nothing_is_ignored(journal: Journal) -> None:
    append_all(journal, *[b"x" * 20] * 300)
    append_all(journal, *[b"x" * 20] * 300)
    header = frames.newest_header(file_of(journal).read_bytes()[:DATA])
    assert header is not None
    assert header.hint
    wrong = header.next(hint=header.hint + 5)
    with file_of(journal).open("r+b") as file:
        file.seek(wrong.slot())
        file.write(wrong.encode())
    assert Journal(journal.folder).append(b"y") == 601


def test_what_happens_meanwhile_is_between_the_write_and_the_sync(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append(b"one")
    seen: list[str] = []
    monkeypatch.setattr(journalfile, "begin_writing", lambda *_: seen.append("begun"))
    monkeypatch.setattr(journalfile, "sync_data", lambda *_: seen.append("synced"))

    def look(seq: int) -> None:
        seen.append(f"{seq}: {file_of(journal).read_bytes().count(b'two')}")

    journal.append(b"two", meanwhile=look)
    assert seen == ["begun", "2: 1", "synced"]


def test_an_error_meanwhile_leaves_no_record(journal: Journal) -> None:
    def refuse(_: int) -> None:
        raise ValueError("not this one")

    journal.append(b"one")
    with pytest.raises(ValueError, match="not this one"):
        journal.append(b"two", meanwhile=refuse)
    assert b"two" not in file_of(journal).read_bytes()
    assert records(journal) == [(1, b"one")]
    assert journal.append(b"three") == 2


def test_what_was_written_when_a_person_interrupted_is_a_record(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    journal.append(b"one")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(journalfile, "sync_data", interrupted)
        journal.append(b"two")
    assert journal.append(b"three") == 3
    assert records(journal) == [(1, b"one"), (2, b"two"), (3, b"three")]


def test_a_record_beyond_the_largest_size_is_a_programming_error(journal: Journal) -> None:
    with pytest.raises(ValueError, match="may hold"):
        journal.append(bytes(frames.LARGEST + 1))


# -- reset and epochs ----------------------------------------------------------------------


def test_reset_forgets_what_is_folded_and_numbers_go_on(journal: Journal) -> None:
    append_all(journal, b"a", b"b", b"c")
    journal.reset(3)
    assert records(journal) == []
    assert journal.read().next == 4
    assert journal.append(b"d") == 4
    journal.reset(3)
    assert records(journal) == [(4, b"d")]


def test_reset_carries_later_records_over(journal: Journal) -> None:
    other = Journal(journal.folder)
    append_all(journal, b"a", b"b", b"c")
    assert other.append(b"d") == 4
    journal.reset(2)
    assert records(journal) == [(3, b"c"), (4, b"d")]
    assert other.append(b"e") == 5
    assert records(journal) == [(3, b"c"), (4, b"d"), (5, b"e")]


def test_a_large_journal_is_cut_back_when_it_is_reset(journal: Journal) -> None:
    journal.append(bytes(journalfile.SHRINK))
    journal.reset(1)
    assert file_of(journal).stat().st_size == DATA + journalfile.CHUNK
    assert journal.append(b"x") == 2
    assert records(journal) == [(2, b"x")]


@given(
    st.lists(
        st.one_of(st.lists(st.binary(max_size=40), max_size=4), st.integers(min_value=0, max_value=20)),
        max_size=12,
    )
)
def test_stale_records_of_an_earlier_epoch_never_resurface(
    tmp_path_factory: pytest.TempPathFactory, acts: list
) -> None:
    """Appends and resets in any order against a plain list, with stale bytes left on the disk."""
    journal = Journal(tmp_path_factory.mktemp("j"))
    journal._file.zero = lambda at, end: None  # type: ignore[method-assign]  # the zeros never reach the disk
    model: dict[int, bytes] = {}
    following = 1
    for act in acts:
        if isinstance(act, int):
            journal.reset(min(act, following - 1))
            model = {seq: load for seq, load in model.items() if seq > act}
        else:
            numbers = append_all(Journal(journal.folder, durability="batched"), *act)
            assert numbers == list(range(following, following + len(act)))
            model.update(zip(numbers, act, strict=True))
            following += len(act)
        assert dict(Journal(journal.folder).read().records) == model
    journal.close()


# -- what a writer remembers ---------------------------------------------------------------


ACT = st.one_of(st.binary(min_size=1, max_size=30), st.integers(1, 8), st.none())


@given(st.lists(st.tuples(st.integers(0, 1), ACT), max_size=25))
def test_what_a_writer_remembers_is_what_the_file_holds(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[int, bytes | int | None]]
) -> None:
    """Two writers append (bytes), forget what is folded (a number), or close (None), in any order."""
    folder = tmp_path_factory.mktemp("j")
    writers = [Journal(folder, durability="batched") for _ in range(2)]
    for who, act in acts:
        if act is None:
            writers[who].close()
        elif isinstance(act, bytes):
            writers[who].append(act)
        else:
            writers[who].reset(min(act, writers[who].read().next - 1))
        fresh = Journal(folder).read()
        for tail in (writer.read() for writer in writers):
            assert (tail.records, tail.next, tail.epoch) == (fresh.records, fresh.next, fresh.epoch)
    for writer in writers:
        writer.close()


def test_what_its_writer_remembers_outlives_damage_on_the_disk(journal: Journal) -> None:
    append_all(journal, b"one", b"two", b"three")
    file_of(journal).write_bytes(file_of(journal).read_bytes().replace(b"two", b"t~o"))
    assert journal.read().records == [(1, b"one"), (2, b"two"), (3, b"three")]
    assert Journal(journal.folder).read().lost == [2]


def test_a_writer_forgets_what_is_folded(journal: Journal) -> None:
    append_all(journal, b"one", b"two")
    journal.reset(2)
    assert journal._own == []
    assert (journal.append(b"three"), journal.read().records) == (3, [(3, b"three")])


def test_a_writer_remembers_no_more_than_it_may(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ovn.state.journal.KEPT", 4)
    append_all(journal, *(b"%d" % number for number in range(1, 11)))
    assert len(journal._own) <= 4
    assert [payload for _, payload in journal.read().records] == [b"%d" % number for number in range(1, 11)]


# -- torn tails ----------------------------------------------------------------------------


def last_frame(journal: Journal) -> tuple[int, int]:
    content = frames.read(
        file_of(journal).read_bytes(), frames.newest_header(file_of(journal).read_bytes()[:DATA])
    )  # type: ignore[arg-type]
    last = content.frames[-1]
    return last.end - FRAME_SIZE - len(last.payload), last.end


@pytest.mark.parametrize("how", ["zeros", "garbage", "truncated"])
def test_a_tail_torn_at_any_byte_is_cut_off_and_reported(journal: Journal, how: str) -> None:
    """Every byte of the last frame; the next record takes the torn one's number."""
    append_all(journal, b"first", b"second", b"the torn one")
    journal.close()
    whole = file_of(journal).read_bytes()
    start, end = last_frame(journal)
    for at in range(start, end):
        rest = {"zeros": bytes(end - at), "garbage": b"\xaa" * (end - at), "truncated": b""}[how]
        file_of(journal).write_bytes(whole[:at] + rest + (b"" if how == "truncated" else whole[end:]))
        before = Journal(journal.folder).read()
        assert [load for _, load in before.records] == [b"first", b"second"]
        torn = len((whole[start:at] + rest).rstrip(b"\0"))
        assert before.cut == torn
        with Journal(journal.folder) as writer:
            assert writer.append(b"next") == 3
        after = Journal(journal.folder).read()
        assert (after.records[2:], after.cut, after.lost, after.aside) == ([(3, b"next")], torn, [], [])


def test_what_was_cut_is_said_until_the_journal_is_folded(journal: Journal) -> None:
    journal.append(b"one")
    with file_of(journal).open("r+b") as file:
        file.seek(last_frame(journal)[1])
        file.write(b"\xaa" * 9)
    journal.append(b"two")
    assert journal.read().cut == 9
    journal.reset(2)
    assert journal.read().cut == 0


def test_a_whole_frame_behind_a_torn_one_of_equal_length_does_not_count_again(journal: Journal) -> None:
    """Two unsynced records, the power fails, only the second reached the disk."""
    journal.append(b"one")
    at = last_frame(journal)[1]
    append_all(journal, b"AAAA", b"BBBB")
    journal.close()
    with file_of(journal).open("r+b") as file:
        file.seek(at)
        file.write(b"\xaa" * (FRAME_SIZE + 4))
    with Journal(journal.folder) as writer:
        seq = writer.append(b"CCCC")
    tail = Journal(journal.folder).read()
    assert dict(tail.records)[seq] == b"CCCC"
    assert tail.lost == [2]
    assert len(tail.aside) == 1


# -- damage --------------------------------------------------------------------------------


def test_damage_before_the_tail_is_set_aside_and_the_rest_is_kept(journal: Journal) -> None:
    """A changed byte in a record that was acknowledged is no torn tail: everything else survives."""
    journal.set_generation(5)
    append_all(journal, b"one", b"two", b"three", b"four")
    journal.close()
    broken = bytearray(file_of(journal).read_bytes())
    broken[broken.index(b"two")] ^= 1
    file_of(journal).write_bytes(broken)
    tail = journal.read()
    assert tail.records == [(1, b"one"), (3, b"three"), (4, b"four")]
    assert (tail.lost, tail.cut, tail.next, tail.generation) == ([2], 0, 5, 5)
    assert Path(tail.aside[0]).read_bytes() == bytes(broken).rstrip(b"\0")
    assert journal.append(b"five") == 5
    assert records(journal)[-1] == (5, b"five")
    journal.reset(5)
    assert journal.read().lost == []
    assert journal.remove()
    assert len(list(Path(journal.folder).iterdir())) == 1  # what was set aside stays


def test_one_unreadable_header_is_survived(journal: Journal) -> None:
    journal.append(b"one")
    journal.set_generation(3)
    newest = frames.newest_header(file_of(journal).read_bytes()[:DATA])
    assert newest is not None
    with file_of(journal).open("r+b") as file:
        file.seek(newest.next().slot())  # the next header is torn while it is written
        file.write(newest.next(epoch=9).encode()[:20])
    tail = Journal(journal.folder).read()
    assert (tail.records, tail.generation, tail.epoch) == ([(1, b"one")], 3, 1)


def test_two_unreadable_headers_lose_no_record(journal: Journal) -> None:
    append_all(journal, b"one", b"two")
    journal.reset(1)
    journal.append(b"three")
    journal.close()
    with file_of(journal).open("r+b") as file:
        file.write(b"\xaa" * (2 * SLOT))
    assert journal.append(b"four") == 4
    tail = journal.read()
    assert tail.records == [(2, b"two"), (3, b"three"), (4, b"four")]
    assert len(tail.aside) == 1


def test_a_file_of_rubbish_is_set_aside_and_a_new_journal_begins(journal: Journal) -> None:
    Path(journal.folder).mkdir(parents=True)
    file_of(journal).write_bytes(b"what is this?")
    tail = Journal(journal.folder, first=7).read()
    assert (tail.records, tail.next) == ([], 7)
    assert Path(tail.aside[0]).read_bytes() == b"what is this?"


# -- several writers -----------------------------------------------------------------------


def run_together(jobs: list[Callable[[], None]]) -> None:
    processes = [FORK.Process(target=job) for job in jobs]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * len(jobs)


def test_eight_processes_append_and_none_is_lost(journal: Journal) -> None:
    """Numbers without gaps, each process' records in its own order."""

    def work(who: int) -> None:
        with Journal(journal.folder) as mine:
            for at in range(50):
                mine.append(b"%d:%d" % (who, at))

    run_together([lambda who=who: work(who) for who in range(8)])  # type: ignore[misc]
    found = records(journal)
    assert [seq for seq, _ in found] == list(range(1, 401))
    for who in range(8):
        mine = [load for _, load in found if load.startswith(b"%d:" % who)]
        assert mine == [b"%d:%d" % (who, at) for at in range(50)]


def test_appends_go_on_while_others_fold(journal: Journal) -> None:
    """Every record is seen exactly once by the folding process or is still there."""
    seen = journal.folder + ".seen"

    def write(who: int) -> None:
        with Journal(journal.folder) as mine:
            for at in range(60):
                mine.append(b"%d:%d" % (who, at))

    def fold() -> None:
        with Journal(journal.folder) as mine, Path(seen).open("ab") as out:
            for _ in range(25):
                tail = mine.read()
                out.writelines(load + b"\n" for _, load in tail.records)
                mine.reset(tail.next - 1)

    run_together([*(lambda who=who: write(who) for who in range(4)), fold])  # type: ignore[misc]
    left = [load for _, load in records(journal)]
    everything = Path(seen).read_bytes().split() + left
    assert sorted(everything) == sorted(b"%d:%d" % (who, at) for who in range(4) for at in range(60))


def test_threads_share_one_journal(journal: Journal) -> None:
    threads = [
        threading.Thread(target=lambda: [journal.append(b"x") for _ in range(30)]) for _ in range(6)
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [seq for seq, _ in records(journal)] == list(range(1, 181))


def test_a_forked_child_does_not_share_the_lock(journal: Journal) -> None:
    """An inherited descriptor has the parent's flock: the child must open its own."""
    journal.append(b"parent")
    run_together([lambda: [journal.append(b"child") for _ in range(10)] and None] * 4)
    assert [seq for seq, _ in records(journal)] == list(range(1, 42))


def test_a_lock_that_is_held_too_long_is_an_error(journal: Journal) -> None:
    import fcntl

    journal.append(b"x")
    with file_of(journal).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        impatient = Journal(journal.folder, timeout=0.05)
        with pytest.raises(Locked, match="was locked for"):
            impatient.append(b"y")
        with pytest.raises(Locked):
            impatient.read()
    assert impatient.append(b"z") == 2


def test_a_removed_journal_is_not_made_again_to_sync_it(tmp_path: Path) -> None:
    """Each one left behind would be read by every later command: a millisecond of it."""
    journal = Journal(tmp_path / "batched", durability="batched")
    journal.append(b"one")
    journal.reset(1)
    assert journal.remove()
    journal.close()
    assert not Path(journal.folder).exists()


def test_a_removed_journal_is_made_anew_by_who_still_had_it_open(journal: Journal) -> None:
    journal.append(b"one")
    other = Journal(journal.folder, first=2)
    assert not other.remove()
    other.reset(1)
    assert other.remove()
    assert not Path(journal.folder).exists()
    late = Journal(journal.folder, first=2)
    assert late.append(b"two") == 2
    assert journal.append(b"three") == 3
    assert records(journal) == [(2, b"two"), (3, b"three")]


# -- fencing -------------------------------------------------------------------------------


def test_a_writer_of_an_older_generation_is_refused(journal: Journal) -> None:
    journal.append(b"mine", 1)
    Journal(journal.folder).set_generation(2)
    with pytest.raises(StaleLease, match="session 's' was taken over"):
        journal.append(b"late", 1)
    assert journal.append(b"new", 2) == 2
    assert journal.append(b"a hook without a lease") == 3
    with pytest.raises(StaleLease):
        journal.set_generation(1)
    assert journal.generation() == 2
    journal.reset(3)
    assert journal.generation() == 2


# -- durability ----------------------------------------------------------------------------


def test_a_batched_journal_syncs_at_flush_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    syncs: list[int] = []
    journal = Journal(tmp_path / "s", durability="batched")
    journal.append(b"made")
    monkeypatch.setattr(journalfile, "sync_data", syncs.append)
    append_all(journal, *[b"x"] * 10)
    assert syncs == []
    journal.flush()
    journal.flush()
    assert len(syncs) == 1
    journal.append(b"y")
    journal.close()
    assert len(syncs) == 2


def test_a_synced_append_is_one_synced_write(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    syncs: list[int] = []
    real = os.fdatasync
    monkeypatch.setattr(journalfile, "sync_data", lambda fd: (syncs.append(fd), real(fd)))
    monkeypatch.setattr(journalfile, "sync_path", syncs.append)
    for _ in range(1000):
        journal.append(b"x" * 200)
    assert len(syncs) <= 1050


# -- failures ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (errno.EIO, DiskFailed),
        (errno.ENOSPC, NoSpace),
        (errno.EDQUOT, NoSpace),
        (errno.EROFS, ReadOnlyRepository),
    ],
)
@pytest.mark.parametrize("what", ["sync", "write", "short write"])
def test_a_failed_append_leaves_the_journal_as_it_was(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, what: str, code: int, error: type[Exception]
) -> None:
    journal.append(b"one")
    before = file_of(journal).read_bytes()
    real, calls = os.pwrite, []

    def fail(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    def short(fd: int, data: bytes, at: int) -> int:
        calls.append(at)
        return (
            real(fd, data[:7], at) if len(calls) == 1 else fail() if len(calls) == 2 else real(fd, data, at)
        )

    def broken(fd: int, data: bytes, at: int) -> int:
        calls.append(at)
        return fail() if len(calls) == 1 else real(fd, data, at)

    with monkeypatch.context() as patch:
        if what == "sync":
            patch.setattr(journalfile, "sync_data", fail)
        else:
            patch.setattr(journalfile.os, "pwrite", short if what == "short write" else broken)
        with pytest.raises(error, match=r"journal '.*s': "):
            journal.append(b"x" * 5000)
    assert file_of(journal).read_bytes() == before
    assert journal.append(b"two") == 2
    assert records(journal) == [(1, b"one"), (2, b"two")]


def test_a_file_size_limit_refuses_and_takes_nothing_away(tmp_path: Path) -> None:
    """EFBIG while the file grows: the record is refused, smaller ones still fit."""
    folder = tmp_path / "s"
    assert Journal(folder).append(b"one") == 1

    def limited() -> None:
        size = DATA + journalfile.CHUNK
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        mine = Journal(folder)
        with pytest.raises(NoSpace):
            mine.append(bytes(journalfile.CHUNK))
        assert mine.append(b"two") == 2

    run_together([limited])
    assert Journal(folder).read().records == [(1, b"one"), (2, b"two")]
    assert (folder / journalfile.FILE).stat().st_size == DATA + journalfile.CHUNK


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small tmpfs needs root")
def test_a_full_disk_refuses_and_what_was_acknowledged_stays(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1200k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"no tmpfs here: {mounted.stderr.decode().strip()}")
    try:
        journal = Journal(disk / "s")
        acknowledged = 0
        with pytest.raises(NoSpace, match="No space left"):
            while True:
                journal.append(b"%06d" % acknowledged * 500)
                acknowledged += 1
        assert acknowledged > 100
        found = Journal(disk / "s").read()
        assert [load for _, load in found.records] == [b"%06d" % at * 500 for at in range(acknowledged)]
        assert found.cut == 0
        with pytest.raises(NoSpace):
            Journal(disk / "t").append(b"no room for another journal")
        journal.reset(acknowledged)
        assert journal.append(b"room again") == acknowledged + 1
        assert Journal(disk / "s").read().records == [(acknowledged + 1, b"room again")]
        journal.close()
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_journal_can_be_read(journal: Journal) -> None:
    journal.append(b"one")
    file_of(journal).chmod(0o400)
    reader = Journal(journal.folder)
    assert reader.read().records == [(1, b"one")]
    with pytest.raises(ReadOnlyRepository):
        reader.append(b"two")


# -- crashes -------------------------------------------------------------------------------

WRITER = """
import sys
from ovn.state.journal import Journal
journal = Journal(sys.argv[1])
for at in range(int(sys.argv[2])):
    journal.append(b"%d" % at * 30)
    print(at, flush=True)
    if at % 7 == 6:
        journal.reset(journal.read().next - 3)
"""


def start(folder: str, count: int, **env: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", WRITER, folder, str(count)]
    return subprocess.Popen(command, env={**os.environ, **env}, stdout=subprocess.PIPE)


@pytest.mark.parametrize(
    ("point", "acknowledged", "kept"),
    [
        ("journal.before_write@4", 3, [3]),
        ("journal.before_sync@4", 3, [3, 4]),
        ("journal.after_sync@4", 3, [3, 4]),
        ("journal.before_reset", 7, [7]),
    ],
)
def test_killed_at_each_crash_point_nothing_acknowledged_is_lost(
    journal: Journal, point: str, acknowledged: int, kept: list[int]
) -> None:
    child = start(journal.folder, 50, OVN_CRASH_POINT=point)
    out, _ = child.communicate()
    assert child.returncode == -signal.SIGKILL
    assert len(out.split()) == acknowledged
    assert len(records(journal)) in kept
    assert journal.append(b"next") == records(journal)[-2][0] + 1


def test_killed_at_random_instants_nothing_acknowledged_is_lost(journal: Journal) -> None:
    """A child that writes and resets, killed again and again, in one journal."""
    last = 0
    for at in range(15):
        child = start(journal.folder, 100_000)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(0.002 * at)
        child.kill()
        acknowledged = 1 + len(child.stdout.read().splitlines())
        child.wait()
        child.stdout.close()
        tail = journal.read()
        numbers = [seq for seq, _ in tail.records]
        assert numbers == list(range(tail.next - len(numbers), tail.next))
        assert tail.next - 1 - last in (acknowledged, acknowledged + 1)
        assert (tail.lost, tail.aside) == ([], [])
        last = tail.next - 1
    assert last >= 15  # each of them did something before it died


def test_nothing_heavy_is_loaded_for_a_hook() -> None:
    """``python -I -S`` with the journal: standard library, and none of its slow parts."""
    root = Path(__file__).resolve().parents[2]
    code = f"import sys; sys.path.insert(0, {str(root)!r}); import ovn.state.journal; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, check=True
    ).stdout.split()
    slow = {
        b"typing",
        b"re",
        b"pathlib",
        b"contextlib",
        b"dataclasses",
        b"enum",
        b"ctypes",
        b"socket",
        b"signal",
    }
    assert slow.isdisjoint(loaded)


def test_a_new_journal_is_fenced_from_the_beginning(tmp_path: Path) -> None:
    """The journal of an ended session is removed; who was taken over stays refused."""
    with Journal(tmp_path / "again", first=5, generation=lambda: 3) as journal:
        with pytest.raises(StaleLease):
            journal.append(b"late", generation=2)
        assert journal.append(b"now", generation=3) == 5
