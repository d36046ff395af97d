"""The simulated disk: what a crash keeps, loses and tears."""

import pytest

from windtunnel.base.errors import StorageError
from windtunnel.base.streams import Stream
from windtunnel.sim.disk import SimDisk


def disk(seed=1):
    return SimDisk(Stream(seed, "disk"))


def sync(d):
    assert d.begin_sync() > 0.0
    d.end_sync()


def test_synced_records_survive_every_crash():
    """A record whose sync ended before the crash is there afterwards, whatever the seed."""
    for seed in range(50):
        d = disk(seed)
        d.append("a")
        sync(d)
        d.append("b")
        d.crash()
        assert d.recover()[:1] == ["a"]


def test_unsynced_records_survive_as_a_prefix_only():
    """Of the unsynced tail any prefix may survive, never a record without the ones before it."""
    seen = set()
    for seed in range(60):
        d = disk(seed)
        for record in "abc":
            d.append(record)
        d.begin_sync()  # still running when the power goes
        lost = d.crash()
        kept = d.recover()
        assert kept == list("abc")[: len(kept)]
        assert lost == 3 - len(kept)
        seen.add(len(kept))
    assert seen == {0, 1, 2, 3}


def test_checkpoint_is_atomic():
    """A crash during a checkpoint finds the old log or the new one, never a mixture."""
    seen = set()
    for seed in range(40):
        d = disk(seed)
        d.append("old")
        sync(d)
        d.replace(["new1", "new2"])
        d.begin_sync()
        d.crash()
        seen.add(tuple(d.recover()))
    assert seen == {("old",), ("new1", "new2")}


def test_finished_checkpoint_stays():
    """Once its sync ended, the new log is the log."""
    d = disk()
    d.append("old")
    sync(d)
    d.replace(["new"])
    sync(d)
    d.append("tail")
    sync(d)
    d.crash()
    assert d.recover() == ["new", "tail"]


def test_records_appended_during_a_sync_are_not_covered_by_it():
    """A sync makes durable what was appended before it began."""
    lost = 0
    for seed in range(30):
        d = disk(seed)
        d.append("a")
        d.begin_sync()
        d.append("b")
        d.end_sync()
        d.crash()
        kept = d.recover()
        assert kept[0] == "a"
        lost += len(kept) == 1
    assert 0 < lost < 30


def test_full_disk_refuses_and_keeps_what_it_has():
    """A full disk raises StorageError at the append; a repair makes room."""
    d = disk()
    d.append("a")
    sync(d)
    d.full = True
    with pytest.raises(StorageError, match="no space left"):
        d.append("b")
    with pytest.raises(StorageError, match="no space left"):
        d.replace([])
    d.repair()
    d.append("b")
    assert len(d) == 2


def test_unreadable_record_refuses_recovery_until_repaired():
    """A bad synced sector is never skipped silently: acknowledged data would be gone."""
    d = disk()
    assert not d.corrupt()  # nothing durable yet
    d.append("a")
    sync(d)
    assert d.corrupt()
    d.crash()
    with pytest.raises(StorageError, match="unreadable"):
        d.recover()
    d.repair()
    assert d.recover() == ["a"]
