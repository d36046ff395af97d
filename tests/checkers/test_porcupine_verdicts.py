import csv
import hashlib
from pathlib import Path

import pytest

from windtunnel.checkers import check
from windtunnel.histories import read_history

DATA = Path(__file__).parent.parent / "data" / "porcupine"
with (DATA / "MANIFEST.tsv").open() as manifest:
    ROWS = list(csv.DictReader(manifest, delimiter="\t"))


def model_of(row):
    return "kv" if row["model"].startswith("kv") else "cas-register"


def test_all_files_are_here_and_unchanged():
    """The manifest names 52 etcd logs and 4 key-value logs, and every copy has its checksum."""
    assert sorted(row["file"].split("/")[0] for row in ROWS) == ["jepsen"] * 52 + ["kv"] * 4
    for row in ROWS:
        assert hashlib.sha256((DATA / row["file"]).read_bytes()).hexdigest() == row["sha256"], row["file"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["file"])
def test_verdict_of_porcupine_is_reproduced(row):
    """The verdict is the one that Porcupine's own tests expect; a bad one comes with operations and words."""
    verdict = check(read_history(DATA / row["file"]), model_of(row), budget_s=30)
    assert verdict.valid is (row["expected"] == "ok")
    if not verdict.valid:
        assert verdict.evidence.stuck in verdict.evidence.operations
        assert 1 <= len(verdict.evidence.operations) <= 17
        assert verdict.evidence.text


def test_bad_keys_of_the_hard_log():
    """Every key of c50-bad is bad, and all of them are decided."""
    from windtunnel.checkers.keyvalue import KeyValue
    from windtunnel.checkers.linearizable import linearizable

    verdict = linearizable(read_history(DATA / "kv/c50-bad.txt"), KeyValue(), budget_s=60, every_key=True)
    assert sorted(verdict.stats["bad_keys"]) == [str(key) for key in range(10)]
