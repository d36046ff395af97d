import pytest

from windtunnel.base.errors import StorageError
from windtunnel.base.messages import Message
from windtunnel.live.disks import FaultyWal, corrupt, mend


class Note(Message, frozen=True):
    """A record of the tests."""

    text: str


def write(path, *texts):
    """Append one batch per text."""
    wal, _ = FaultyWal.open(path, (Note,))
    for text in texts:
        wal.append(Note(text))
        wal.commit(wal.take())
    wal.close()


def read(path):
    """What a boot finds."""
    wal, records = FaultyWal.open(path, (Note,))
    wal.close()
    return [record.text for record in records]


def test_a_full_disk_refuses_and_recovers(tmp_path):
    """While `full` a commit raises; what was durable before stays."""
    path = tmp_path / "wal"
    wal, _ = FaultyWal.open(path, (Note,))
    wal.full = True
    wal.append(Note("a"))
    with pytest.raises(StorageError, match="wal: no space left on device"):
        wal.commit(wal.take())
    wal.close()
    assert read(path) == []


def test_a_scar_prevents_the_boot_until_it_is_mended(tmp_path):
    """A corrupt log is refused, and whole again after mending."""
    path = tmp_path / "wal"
    write(path, "a", "b", "c")
    scar = corrupt(path)
    with pytest.raises(StorageError, match="damaged batch"):
        read(path)
    mend(scar)
    assert read(path) == ["a", "b", "c"]


def test_a_checkpoint_heals(tmp_path):
    """A scar of a file that was replaced is gone with it: mending must not damage the new log."""
    path = tmp_path / "wal"
    wal, _ = FaultyWal.open(path, (Note,))
    for text in ("a", "b"):
        wal.append(Note(text))
        wal.commit(wal.take())
    scar = corrupt(path)
    wal.replace([Note("snapshot")])
    wal.commit(wal.take())
    wal.close()
    mend(scar)
    assert read(path) == ["snapshot"]


def test_what_could_not_be_told_from_a_tear_is_not_damaged(tmp_path):
    """A log of fewer than two batches, or none, gets no scar."""
    path = tmp_path / "wal"
    assert corrupt(path) is None
    write(path)
    assert corrupt(path) is None
    write(path, "only one")
    assert corrupt(path) is None
    assert read(path) == ["only one"]


def test_mending_a_log_that_is_gone_is_no_error(tmp_path):
    """A directory may have been cleaned meanwhile."""
    path = tmp_path / "wal"
    write(path, "a", "b")
    scar = corrupt(path)
    path.unlink()
    mend(scar)
