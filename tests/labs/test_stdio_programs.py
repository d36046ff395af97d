"""Labs over stdin: any language, and programs that fork, delete, listen and shout are held by their walls."""

import json
import os
import re
import textwrap

import pytest

from windtunnel import labs
from windtunnel.labs.grading import judge

SHELL = r"""#!/bin/sh
# A node in the language of the shell: every message costs two processes.
name=none
count=0
life=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
while IFS= read -r line; do
    src=$(printf '%s' "$line" | sed 's/.*"src":"\([^"]*\)".*/\1/')
    id=$(printf '%s' "$line" | sed 's/.*"msg_id":\([0-9]*\).*/\1/')
    case $line in
    *'"init"'*)
        name=$(printf '%s' "$line" | sed 's/.*"node_id":"\([^"]*\)".*/\1/')
        body='"type":"init_ok"' ;;
    *)
        count=$((count + 1))
        body="\"type\":\"generate_ok\",\"id\":\"$name-$life-$count\"" ;;
    esac
    printf '{"src":"%s","dest":"%s","body":{%s,"in_reply_to":%s}}\n' "$name" "$src" "$body" "$id"
done
"""

REFERENCE = labs.solution("unique-ids")["unique_ids.py"]


def with_deed(deed):
    """The reference, doing something else first when it is asked for an id."""
    lines = textwrap.indent(textwrap.dedent(deed), "        ")
    return REFERENCE.replace("        self.count += 1\n", f"{lines}\n        self.count += 1\n")


@pytest.fixture(scope="module")
def lab():
    return labs.find("unique-ids")


@pytest.fixture
def asked(lab, grader):
    """The first check, of a submission by file name."""

    def judged(files, **limits):
        small = {"run_s": 2.0, "memory_bytes": 256 << 20, "file_bytes": 1 << 20, **limits}
        data = {name: text.encode() for name, text in files.items()}
        return judge(lab, data, grader=grader, only="a node answers init and gives an id", limits=small)

    return judged


def test_a_program_in_another_language_passes(asked):
    """A shell script in the file `run`, with processes of its own for each message."""
    report = asked({"unique_ids.py": "", "run": SHELL})
    assert report.verdict == "passed", [check.message for check in report.checks]


def test_a_text_without_a_first_line_is_refused(asked):
    """What cannot be run is said before anything is started."""
    report = asked({"unique_ids.py": "", "run": "echo hello\n"})
    assert "run: expected a Python file, a program, or a first line such as" in report.message


@pytest.mark.parametrize(
    ("deed", "message"),
    [
        ("while True: pass", "did not come to rest within 1 s of a message"),
        ("while True: os.fork()", "started more than 64 processes|did not come to rest|ended by itself|Resource"),
        ("x = [bytearray(1 << 20) for _ in range(2000)]", "MemoryError"),
        ("while True: sys.stderr.write('x' * 100_000)", "after 1 MiB on its stderr, which is all"),
        ("print('I am here')", "wrote a line to stdout that is no message: it is not JSON: 'I am here'"),
        (
            "import socket; socket.create_connection(('127.0.0.1', 22), 1)",
            "PermissionError|Network is unreachable|ConnectionRefused",
        ),
        ("os.kill(os.getppid(), 9)", "PermissionError|ProcessLookupError|SIGKILL"),
        ("os._exit(7)", "ended by itself, with status 7"),
    ],
)
def test_a_hostile_program_is_told_what_is_wrong(deed, message, asked, grader):
    """And the grader lives on."""
    report = asked({"unique_ids.py": with_deed(deed)})
    assert report.verdict == "failed", report.message
    assert re.search(message, report.checks[0].message), report.checks[0].message
    assert grader.alive


def test_nothing_outside_is_touched_and_nothing_stays(asked, tmp_path):
    """Neither a file of somebody's, nor a process that it has orphaned."""
    victim = tmp_path / "thesis.txt"
    victim.write_text("years of work", encoding="utf-8")
    deed = f"""
    import subprocess, time
    if os.fork() == 0:
        os.setsid()
        os.execvp("sleep", ["sleep", "86399"])
    tried = subprocess.run("rm -rf {tmp_path}; chmod 0 {victim}; echo > {victim}", shell=True, capture_output=True, text=True)
    sys.stderr.write(tried.stderr)
    """
    report = asked({"unique_ids.py": with_deed(deed)})
    assert victim.read_text(encoding="utf-8") == "years of work"
    assert report.checks[0].verdict in {"passed", "failed"}
    here = [path for path in os.listdir("/proc") if path.isdigit()]  # noqa: PTH208
    for pid in here:
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:  # noqa: PTH123
                assert b"86399" not in file.read()
        except OSError:
            continue


def test_a_run_is_the_same_for_the_same_seed(lab, grader):
    """A wrong program fails with the same messages, twice."""
    files = {"unique_ids.py": (lab.folder / "start" / "unique_ids.py").read_bytes()}
    one, two = (judge(lab, files, grader=grader, only="no id is given twice by three nodes", html=True) for _ in range(2))
    assert one.checks[0].verdict == "failed"
    assert (one.checks[0].message, one.checks[0].trace) == (two.checks[0].message, two.checks[0].trace)
    assert json.dumps(one.to_json())
