import errno
import os
import re
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windtunnel.base.errors import StorageError, UsageError
from windtunnel.base.messages import Message
from windtunnel.runtime.wal import MAGIC, Wal


class Put(Message, frozen=True):
    """A record of the tests."""

    key: str
    value: int


class Mark(Message, frozen=True):
    """Another record of the tests."""


TYPES = (Put, Mark)


def commit(wal, *records):
    """Append and make durable, as one batch."""
    for record in records:
        wal.append(record)
    wal.commit(wal.take())


def reopen(path):
    """What a boot finds."""
    wal, records = Wal.open(path, TYPES)
    wal.close()
    return records


def batches(path, *groups):
    """A closed log of these batches; returns the offsets at which they end."""
    wal, _ = Wal.open(path, TYPES)
    ends = []
    for group in groups:
        commit(wal, *group)
        ends.append(path.stat().st_size)
    wal.close()
    return ends


def test_committed_records_come_back_in_order(tmp_path):
    """Every batch that was committed is found at the next boot, oldest first."""
    path = tmp_path / "wal"
    batches(path, [Put("a", 1), Mark()], [Put("b", 2)])
    assert reopen(path) == [Put("a", 1), Mark(), Put("b", 2)]
    batches(path, [Put("c", 3)])
    assert reopen(path) == [Put("a", 1), Mark(), Put("b", 2), Put("c", 3)]


def test_what_was_not_committed_is_lost(tmp_path):
    """Appending alone writes nothing."""
    path = tmp_path / "wal"
    wal, _ = Wal.open(path, TYPES)
    commit(wal, Put("a", 1))
    wal.append(Put("b", 2))
    wal.close()
    assert reopen(path) == [Put("a", 1)]


def test_a_tear_anywhere_in_the_last_batch_costs_that_batch_only(tmp_path):
    """Cut the file at every byte: what was durable before the last batch always comes back, and the log goes on from there."""
    path = tmp_path / "wal"
    first, last = batches(path, [Put("a", 1)], [Put("b", 2), Put("c", 3)])
    whole = path.read_bytes()
    for cut in range(first, last):
        path.write_bytes(whole[:cut])
        wal, records = Wal.open(path, TYPES)
        assert records == [Put("a", 1)]
        assert wal.torn_bytes == cut - first
        commit(wal, Put("d", 4))
        wal.close()
        assert reopen(path) == [Put("a", 1), Put("d", 4)]


def test_zeros_at_the_tail_are_a_tear(tmp_path):
    """A file that grew before its data reached the disk ends in zeros: torn, not damaged."""
    path = tmp_path / "wal"
    batches(path, [Put("a", 1)])
    with path.open("ab") as file:
        file.write(bytes(5000))
    assert reopen(path) == [Put("a", 1)]


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_damage_in_the_middle_is_refused_and_located(tmp_path_factory, data):
    """Whichever byte of a batch that is not the last goes bad, recovery refuses and names the batch."""
    path = tmp_path_factory.mktemp("wal") / "wal"
    ends = batches(path, [Put("a", 1)], [Put("b", 2), Mark()], [Put("c", 3)])
    content = bytearray(path.read_bytes())
    position = data.draw(st.integers(len(MAGIC), ends[1] - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    start = len(MAGIC) if position < ends[0] else ends[0]
    with pytest.raises(StorageError, match=re.escape(f"{path}: byte {start}: damaged batch")):
        Wal.open(path, TYPES)
    assert path.read_bytes() == bytes(content), "recovery must not change what it refuses"
    shutil.rmtree(path.parent)


def test_a_log_inside_a_record_is_not_taken_for_the_log(tmp_path):
    """The checksum covers the offset: bytes of a log copied into a torn record do not look like a batch behind it."""
    path, other = tmp_path / "wal", tmp_path / "other"
    batches(other, [Put("x", 1)], [Put("y", 2)])
    batches(path, [Put("a", 1)])
    with path.open("ab") as file:
        file.write(b"\x00\x00\x10\x00torn" + other.read_bytes())
    assert reopen(path) == [Put("a", 1)]


def test_replace_is_atomic(tmp_path):
    """A checkpoint replaces everything before it, keeps what came after it, and leaves no second file."""
    path = tmp_path / "wal"
    wal, _ = Wal.open(path, TYPES)
    commit(wal, Put("a", 1), Put("b", 2))
    wal.append(Put("lost", 0))
    wal.replace([Put("snapshot", 9)])
    commit(wal, Put("c", 3))
    commit(wal, Put("d", 4))
    wal.close()
    assert reopen(path) == [Put("snapshot", 9), Put("c", 3), Put("d", 4)]
    assert [entry.name for entry in tmp_path.iterdir()] == ["wal"]


def test_a_crash_before_the_rename_leaves_the_old_log(tmp_path):
    """A new log that was never renamed is thrown away at the next boot."""
    path = tmp_path / "wal"
    batches(path, [Put("a", 1)])
    (tmp_path / "wal.new").write_bytes(MAGIC + b"half")
    assert reopen(path) == [Put("a", 1)]
    assert not (tmp_path / "wal.new").exists()


def test_a_crash_while_creating_the_file_is_an_empty_log(tmp_path):
    """A header cut short is a log that never held anything."""
    path = tmp_path / "wal"
    for size in range(len(MAGIC)):
        path.write_bytes(MAGIC[:size])
        assert reopen(path) == []


def test_a_foreign_file_is_refused(tmp_path):
    """Something else at that path is not overwritten."""
    path = tmp_path / "wal"
    path.write_bytes(b"my precious notes, not a log")
    with pytest.raises(StorageError, match="not a log of this release"):
        Wal.open(path, TYPES)
    assert path.read_bytes() == b"my precious notes, not a log"


def test_a_log_in_use_is_refused(tmp_path):
    """Two processes on one log would destroy it."""
    path = tmp_path / "wal"
    wal, _ = Wal.open(path, TYPES)
    with pytest.raises(StorageError, match="in use by another process"):
        Wal.open(path, TYPES)
    wal.replace([Mark()])
    wal.commit(wal.take())
    with pytest.raises(StorageError, match="in use by another process"):
        Wal.open(path, TYPES)
    wal.close()


def test_undeclared_records_are_refused(tmp_path):
    """A record that recovery could not read is refused when it is written."""

    class Forgotten(Message, frozen=True):
        """Not declared."""

    wal, _ = Wal.open(tmp_path / "wal", TYPES)
    with pytest.raises(UsageError, match="Forgotten is not declared"):
        wal.append(Forgotten())
    wal.close()


def test_changed_record_types_are_said(tmp_path):
    """An intact batch of other types is no torn write: it is named and kept."""
    path = tmp_path / "wal"
    batches(path, [Put("a", 1)])
    with pytest.raises(StorageError, match=f"byte {len(MAGIC)}: the batch is intact but unreadable"):
        Wal.open(path, (Mark,))


def test_an_error_of_the_disk_is_final(tmp_path, monkeypatch):
    """A failed sync raises StorageError and closes the log: a second sync could succeed and lie."""
    wal, _ = Wal.open(tmp_path / "wal", TYPES)

    def full(_fd):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fdatasync", full)
    wal.append(Mark())
    batch = wal.take()
    with pytest.raises(StorageError, match="wal: No space left on device"):
        wal.commit(batch)
    with pytest.raises(AssertionError, match="closed log"):
        wal.commit(batch)


def test_a_missing_directory_is_said(tmp_path):
    """An operating error names the file."""
    with pytest.raises(StorageError, match="gone/wal: No such file or directory"):
        Wal.open(tmp_path / "gone" / "wal", TYPES)


def test_nothing_to_commit(tmp_path):
    """Without records there is no batch and no sync."""
    wal, _ = Wal.open(tmp_path / "wal", TYPES)
    assert wal.take() is None
    wal.replace([])
    wal.commit(wal.take())
    wal.close()
    assert reopen(tmp_path / "wal") == []
