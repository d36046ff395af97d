"""File code as people write it, unmodified: pathlib, tempfile, shutil, archives, logs, locks, worker threads."""

import csv
import errno
import fcntl
import glob
import gzip
import io
import json
import logging
import logging.handlers
import mmap
import os
import pathlib
import pickle
import shutil
import stat
import tarfile
import tempfile
import zipfile
from tempfile import NamedTemporaryFile

import pytest

from windtunnel.base.errors import Escaped


@pytest.fixture(autouse=True)
def nothing_real(disk, tmp_path, monkeypatch):
    """After each test the real directory in which it worked is as empty as before."""
    monkeypatch.chdir(tmp_path)
    with disk.here():
        os.mkdir("/desk")
        os.chdir("/desk")
        yield
    assert list(tmp_path.iterdir()) == []
    assert not os.path.exists("/desk")


def test_text_and_binary_modes():
    """Newlines, encodings, appending, exclusive creation, reading lines: as `open` does them."""
    with open("f", "w", encoding="latin-1", newline="\r\n") as file:
        assert file.mode == "w"
        assert file.name == "f"
        file.write("ä\nb\n")
    assert pathlib.Path("f").read_bytes() == b"\xe4\r\nb\r\n"
    with open("f", encoding="latin-1") as file:
        assert list(file) == ["ä\n", "b\n"]
    with open("f", "a+b") as file:
        assert file.tell() == 6
        file.write(b"end")
        file.seek(0)
        assert file.read() == b"\xe4\r\nb\r\nend"
    with pytest.raises(FileExistsError):
        open("f", "x")
    with open("f", "r+b", buffering=0) as file:
        assert file.raw if hasattr(file, "raw") else isinstance(file, io.FileIO)
        assert file.readall()[:1] == b"\xe4"
        file.truncate(1)
    with open("lines", "w", buffering=1) as file:
        file.write("now\n")
        assert open("lines").read() == "now\n"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("f", "rw"), ValueError),
        (("f", "q"), ValueError),
        (("f", "rbt"), ValueError),
        (("f", "b"), ValueError),
        (("f", "rb", -1, "utf-8"), ValueError),
        (("f", "r", 0), ValueError),
        (("f\0",), ValueError),
        ((1.5,), TypeError),
        (("f", 7), TypeError),
        (("missing",), FileNotFoundError),
        (("/desk",), IsADirectoryError),
        (("/desk", "w"), IsADirectoryError),
        ((1 << 21,), OSError),
    ],
)
def test_wrong_arguments_fail_as_they_do_in_reality(arguments, error):
    """The same type, and for errors of the system the errno and the file name."""
    open("f", "w").close()
    with pytest.raises(error) as caught:
        open(*arguments)
    if issubclass(error, OSError):
        assert caught.value.errno in {errno.ENOENT, errno.EISDIR, errno.EBADF}
        assert caught.value.filename == (arguments[0] if isinstance(arguments[0], str) else None)


def test_modes_of_files_are_enforced():
    """Reading what is open for writing, and the other way round, is unsupported; a closed file says so."""
    with open("f", "wb", buffering=0) as file:
        with pytest.raises(io.UnsupportedOperation):
            file.read()
        assert file.writable()
        assert not file.readable()
        assert not file.isatty()
    with open("f", "rb", buffering=0) as file, pytest.raises(io.UnsupportedOperation):
        file.write(b"")
    for call in (file.read, file.fileno, file.tell, lambda: file.seek(0)):
        with pytest.raises(ValueError, match="closed"):
            call()
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(file)
    assert "SimFile" in repr(file)


def test_a_forgotten_file_warns():
    """A file object that is collected while open warns, as the real one does."""
    with pytest.warns(ResourceWarning, match="unclosed"):
        open("f", "wb", buffering=0)
    with pytest.warns(ResourceWarning, match="unclosed"):
        open("f", "w")


def test_pathlib(tmp_path):
    """What Path offers for files and directories."""
    path = pathlib.Path("d/e")
    path.mkdir(parents=True)
    file = path / "f.txt"
    assert file.write_text("hello") == 5
    assert file.read_text() == "hello"
    assert file.exists()
    assert file.is_file()
    assert file.stat().st_size == 5
    assert path.is_dir()
    assert file.resolve() == pathlib.Path("/desk/d/e/f.txt")
    assert pathlib.Path.cwd() == pathlib.Path("/desk")
    (path / "link").symlink_to("f.txt")
    assert (path / "link").read_bytes() == b"hello"
    assert (path / "link").readlink() == pathlib.Path("f.txt")
    (path / "hard").hardlink_to(file)
    assert file.samefile(path / "hard")
    assert sorted(p.name for p in path.iterdir()) == ["f.txt", "hard", "link"]
    assert sorted(map(str, pathlib.Path().rglob("*.txt"))) == ["d/e/f.txt"]
    assert sorted(map(str, pathlib.Path("d").glob("*/h*"))) == ["d/e/hard"]
    renamed = file.rename(path / "g.txt")
    renamed.chmod(0o600)
    assert stat.S_IMODE(renamed.stat().st_mode) == 0o600
    renamed.touch()
    renamed.unlink()
    with pytest.raises(FileNotFoundError):
        renamed.unlink()
    renamed.unlink(missing_ok=True)
    with pytest.raises(OSError, match="not empty"):
        path.rmdir()
    assert not (tmp_path / "d").exists()


def test_tempfile():
    """Temporary files and directories come and go."""
    with tempfile.TemporaryFile() as file:
        file.write(b"x")
        file.seek(0)
        assert file.read() == b"x"
    with NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("x")
        file.flush()
        assert open(file.name).read() == "x"
    assert not os.path.exists(file.name)
    with tempfile.TemporaryDirectory() as name:
        pathlib.Path(name, "d").mkdir()
        pathlib.Path(name, "d", "f").write_text("x")
    assert not os.path.exists(name)
    with tempfile.SpooledTemporaryFile(max_size=1) as file:
        file.write(b"more than one")
        file.seek(0)
        assert file.read() == b"more than one"
    fd, name = tempfile.mkstemp()
    os.close(fd)
    os.remove(name)
    assert os.listdir(tempfile.mkdtemp()) == []


def test_shutil():
    """Copies by whatever fast path, moves, removes whole trees, makes archives."""
    os.makedirs("tree/sub")
    with open("tree/f", "wb") as file:
        file.write(bytes(range(256)) * 1000)
    os.symlink("f", "tree/link")
    shutil.copy2("tree/f", "copy")
    assert open("copy", "rb").read() == open("tree/f", "rb").read()
    shutil.copytree("tree", "tree2", symlinks=True)
    assert os.readlink("tree2/link") == "f"
    shutil.move("tree2", "tree3")
    assert sorted(os.listdir("tree3")) == ["f", "link", "sub"]
    name = shutil.make_archive("archive", "gztar", root_dir="/desk", base_dir="tree3")
    shutil.rmtree("tree3")
    shutil.unpack_archive(name, "/desk/out", filter="data")
    assert os.path.getsize("out/tree3/f") == 256_000
    assert shutil.disk_usage("/desk").free > 0
    assert shutil.which("sh") is not None


def test_copying_from_the_real_file_system():
    """What the host never wrote is read from below: a package's own file, copied."""
    source = pytest.__file__
    shutil.copyfile(source, "copy.py")
    assert pathlib.Path("copy.py").read_text() == pathlib.Path(source).read_text()
    with open(source, "rb") as file:
        assert os.fstat(file.fileno()).st_size == os.path.getsize("copy.py")


def test_archives_and_compression():
    """zip, tar, gzip and bz2 files, some of which took a copy of `open` when they were imported."""
    import bz2

    pathlib.Path("f").write_text("hello" * 100)
    with zipfile.ZipFile("a.zip", "w") as archive:
        archive.write("f")
    assert zipfile.ZipFile("a.zip").read("f") == b"hello" * 100
    with tarfile.open("a.tar", "w") as archive:
        archive.add("f")
    with tarfile.open("a.tar") as archive:
        assert archive.getnames() == ["f"]
    with gzip.open("a.gz", "wt") as file:
        file.write("text")
    assert gzip.open("a.gz", "rt").read() == "text"
    with bz2.open("a.bz2", "wb") as file:
        file.write(b"bytes")
    assert bz2.open("a.bz2").read() == b"bytes"


def test_formats_on_top():
    """json, pickle, csv and glob."""
    with open("a.json", "w") as file:
        json.dump({"a": 1}, file)
    with open("a.json") as file:
        assert json.load(file) == {"a": 1}
    with open("a.pickle", "wb") as file:
        pickle.dump([1, 2], file)
    with open("a.pickle", "rb") as file:
        assert pickle.load(file) == [1, 2]
    with open("a.csv", "w", newline="") as file:
        csv.writer(file).writerow([1, "two"])
    assert open("a.csv").read() == "1,two\n"
    assert sorted(glob.glob("a.*")) == ["a.csv", "a.json", "a.pickle"]
    assert glob.glob("/desk/**/a.csv", recursive=True) == ["/desk/a.csv"]


def test_logging_to_files():
    """A rotating file handler renames and reopens."""
    handler = logging.handlers.RotatingFileHandler("app.log", maxBytes=50, backupCount=2)
    logger = logging.Logger("test")  # noqa: LOG001 - one that nobody else has
    logger.addHandler(handler)
    for i in range(10):
        logger.warning("message number %d", i)
    handler.close()
    assert sorted(os.listdir()) == ["app.log", "app.log.1", "app.log.2"]


def test_descriptors():
    """The calls on numbers, from opening to duplicates; a number of another kind is refused by the system."""
    fd = os.open("f", os.O_RDWR | os.O_CREAT, 0o600)
    assert fd >= 1 << 20
    assert os.write(fd, b"hello") == 5
    assert os.pwrite(fd, b"J", 0) == 1
    assert os.pread(fd, 10, 1) == b"ello"
    assert os.lseek(fd, 0, os.SEEK_SET) == 0
    other = os.dup(fd)
    assert os.read(other, 2) == b"Je"
    assert os.read(fd, 10) == b"llo"
    os.writev(fd, [b"a", b"b"])
    buffers = [bytearray(3), bytearray(10)]
    assert os.preadv(fd, buffers, 4) == 3
    assert bytes(buffers[0]) == b"oab"
    os.ftruncate(fd, 2)
    assert os.fstat(fd).st_size == 2
    os.fdatasync(fd)
    with os.fdopen(fd, "rb") as file:
        assert file.read() == b""
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fsync(fd)
    assert fcntl.fcntl(other, fcntl.F_GETFL) & os.O_RDWR
    os.posix_fallocate(other, 0, 100)
    assert os.stat(other).st_size == 100
    os.fchmod(other, 0o644)
    assert not os.isatty(other)
    assert os.get_inheritable(other) is False
    os.close(other)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.read(other, 1)
    with open("f") as file, pytest.raises(OSError, match="Inappropriate"):
        os.ttyname(file.fileno())
    with open("f") as file, pytest.raises(Escaped, match="dup2"):
        os.dup2(file.fileno(), 1)


def test_real_descriptors_stay_real():
    """Pipes are what they are outside."""
    reader, writer = os.pipe()
    os.write(writer, b"x")
    with open(reader, "rb", buffering=0) as file:
        assert file.read(1) == b"x"
    os.close(writer)


def test_directories_by_descriptor():
    """Calls relative to an open directory, as shutil.rmtree and os.fwalk use them."""
    os.makedirs("d/e")
    fd = os.open("d", os.O_RDONLY)
    inner = os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=fd)
    os.close(inner)
    os.mkdir("g", dir_fd=fd)
    os.rename("f", "h", src_dir_fd=fd, dst_dir_fd=fd)
    assert sorted(os.listdir(fd)) == ["e", "g", "h"]
    with os.scandir(fd) as entries:
        assert sorted(entry.name for entry in entries if entry.is_dir()) == ["e", "g"]
    assert stat.S_ISREG(os.stat("h", dir_fd=fd).st_mode)
    os.unlink("h", dir_fd=fd)
    os.fchdir(fd)
    assert os.getcwd() == "/desk/d"
    os.close(fd)
    assert sorted(sorted(names) for _, names, _, _ in os.fwalk("/desk/d")) == [[], [], ["e", "g"]]
    fd = os.open("/desk/f", os.O_CREAT | os.O_RDONLY)
    with pytest.raises(NotADirectoryError):
        os.stat("x", dir_fd=fd)


def test_bytes_paths():
    """Bytes in, bytes out."""
    with open(b"f", "w") as file:
        file.write("x")
    os.symlink(b"f", b"l")
    assert os.readlink(b"l") == b"f"
    assert sorted(os.listdir(b"/desk")) == [b"f", b"l"]
    assert sorted(entry.path for entry in os.scandir(b".")) == [b"./f", b"./l"]
    assert os.getcwdb() == b"/desk"


def test_scandir_entries():
    """What os.walk, shutil and pathlib ask of an entry."""
    os.mkdir("d")
    os.symlink("nowhere", "dangling")
    os.symlink("d", "link")
    entries = {entry.name: entry for entry in os.scandir()}
    assert entries["link"].is_dir()
    assert not entries["link"].is_dir(follow_symlinks=False)
    assert entries["link"].is_symlink()
    assert not entries["dangling"].is_file()
    with pytest.raises(FileNotFoundError):
        entries["dangling"].stat()
    assert entries["d"].inode() == entries["d"].stat().st_ino == os.stat("d").st_ino
    assert os.fspath(entries["d"]) == "./d"
    assert "d" in repr(entries["d"])


def test_mmap_of_a_hosts_own_file_is_refused():
    """Only files that come from below can be mapped, to be read."""
    with open("f", "w+b") as file:
        file.write(b"x")
        file.flush()
        with pytest.raises(Escaped, match="mmap"):
            mmap.mmap(file.fileno(), 0)
    with open(pytest.__file__, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert mapped[:20] == file.read(20)
        assert isinstance(mapped, mmap.mmap)
    with mmap.mmap(-1, 10) as mapped:
        mapped[0] = 1


def test_times_come_from_the_hosts_clock(disk):
    """A file that is written shows the host's own time; utime sets any."""
    open("f", "w").close()
    assert os.stat("f").st_mtime == disk.now
    disk.now += 100.5
    with open("f", "w") as file:
        file.write("x")
    assert os.path.getmtime("f") == disk.now
    os.utime("f", (1, 2))
    assert os.stat("f").st_mtime_ns == 2_000_000_000


def test_the_order_of_names_is_none_and_always_the_same(make_disk):
    """Listing does not sort, so that code which relies on it fails here too; two runs agree."""

    def program():
        os.mkdir("/many")
        for i in range(20):
            open(f"/many/{i:02}", "w").close()
        return os.listdir("/many")

    names = make_disk(1).on(program)
    assert names == make_disk(2).on(program)
    assert names != sorted(names)


def test_umask():
    """The mask of one host."""
    former = os.umask(0o077)
    open("f", "w").close()
    assert stat.S_IMODE(os.stat("f").st_mode) == 0o600
    assert os.umask(former) == 0o077
