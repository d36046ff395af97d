"""Small projects that a real pytest runs in a process of its own."""

import os
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from windtunnel.testing.forks import alone

QUIET = ["-p", "no:hypothesispytest", "-o", "asyncio_default_fixture_loop_scope=function"]


@dataclass
class Ran:
    """What a pytest said: its exit code and its outputs."""

    code: int
    out: str
    err: str


class Project:
    """A directory with test files."""

    def __init__(self, path):
        self.path = path

    def write(self, **files):
        """One file per keyword; `test_a="..."` is test_a.py."""
        for name, text in files.items():
            file = self.path / (name.replace("__", "/") + ("" if "." in name else ".py"))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(dedent(text), encoding="utf-8")
        return self

    def ini(self, text):
        """The pytest.ini."""
        (self.path / "pytest.ini").write_text("[pytest]\n" + dedent(text), encoding="utf-8")
        return self

    def environment(self, **changes):
        """That of a person at a prompt: nothing of the pytest that runs this."""
        env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "WINDTUNNEL", "PYTHONHASHSEED", "COV"))}
        return {**env, "COLUMNS": "140", **changes}

    def pytest(self, *args):
        """Run pytest here, in a fork of this process: what it imports is there already, what it does stays there."""

        def session(words):
            os.chdir(self.path)
            warnings.resetwarnings()
            os.environ.clear()
            os.environ.update(self.environment())
            sys.path.insert(0, "")
            return int(pytest.main(words))

        ended = alone(session, [*QUIET, *map(str, args)], limit_s=90.0)
        assert ended.how == "returned", ended.text + ended.err
        return Ran(ended.value, ended.out, ended.err)

    def fresh(self, *args, script=False, timeout_s=90, **env):
        """Run pytest here in a process of its own; `script` by its console script instead of -m."""
        start = [str(Path(sys.executable).parent / "pytest")] if script else [sys.executable, "-m", "pytest"]
        return self.run([*start, *QUIET, *args], timeout_s=timeout_s, **env)

    def run(self, command, *, timeout_s=90, **env):
        """Run any command here."""
        done = subprocess.run(
            command, cwd=self.path, env=self.environment(**env), capture_output=True, text=True, timeout=timeout_s, check=False
        )
        return Ran(done.returncode, done.stdout, done.stderr)


def processes():
    """(pid, state, parent, session) of every process; what ends meanwhile is left out."""
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                state, parent, _, session = (place / "stat").read_text().rpartition(")")[2].split()[:4]
            except OSError:
                continue
            yield int(place.name), state, int(parent), int(session)


def children_of(parent):
    """Its children, zombies included."""
    return sorted(pid for pid, _, whose, _ in processes() if whose == parent)


def session_of(leader):
    """Who lives in its session."""
    return sorted(pid for pid, state, _, session in processes() if session == leader and state != "Z")
