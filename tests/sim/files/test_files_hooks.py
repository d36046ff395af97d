"""Hooks are in place only within `installed()`, act only on hosts, and reach copies that were made before."""

import builtins
import contextlib
import fcntl
import glob
import importlib
import io
import mmap
import os
import pathlib
import sys
import tempfile
from os import fsync as early_fsync
from os import unlink as early_unlink
from types import SimpleNamespace

import pytest

from windtunnel.sim.files import current_files, installed
from windtunnel.sim.files import hooks as hooks_module
from windtunnel.sim.life import LIFE, Life

early_open = open


class Early:
    """Holds originals in all the ways that the scan looks into."""

    plain = io.open
    static = staticmethod(os.stat)

    def __init__(self, path):
        self.path = path

    def by_default(self, path, exists=os.lstat):
        return exists(path)

    def by_keyword(self, path, *, read=os.listdir):
        return read(path)


def snapshot():
    """Everything that is patched."""
    return {
        "builtins.open": builtins.open,
        **{f"io.{name}": getattr(io, name) for name in ("open", "FileIO", "open_code")},
        **{f"os.{name}": value for name, value in vars(os).items() if callable(value)},
        **{f"fcntl.{name}": getattr(fcntl, name) for name in ("flock", "lockf", "fcntl", "ioctl")},
        "mmap": mmap.mmap,
        "dir_fd": frozenset(os.supports_dir_fd),
        "early": (early_open, early_fsync, Early.plain, vars(Early)["static"].__func__, Early.by_default.__defaults__),
    }


def test_everything_is_restored_after_the_last_exit(disk):
    """Contexts nest; inner exits change nothing, the last puts every original back, also after an exception."""
    before = snapshot()
    with contextlib.suppress(ZeroDivisionError), installed():
        inside = snapshot()
        assert inside["builtins.open"] is not before["builtins.open"]
        with installed():
            pass
        assert snapshot() == inside
        _ = 1 // 0
    assert snapshot() == before


def test_outside_of_a_host_everything_is_real(tmp_path):
    """Within `installed()`, code without a host, or on a host that keeps the real disk, works on the real files."""
    path = tmp_path / "f"
    with installed():
        path.write_text("real")
        with io.FileIO(path) as file:
            assert isinstance(file, io.FileIO)
            assert type(file).__name__ == "FileIO"
        fd = os.open(path, os.O_RDONLY)
        assert fd < 1 << 20
        os.close(fd)
        LIFE.set(None)
        token = LIFE.set(Life(None, SimpleNamespace(files=None)))
        assert current_files() is None
        assert path.read_text() == "real"
        (tmp_path / "g").write_text("x")
        LIFE.reset(token)
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fsync(1 << 20)
    assert path.read_text() == "real"
    assert (tmp_path / "g").exists()


def test_copies_made_before_are_found(disk):
    """Module globals, class attributes, static methods and defaults that hold originals reach the host's files too."""

    def program():
        with early_open("/early", "w") as file:
            file.write("x")
            early_fsync(file.fileno())
        assert Early("x").plain("/early").read() == "x"
        assert Early.static("/early").st_size == 1
        assert Early("x").by_default("/early").st_size == 1
        assert "early" in Early("x").by_keyword("/")
        early_unlink("/early")
        assert disk.files.syncs == 1

    disk.on(program)
    assert not os.path.exists("/early")


def test_modules_that_are_loaded_later_are_looked_through(disk, tmp_path, monkeypatch):
    """A module imported between two runs, with copies of originals, is found at the next entering."""
    with installed():
        pass
    (tmp_path / "late_module_of_test.py").write_text("from os import mkdir\nfrom builtins import open as early\n")
    monkeypatch.syspath_prepend(tmp_path)
    late = importlib.import_module("late_module_of_test")
    disk.on(lambda: late.mkdir("/late"))
    disk.on(lambda: late.early("/late/f", "w").close())
    assert not os.path.exists("/late")
    assert "/late/f" in disk.files.tree()


def test_importing_works_on_a_host(disk, tmp_path, monkeypatch):
    """The import system reads real modules while the hooks are in place, and what it imports has no effect outside."""
    (tmp_path / "imported_on_host.py").write_text("from os import mkdir\nVALUE = open(__file__).read()\n")
    monkeypatch.syspath_prepend(tmp_path)
    module = disk.on(lambda: importlib.import_module("imported_on_host"))
    assert "VALUE" in module.VALUE
    module.mkdir(tmp_path / "made")
    assert (tmp_path / "made").is_dir()


def test_each_host_has_its_own_files(make_disk):
    """Two hosts, one path, two contents, two working directories; neither sees the other's."""
    one, two = make_disk(1), make_disk(2)

    def write(text):
        os.makedirs("/d/" + text)
        os.chdir("/d")
        pathlib.Path("f").write_text(text)

    one.on(lambda: write("one"))
    two.on(lambda: write("two"))
    assert one.on(lambda: (os.getcwd(), open("f").read(), sorted(os.listdir()))) == ("/d", "one", ["f", "one"])
    assert two.on(lambda: (os.getcwd(), open("/d/f").read(), sorted(os.listdir("/d")))) == ("/d", "two", ["f", "two"])
    assert one.files.read_bytes("/d/f") == b"one"


def test_the_real_file_system_is_read_through(disk, tmp_path):
    """Files from below can be read, changed, renamed and deleted; below nothing happens."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_text("real")
    (tmp_path / "d" / "g").write_text("other")
    (tmp_path / "link").symlink_to("d/f")

    def program():
        os.chdir(tmp_path)
        assert open("link").read() == "real"
        with open("d/f", "a") as file:
            file.write(" and more")
        assert open("link").read() == "real and more"
        os.rename("d", "e")
        assert sorted(os.listdir("e")) == ["f", "g"]
        assert open("e/g").read() == "other"
        assert not os.path.exists("d")
        os.unlink("e/g")
        os.mkdir("d")
        assert os.listdir("d") == []
        os.chmod("e/f", 0o600)
        os.truncate("e/f", 0)

    disk.on(program)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["d", "f", "g", "link"]
    assert (tmp_path / "d" / "f").read_text() == "real"
    assert (tmp_path / "d" / "f").stat().st_mode & 0o777 == 0o644


def test_links_of_real_files_are_counted(disk, tmp_path):
    """A hard link to a file from below shows in its count; a link that leads to itself is ELOOP."""
    (tmp_path / "f").write_text("real")

    def program():
        os.link(tmp_path / "f", tmp_path / "g")
        assert os.stat(tmp_path / "f").st_nlink == os.stat(tmp_path / "g").st_nlink == 2
        os.unlink(tmp_path / "f")
        assert os.stat(tmp_path / "g").st_nlink == 1
        os.symlink("loop", tmp_path / "loop")
        with pytest.raises(OSError, match="symbolic links"):
            os.stat(tmp_path / "loop")

    disk.on(program)
    assert (tmp_path / "f").stat().st_nlink == 1


def test_readers_see_later_writes_over_the_lower_layer(disk, tmp_path):
    """A file that was opened to be read before the host first wrote to it shows the writes."""
    (tmp_path / "f").write_text("real")

    def program():
        with open(tmp_path / "f", "rb", buffering=0) as reader:
            assert reader.read(2) == b"re"
            with open(tmp_path / "f", "r+b") as writer:
                writer.write(b"READ")
            return reader.read()

    assert disk.on(program) == b"AD"


def test_real_descriptors_behind_the_lower_layer_are_closed(disk, tmp_path):
    """Closing, killing and crashing leave no descriptor of the process behind."""
    (tmp_path / "f").write_text("real")

    def count():
        return len(os.listdir("/proc/self/fd"))

    before = count()
    for end in (lambda file: file.close(), lambda file: disk.files.kill(), lambda file: disk.files.crash()):
        file = disk.on(lambda: open(tmp_path / "f"))
        assert file.read() == "real"
        assert count() == before + 1
        end(file)
        assert count() == before
        file.close()
    assert disk.files.read_bytes(str(tmp_path / "f")) == b"real"
    assert count() == before


def test_what_tests_for_support_finds_it(on_disk):
    """`os.open in os.supports_dir_fd` holds for hooks as for originals."""
    assert os.open in os.supports_dir_fd
    assert os.stat in os.supports_follow_symlinks
    assert os.scandir in os.supports_fd
    assert "hook" in repr(os.open)
    assert os.open.__name__ == "open"


def test_the_standard_librarys_own_copies_are_known():
    """The copies that the standard library makes at import are found: tempfile's default, glob's static methods, bz2's open."""
    import bz2

    with installed():
        closer = tempfile._TemporaryFileCloser
        function = closer.close if sys.version_info < (3, 12) else closer.cleanup
        assert os.unlink in function.__defaults__
        assert bz2._builtin_open is open
        if hasattr(glob, "_StringGlobber"):
            assert glob._StringGlobber.scandir is os.scandir


def test_every_hook_replaces_a_function_that_exists():
    """The table has one entry per original: no two names of the system share one by accident."""
    table = hooks_module._table()
    names = [(real.__module__, real.__name__) for real, _ in table.values()]
    assert len(names) > 60
    assert len(set(names)) == len(names)


def test_many_hosts_stay_small(make_disk):
    """A file system that nothing has touched holds a few hundred bytes."""
    import tracemalloc

    make_disk()
    tracemalloc.start()
    disks = [make_disk(i).files for i in range(100)]
    size = tracemalloc.get_traced_memory()[0] / len(disks)
    tracemalloc.stop()
    assert size < 4096
