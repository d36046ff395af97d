"""The page about guards: its pieces are one program that runs, and its table has no stale versions."""

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def test_the_program_of_the_page_runs(capsys):
    """All pieces together: the assertions in them hold, and it prints what the page says."""
    page = (DOCS / "how-to" / "guard-calls.md").read_text(encoding="utf-8")
    pieces = re.findall(r'```python title="guards\.py, (\d+)"\n(.*?)```', page, re.DOTALL)
    assert [int(number) for number, _ in pieces] == list(range(1, len(pieces) + 1))
    exec(compile("".join(code for _, code in pieces), "guards.py", "exec"), {"__name__": "__main__"})
    printed = capsys.readouterr().out.strip()
    assert f"It prints `{printed}`" in page


def test_the_store_on_redis_keeps_the_bound(tmp_path):
    """Three processes, one Redis: the assertion of the page holds, and it prints what the page says.

    A program of its own, as for its reader: the clients of hosts that were killed are garbage of another process then.
    """
    page = (DOCS / "how-to" / "guard-calls.md").read_text(encoding="utf-8")
    (code,) = re.findall(r'```python title="shared\.py"\n(.*?)```', page, re.DOTALL)
    (tmp_path / "shared.py").write_text(code, encoding="utf-8")
    done = subprocess.run([sys.executable, "shared.py"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert f"It prints `{done.stdout.strip()}`" in page


@pytest.mark.parametrize("package", ["tenacity", "stamina", "pybreaker", "circuitbreaker", "purgatory", "limits", "aiolimiter"])
def test_the_table_names_the_versions_that_were_measured(package):
    """Where a peer is installed, the page speaks of that version."""
    try:
        installed = version(package)
    except PackageNotFoundError:
        pytest.skip(f"{package} is not installed: pip install 'windtunnel[bench]'")
    page = (DOCS / "explanation" / "resilience.md").read_text(encoding="utf-8")
    assert f"{package} {installed}" in page
