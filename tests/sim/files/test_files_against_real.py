"""The same operations on a simulated and on a real directory give the same results and the same errors."""

import errno
import fcntl
import io
import os
import shutil
import stat

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

NAMES = [
    "a",
    "b",
    "d",
    "d/a",
    "d/b",
    "d/e",
    "d/e/a",
    "l",
    "m",
    "d/l",
    "a/x",
    "d/../a",
    "d/",
    "a/",
    "l/",
    "l/a",
    "d/.",
    "./b",
    ".",
    "",
]
TARGETS = ["a", "b", "d", "../a", "d/a", "missing", "l", "..", "d/"]
MODES = ["rb", "wb", "ab", "xb", "r+b", "w+b", "a+b"]
FLAGS = [
    os.O_RDONLY,
    os.O_WRONLY,
    os.O_RDWR | os.O_CREAT,
    os.O_RDWR | os.O_APPEND,
    os.O_CREAT | os.O_EXCL | os.O_WRONLY,
    os.O_RDWR | os.O_TRUNC,
    os.O_RDONLY | os.O_DIRECTORY,
    os.O_RDONLY | os.O_NOFOLLOW,
    os.O_RDWR | os.O_SYNC,
]

path = st.sampled_from(NAMES)
chunk = st.binary(max_size=12)
offset = st.integers(-1, 20)
slot = st.integers(0, 3)

OPERATIONS = st.one_of(
    st.tuples(st.just("write"), path, st.sampled_from(MODES), chunk),
    st.tuples(st.just("read"), path),
    st.tuples(st.just("open"), path, st.sampled_from(FLAGS), slot),
    st.tuples(st.just("close"), slot),
    st.tuples(st.just("os.write"), slot, chunk),
    st.tuples(st.just("os.read"), slot, offset),
    st.tuples(st.just("pwrite"), slot, chunk, offset),
    st.tuples(st.just("pread"), slot, st.integers(0, 20), offset),
    st.tuples(st.just("lseek"), slot, offset, st.sampled_from([0, 1, 2, 3, 4])),
    st.tuples(st.just("ftruncate"), slot, offset),
    st.tuples(st.just("fsync"), slot),
    st.tuples(st.just("fstat"), slot),
    st.tuples(st.just("dup"), slot, slot),
    st.tuples(st.just("flock"), slot, st.sampled_from([fcntl.LOCK_EX, fcntl.LOCK_SH, fcntl.LOCK_UN])),
    st.tuples(st.just("truncate"), path, offset),
    st.tuples(st.just("rename"), path, path),
    st.tuples(st.just("link"), path, path),
    st.tuples(st.just("symlink"), st.sampled_from(TARGETS), path),
    st.tuples(st.just("unlink"), path),
    st.tuples(st.just("mkdir"), path),
    st.tuples(st.just("rmdir"), path),
    st.tuples(st.just("makedirs"), path),
    st.tuples(st.just("listdir"), path),
    st.tuples(st.just("walk"), path),
    st.tuples(st.just("stat"), path),
    st.tuples(st.just("lstat"), path),
    st.tuples(st.just("readlink"), path),
    st.tuples(st.just("chmod"), path, st.sampled_from([0o600, 0o644, 0o755])),
    st.tuples(st.just("utime"), path, st.integers(0, 10**9)),
    st.tuples(st.just("exists"), path),
    st.tuples(st.just("realpath"), path),
    st.tuples(st.just("chdir"), path),
    st.tuples(st.just("copy"), path, path),
    st.tuples(st.just("rmtree"), path),
)


def seen(status):
    """What two file systems must agree on."""
    kind = stat.S_IFMT(status.st_mode)
    if stat.S_ISDIR(status.st_mode):
        return kind
    mode = None if stat.S_ISLNK(status.st_mode) else status.st_mode
    return kind, mode, status.st_size, status.st_nlink


class Machine:
    """Does operations in a directory, by plain calls; `results` lets two of them be compared."""

    def __init__(self, root):
        self.root = root
        self.slots = {}

    def result(self, operation):
        name, *args = operation
        try:
            return getattr(self, "do_" + name.replace(".", "_"))(*args)
        except OSError as error:
            return errno.errorcode.get(error.errno, type(error).__name__)
        except (io.UnsupportedOperation, shutil.SameFileError, OverflowError) as error:
            return type(error).__name__
        except shutil.Error:
            return "shutil.Error"

    def at(self, name):
        return f"{self.root}/{name}" if name else ""

    def fd(self, slot):
        if slot not in self.slots:
            raise OSError(errno.EBADF, "none")
        return self.slots[slot]

    def finish(self):
        for slot in list(self.slots):
            self.do_close(slot)

    def do_write(self, name, mode, data):
        with open(self.at(name), mode) as file:
            return file.write(data), file.tell()

    def do_read(self, name):
        with open(self.at(name), "rb") as file:
            return file.read()

    def do_open(self, name, flags, slot):
        fd = os.open(self.at(name), flags, 0o644)
        if slot in self.slots:
            os.close(self.slots[slot])
        self.slots[slot] = fd

    def do_close(self, slot):
        os.close(self.fd(slot))
        del self.slots[slot]

    def do_os_write(self, slot, data):
        return os.write(self.fd(slot), data)

    def do_os_read(self, slot, count):
        return os.read(self.fd(slot), count)

    def do_pwrite(self, slot, data, at):
        return os.pwrite(self.fd(slot), data, at)

    def do_pread(self, slot, count, at):
        return os.pread(self.fd(slot), count, at)

    def do_lseek(self, slot, to, how):
        if stat.S_ISDIR(os.fstat(self.fd(slot)).st_mode):
            return None  # differs between real file systems
        return os.lseek(self.fd(slot), to, how)

    def do_ftruncate(self, slot, size):
        os.ftruncate(self.fd(slot), size)

    def do_fsync(self, slot):
        os.fsync(self.fd(slot))

    def do_fstat(self, slot):
        return seen(os.fstat(self.fd(slot)))

    def do_dup(self, slot, other):
        fd = os.dup(self.fd(slot))
        if other in self.slots:
            os.close(self.slots[other])
        self.slots[other] = fd

    def do_flock(self, slot, kind):
        fcntl.flock(self.fd(slot), kind | fcntl.LOCK_NB)

    def do_truncate(self, name, size):
        os.truncate(self.at(name), size)

    def do_rename(self, src, dst):
        os.rename(self.at(src), self.at(dst))

    def do_link(self, src, dst):
        os.link(self.at(src), self.at(dst))

    def do_symlink(self, target, dst):
        os.symlink(target, self.at(dst))

    def do_unlink(self, name):
        os.unlink(self.at(name))

    def do_mkdir(self, name):
        os.mkdir(self.at(name))

    def do_rmdir(self, name):
        if name.rstrip("/") not in {"", ".", "d/."} or name == "":
            os.rmdir(self.at(name))

    def do_makedirs(self, name):
        os.makedirs(self.at(name))

    def do_listdir(self, name):
        return sorted(os.listdir(self.at(name)))

    def do_walk(self, name):
        return sorted((top[len(self.root) :], sorted(ds), sorted(fs)) for top, ds, fs in os.walk(self.at(name)))

    def do_stat(self, name):
        return seen(os.stat(self.at(name)))

    def do_lstat(self, name):
        return seen(os.lstat(self.at(name)))

    def do_readlink(self, name):
        return os.readlink(self.at(name))

    def do_chmod(self, name, mode):
        os.chmod(self.at(name), mode)

    def do_utime(self, name, ns):
        os.utime(self.at(name), ns=(ns, ns))
        return os.stat(self.at(name)).st_mtime_ns

    def do_exists(self, name):
        at = self.at(name)
        return os.path.exists(at), os.path.lexists(at), os.path.isdir(at), os.path.islink(at), os.access(at, os.F_OK)

    def do_realpath(self, name):
        return os.path.realpath(self.at(name)).removeprefix(self.root) if name else None

    def do_chdir(self, name):
        os.chdir(self.at(name))
        try:
            os.stat("a")
            found = True
        except FileNotFoundError:
            found = False
        return os.getcwd().removeprefix(self.root), found

    def do_copy(self, src, dst):
        if not src or f"{self.root}/copy".startswith(os.path.realpath(self.at(src)) + "/"):
            return None  # into itself: depends on the order of names
        if os.path.isdir(self.at(src)):
            shutil.copytree(self.at(src), self.root + "/copy", symlinks=True)
            return self.do_walk("copy")
        shutil.copyfile(self.at(src), self.at(dst))
        return None

    def do_rmtree(self, name):
        if name.startswith("d"):
            shutil.rmtree(self.at(name))


def populated(root):
    """What the lower layer has: on the one side the real thing, on the other a copy."""
    os.makedirs(f"{root}/d/e")
    for name, data in (("a", b"lower a"), ("d/a", b"lower d/a"), ("d/e/a", b"")):
        with open(f"{root}/{name}", "wb") as file:
            file.write(data)
    os.symlink("d/a", f"{root}/l")
    os.symlink("..", f"{root}/d/l")


FOUND = [
    [("symlink", "d/", "a"), ("write", "a", "wb", b"")],
    [("symlink", "d/", "a"), ("read", "a"), ("write", "d", "wb", b""), ("write", "a", "wb", b""), ("read", "a")],
    [("write", "a", "wb", b"x"), ("link", "a", "b"), ("stat", "a"), ("unlink", "b"), ("stat", "a")],
    [("link", "a", "b"), ("stat", "a")],
    [("symlink", "l", "l"), ("stat", "l"), ("lstat", "l"), ("write", "l", "wb", b"")],
    [("unlink", "d/"), ("mkdir", "d/."), ("rename", "a", "."), ("link", ".", "d/"), ("write", "a/", "wb", b"")],
]


@pytest.mark.slow
@pytest.mark.parametrize("lower", [False, True], ids=["own", "over-real"])
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(operations=st.lists(OPERATIONS, max_size=30))
@example(operations=FOUND[0])
@example(operations=FOUND[1])
@example(operations=FOUND[2])
@example(operations=FOUND[3])
@example(operations=FOUND[4])
@example(operations=FOUND[5])
def test_results_are_those_of_a_real_file_system(tmp_path_factory, make_disk, lower, operations):
    """Every operation returns the same value, or fails with the same errno; and the real directory below is not touched."""
    above = tmp_path_factory.mktemp("fs")
    real = Machine(str(above / "real"))
    simulated = Machine(str(above / "simulated"))
    populated(real.root) if lower else os.mkdir(real.root)
    if lower:
        populated(simulated.root)
    before = sorted(os.walk(above))
    cwd = os.getcwd()
    disk = make_disk()
    if not lower:
        disk.on(lambda: os.mkdir(simulated.root))
    try:
        expected = [real.result(operation) for operation in operations]
        actual = [disk.on(simulated.result, operation) for operation in operations]
        real.finish()
        disk.on(simulated.finish)
    finally:
        os.chdir(cwd)
        shutil.rmtree(real.root)
    differing = [(o, e, a) for o, e, a in zip(operations, expected, actual, strict=True) if e != a]
    assert not differing, f"first of them: operation, real, simulated: {differing[0]}"
    if lower:
        below = [row for row in before if not row[0].startswith(real.root) and row[0] != str(above)]
        assert sorted(os.walk(simulated.root)) == below
        with open(f"{simulated.root}/a", "rb") as file:
            assert file.read() == b"lower a"
    else:
        assert not os.path.exists(simulated.root)
    shutil.rmtree(above)
