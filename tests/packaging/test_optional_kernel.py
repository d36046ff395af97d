"""The compiled kernel is optional: a machine without a working compiler still installs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def build(tmp_path, compiler):
    """Run the project's setup.py on one tiny module, as an installation would."""
    source = tmp_path / "src" / "windtunnel" / "tiny.pyx"
    source.parent.mkdir(parents=True)
    source.write_text("def answer():\n    return 42\n", encoding="utf-8")
    for name in ("setup.py", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    (source.parent / "__init__.py").write_text('__version__ = "0"\n', encoding="utf-8")
    env = {**os.environ, "CC": compiler}
    command = [sys.executable, "-W", "ignore", "setup.py", "build_ext", "--inplace"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(source.parent.glob("tiny*.so")), done.stdout + done.stderr


def test_a_broken_compiler_is_a_warning(tmp_path):
    """The build goes on without the extension, and says so."""
    built, said = build(tmp_path, "/bin/false")
    assert built == []
    assert "failed" in said


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler on this machine")
def test_a_working_compiler_is_used(tmp_path):
    """With a compiler the extension is there: the test above does not pass for want of trying."""
    built, _ = build(tmp_path, "cc")
    assert len(built) == 1
