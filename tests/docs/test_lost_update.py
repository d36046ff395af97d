"""The tutorial of the lost update does what it says."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "lost_update"
PAGE = ROOT / "docs" / "tutorials" / "lost-update.md"


@pytest.fixture
def run(tmp_path):
    """Runs pytest on the example with one of its wallets: (exit code, output)."""

    def run(*arguments, wallet="wallet.py"):
        for file in EXAMPLE.glob("*.*"):
            shutil.copy(file, tmp_path)
        shutil.copy(EXAMPLE / wallet, tmp_path / "wallet.py")
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:asyncio",
            "-p",
            "no:anyio",
            *arguments,
        ]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=110, check=False)
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.mark.slow
def test_ordinary_tests_do_not_find_it(run):
    """The ordinary test passes, and so do seeds without faults."""
    code, output = run("test_ordinary.py", "test_wallet.py", "--windtunnel-seeds", "20")
    assert code == 0, output


@pytest.mark.slow
def test_a_partition_loses_a_deposit(run):
    """With partitions a seed is found in which an acknowledged deposit is missing; a partition opened the door."""
    code, output = run("test_wallet.py", "--windtunnel-faults", "partition", "--windtunnel-seeds", "100")
    assert code == 1, output
    acknowledged, stored = map(int, re.search(r"assert (\d+) <= (\d+)$", output, re.MULTILINE).groups())
    assert acknowledged > stored
    assert "partition" in re.search(r"opened the door.*?\n +(.*)", output)[1]


@pytest.mark.campaign
def test_the_fix_holds_where_it_broke(run):
    """The seeds around it pass with the step made in one place, and with redis-py told not to repeat it."""
    for wallet in ("wallet_atomic.py", "wallet_fixed.py"):
        code, output = run("test_wallet.py", "--windtunnel-faults", "partition", "--windtunnel-seeds", "5..15", wallet=wallet)
        assert code == 0, output


def test_the_code_of_the_page_is_that_of_the_example():
    """Every Python block of the tutorial stands in one of the example's files, word for word."""
    files = [path.read_text(encoding="utf-8") for path in EXAMPLE.glob("*.py")]
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        assert any(block in text for text in files), block
