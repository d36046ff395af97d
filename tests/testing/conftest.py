"""Small projects that a real pytest runs in a process of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from textwrap import dedent

import pytest

QUIET = ["-p", "no:hypothesispytest", "-W", "ignore::pytest.PytestDeprecationWarning"]


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

    def pytest(self, *args, script=False, timeout_s=90, **env):
        """Run pytest here; `script` by its console script instead of -m."""
        start = [os.path.join(os.path.dirname(sys.executable), "pytest")] if script else [sys.executable, "-m", "pytest"]
        return self.run([*start, *QUIET, *args], timeout_s=timeout_s, **env)

    def run(self, command, *, timeout_s=90, **env):
        """Run any command here."""
        done = subprocess.run(
            command, cwd=self.path, env=self.environment(**env), capture_output=True, text=True, timeout=timeout_s, check=False
        )
        return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)
