"""The ways in which a disk disappoints: full, read-only, slow, failing, corrupt."""

import contextlib
import errno
import os

import pytest

from windtunnel.base.errors import Escaped
from windtunnel.sim.disk import SYNC_S
from windtunnel.sim.files.descriptors import SIZE_BYTES_MAX


def written(path="/f", data=b"hello", *, sync=True):
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        if sync:
            os.fsync(file.fileno())


def failing(number):
    return pytest.raises(OSError, match=rf"\[Errno {number}\]")


def test_a_full_disk_takes_nothing_new(on_disk):
    """ENOSPC for writes that grow a file and for new names; overwriting, reading and deleting go on."""
    written()
    on_disk.files.disk("full")
    assert os.statvfs("/").f_bavail == 0
    with open("/f", "r+b", buffering=0) as file:
        file.write(b"J")
        file.seek(0, os.SEEK_END)
        with failing(errno.ENOSPC):
            file.write(b"!")
        with failing(errno.ENOSPC):
            file.truncate(100)
        file.truncate(4)
    for call in (lambda: open("/g", "w"), lambda: os.mkdir("/d"), lambda: os.symlink("f", "/l"), lambda: os.link("/f", "/h")):
        with failing(errno.ENOSPC):
            call()
    assert open("/f", "rb").read() == b"Jell"
    os.unlink("/f")
    on_disk.files.disk("ok")
    written("/g")


def test_a_full_disk_keeps_what_the_buffer_could_not_write(on_disk):
    """The error comes at the flush, as it does in reality, and what was written before is there."""
    file = open("/f", "wb")
    file.write(b"one")
    file.flush()
    on_disk.files.full = True
    file.write(b"two")
    with failing(errno.ENOSPC):
        file.flush()
    on_disk.files.full = False
    file.close()
    assert open("/f", "rb").read() == b"onetwo"


def test_a_read_only_disk_can_be_read(on_disk):
    """EROFS for every change, also for opening to write; reading works."""
    written()
    on_disk.files.read_only = True
    changes = [
        lambda: open("/f", "r+b"),
        lambda: open("/f", "wb"),
        lambda: open("/g", "wb"),
        lambda: os.unlink("/f"),
        lambda: os.rename("/f", "/g"),
        lambda: os.chmod("/f", 0o600),
        lambda: os.utime("/f"),
        lambda: os.truncate("/f", 0),
    ]
    for change in changes:
        with failing(errno.EROFS):
            change()
    assert open("/f").read() == "hello"
    assert not os.access("/f", os.W_OK)
    assert os.access("/f", os.R_OK)
    on_disk.files.repair()
    os.unlink("/f")


def test_a_sync_stalls_the_host(on_disk):
    """Each sync takes time from the usual range; on a slow disk as long as was asked for."""
    written()
    assert len(on_disk.stalled) == 1
    assert SYNC_S[0] <= on_disk.stalled[0] <= SYNC_S[1]
    on_disk.files.disk("slow", sync_s=0.25)
    written()
    assert on_disk.stalled[1] == 0.25
    on_disk.files.sync_s = (1.0, 2.0)
    written()
    assert 1.0 <= on_disk.stalled[2] <= 2.0
    os.sync()
    assert len(on_disk.stalled) == 4


def test_a_failed_sync_drops_what_it_should_have_written(on_disk):
    """EIO once; the page cache goes on showing the writes, the next sync succeeds without them, and a crash takes them."""
    written(data=b"old")
    os.sync()
    with open("/f", "r+b", buffering=0) as file:
        file.write(b"new")
        on_disk.files.failing_syncs = 1
        with failing(errno.EIO):
            os.fsync(file.fileno())
        os.fsync(file.fileno())
        assert os.pread(file.fileno(), 9, 0) == b"new"
        file.write(b"er")
        os.fsync(file.fileno())
    on_disk.files.crash()
    assert open("/f", "rb").read() == b"older"


def test_an_unreadable_sector_is_an_io_error(on_disk):
    """EIO where the bad sector is, nothing else; a crash does not mend it, writing it anew does, and so does a repair."""
    written(data=bytes(4096))
    os.sync()
    assert on_disk.files.corrupt() == "/f"
    bad = next(iter(on_disk.files.names.walk("/f").node.bad))

    def unreadable():
        fd = os.open("/f", os.O_RDWR)
        try:
            found = []
            for sector in range(8):
                try:
                    os.pread(fd, 512, 512 * sector)
                except OSError as error:
                    found.append(sector if error.errno == errno.EIO else error)
            return found
        finally:
            os.close(fd)

    assert unreadable() == [bad]
    assert "bad sectors" in on_disk.files.tree()["/f"]
    with failing(errno.EIO), open("/f", "rb") as file:
        file.read()
    on_disk.files.crash()
    assert unreadable() == [bad]
    with open("/f", "r+b") as file:
        file.seek(512 * bad)
        file.write(b"x" * 511)
        file.flush()
        assert unreadable() == [bad]
        file.seek(512 * bad)
        file.write(b"x" * 512)
    assert unreadable() == []
    on_disk.files.corrupt("/f")
    on_disk.files.repair()
    assert unreadable() == []


def test_a_flipped_bit_is_silent(on_disk):
    """One bit of the durable contents differs, and no call says so."""
    written(data=b"\0" * 100)
    os.sync()
    assert on_disk.files.corrupt("/f", how="flip") == "/f"
    data = open("/f", "rb").read()
    assert sum(byte.bit_count() for byte in data) == 1


def test_only_what_is_durable_can_be_corrupted(on_disk):
    """Nothing is damaged on a disk that holds nothing synced, or at a path that the host never wrote."""
    assert on_disk.files.corrupt() is None
    written(sync=False)
    assert on_disk.files.corrupt() is None
    assert on_disk.files.corrupt("/etc/passwd") is None


def test_the_power_can_go_in_the_middle_of_a_function(on_disk):
    """What `on_change` raises comes out of the call, before it has changed anything: every step of a protocol can be the last."""

    class PowerCut(BaseException):
        pass

    written(data=b"old")
    os.sync()

    def replace():
        written("/f.tmp", b"new")
        os.replace("/f.tmp", "/f")
        fd = os.open("/", os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)

    seen, left = [], set()
    for last in range(10):
        calls = iter(range(last, -1, -1))

        def change(operation, path, calls=calls):
            seen.append(operation)
            if next(calls, -1) == 0:
                raise PowerCut

        on_disk.files.on_change = change
        with contextlib.suppress(PowerCut):
            replace()
        on_disk.files.on_change = None
        on_disk.files.crash()
        left.add(open("/f", "rb").read())
        written(data=b"old")
        os.sync()
    assert left == {b"old", b"new"}
    assert seen[-5:] == ["create", "write", "sync", "rename", "sync"]


def test_files_are_kept_in_memory_and_say_so(on_disk):
    """A hole of a terabyte is refused with EFBIG and the reason, not with a dead machine."""
    with open("/f", "wb", buffering=0) as file:
        file.seek(SIZE_BYTES_MAX)
        with failing(errno.EFBIG):
            file.write(b"x")
    with failing(errno.EFBIG):
        os.truncate("/f", 1 << 40)
    assert os.path.getsize("/f") == 0


def test_devices_are_refused_by_name(on_disk):
    """What is neither a file nor /dev/null leads out of the simulation."""
    with open(os.devnull, "wb") as file:
        file.write(b"x")
    with pytest.raises(Escaped, match="/dev/tty"):
        open("/dev/tty")
    with pytest.raises(Escaped, match="mkfifo"):
        os.mkfifo("/pipe")


def test_a_lock_that_would_wait_for_ever_is_reported(on_disk):
    """A blocking flock against another open file of the same host would hang the process: it raises instead."""
    import fcntl

    with open("/lock", "w") as one, open("/lock", "w") as other:
        fcntl.flock(one, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with pytest.raises(Escaped, match="/lock"):
            fcntl.flock(other, fcntl.LOCK_EX)
        fcntl.lockf(other, fcntl.LOCK_EX)
        one.close()
        fcntl.flock(other, fcntl.LOCK_EX)
