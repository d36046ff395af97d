"""Submissions that loop, fork, allocate, print, delete and lie: each is told what is wrong, and the machine is unharmed."""

import re

import pytest
from toy_lab import REFERENCE as GOOD

LIBC = "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
SMALL = {"run_s": 3.0, "step_s": 0.3, "memory_bytes": 128 << 20, "file_bytes": 1 << 20}

CASES = {
    "loops at import": ("while True: pass", "this step does not end"),
    "loops in a function": (GOOD + "\ndef add(a, b):\n    while True: pass", "adding.py:.* in add: this step does not end"),
    "loops and swallows": (
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        "this step does not end",
    ),
    "loops where Python cannot look in": ("sum(range(10**15))", "did not end within the 3 s"),
    "forks": ("import os\nwhile True: os.fork()", r"adding.py:2: a host has one process"),
    "forks behind our back": (LIBC + "while True: libc.fork(); libc.syscall(57); libc.vfork()", "does not end"),
    "cannot fork": (LIBC + "libc.fork()\nraise OSError(ctypes.get_errno(), 'fork')", "starts no processes"),
    "runs a program": ("import subprocess\nsubprocess.run(['true'])", "a host has one process|starts no processes"),
    "allocates at once": ("x = bytearray(8 << 30)", "more memory than the 128 MiB"),
    "allocates step by step": ("x = []\nwhile True: x.append(bytearray(1 << 20))", "more memory than the 128 MiB"),
    "prints gigabytes": ("while True: print('x' * 100_000)", "writes more than the 1 MiB"),
    "raises at import": ("raise RuntimeError('not today')", "adding.py:1 in <module>: RuntimeError: not today"),
    "does not compile": ("def add(:", "adding.py:1: SyntaxError"),
    "is no text": (b"\xff\xfe\x00", "is not UTF-8"),
    "exits": ("import sys\nsys.exit(0)", "it ends the process"),
    "leaves": ("import os\nos._exit(0)", "it ends the process"),
    "leaves without a word": (LIBC + "libc._exit(0)", "exited with code 0"),
    "overflows the stack": (
        "import sys\nsys.setrecursionlimit(10**9)\nclass A:\n    def __repr__(self): return repr(self)\nrepr(A())",
        "SIGSEGV|RecursionError|more memory",
    ),
    "never answers": (
        GOOD + "\nasync def serve():\n    await asyncio.Event().wait()",
        "ConnectionRefusedError|refused",
    ),
    "takes a connection and never answers": (
        GOOD + "\nasync def converse(reader, writer):\n    await asyncio.sleep(1e9)",
        "never answers",
    ),
    "opens a socket": ("import _socket\n_socket.socket()", "opens no real sockets"),
    "kills its parent": (LIBC + "libc.kill(libc.getppid(), 9)\nraise OSError(ctypes.get_errno(), 'kill')", "PermissionError"),
    "kills everybody": (LIBC + "libc.kill(-1, 9)\nraise OSError(ctypes.get_errno(), 'kill')", "PermissionError"),
    "aims at another's thread": (
        LIBC + "libc.tgkill(libc.getppid(), libc.getppid(), 9)\nraise OSError(ctypes.get_errno(), '')",
        "Permi",
    ),
    "changes what judges it": (
        "from windtunnel.labs.checking import expect\nexpect.__code__ = (lambda *a, **k: None).__code__\nadd = max",
        "has changed the check that judges it",
    ),
    "opens a thousand files": ("import posix\nx = [posix.open('/dev/null', 0) for _ in range(1000)]", "open"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_submission_fails_with_the_right_message(name, graded, grader):
    """Within the limits, by the first check; and the grader lives on."""
    text, message = CASES[name]
    report = graded(text, limits=SMALL)
    said = report.message or next(check.message for check in report.checks if check.verdict != "passed")
    assert report.verdict == "failed", said
    assert re.search(message, said), said
    assert grader.alive


def test_files_outside_of_the_scratch_folder_cannot_be_deleted_or_changed(graded, tmp_path):
    """Neither by the calls that the simulator knows, nor behind its back."""
    victim = tmp_path / "thesis.txt"
    victim.write_text("years of work", encoding="utf-8")
    before = victim.stat()
    report = graded(
        f"""
        import ctypes, os, posix, shutil
        from pathlib import Path
        shutil.rmtree({str(tmp_path)!r}, ignore_errors=True)
        libc = ctypes.CDLL(None)
        path = {str(victim)!r}
        tried = []
        for call in (posix.unlink, posix.truncate, posix.chmod, posix.rename):
            arguments = (path,) if call is posix.unlink else (path, path + ".bak") if call is posix.rename else (path, 0)
            try:
                tried.append(call(*arguments))
            except OSError as error:
                tried.append(error.errno)
        tried += [libc.unlink(path.encode()), libc.chmod(path.encode(), 0), libc.system(b"rm -rf " + path.encode())]
        raise RuntimeError(repr(tried))
        """,
        limits=SMALL,
    )
    assert victim.read_text(encoding="utf-8") == "years of work"
    assert (victim.stat().st_mode, victim.stat().st_mtime_ns) == (before.st_mode, before.st_mtime_ns)
    assert "[13, 13, 1, 13, -1, -1, " in report.checks[0].message


def test_nothing_reaches_the_network(graded):
    """Neither a connection to this machine nor one to another."""
    report = graded(
        """
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        made = [libc.socket(family, kind, 0) for family in (1, 2, 10) for kind in (1, 2)]
        raise RuntimeError(f"{made} {ctypes.get_errno()}")
        """,
        limits=SMALL,
    )
    assert "[-1, -1, -1, -1, -1, -1] 1" in report.checks[0].message


def test_a_report_that_the_submission_writes_itself_is_not_believed(graded):
    """It writes a good verdict into every descriptor that it finds, and leaves."""
    report = graded(
        """
        import posix
        good = b'{"event": "check", "name": "adds", "verdict": "passed", "stage": ""}\\n{"event": "done"}\\n'
        for fd in range(3, 64):
            try:
                posix.write(fd, good)
            except OSError:
                pass
        print(good.decode())
        posix._exit(0)
        """,
        limits=SMALL,
    )
    assert report.verdict == "failed"
    assert [check.verdict for check in report.checks] == ["failed", "failed"]


def test_nothing_of_a_submission_stays(graded, grader):
    """Module state, files and processes of one run are not there in the next."""
    text = GOOD + "\nimport sys\nassert not hasattr(sys, 'left'), 'somebody was here'\nsys.left = 1\n"
    assert graded(text).verdict == graded(text).verdict == "passed"
    assert list(grader._scratch.iterdir()) == []


def test_checks_that_take_too_long_together_are_stopped(toy):
    """The whole session is killed when the time is up, and the report names the check."""
    from windtunnel.labs.grading import Grader, judge

    files = {"adding.py": GOOD.encode() + b"\ndef add(a, b): return sum(range(10**15))\n"}
    with Grader() as grader:
        report = judge(toy, files, grader=grader, time_s=1.0)
        assert not grader.alive
    assert report.verdict == "failed"
    assert "took longer than 1 s and were stopped, at 'adds'" in report.message


def test_links_in_the_folder_are_not_followed(tmp_path):
    """What is graded is what lies in the folder, and not what it points at."""
    from windtunnel.labs.submission import handed_in

    (tmp_path / "adding.py").write_text("x = 1", encoding="utf-8")
    (tmp_path / "passwd").symlink_to("/etc/passwd")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert handed_in(tmp_path) == {"adding.py": b"x = 1"}
