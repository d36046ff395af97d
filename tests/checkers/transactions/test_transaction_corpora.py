import csv
import os
from pathlib import Path

import pytest

from windtunnel.checkers import isolation

DATA = Path(__file__).parents[2] / "data" / "histories"
with (DATA / "TRANSACTIONS.tsv").open(encoding="utf-8") as manifest:
    ROWS = list(csv.DictReader(manifest, delimiter="\t"))

ELSEWHERE = os.environ.get("WINDTUNNEL_HISTORIES")
LARGE = [
    ("polysi/violations/galera/galera.txt", "snapshot-isolation", False),
    ("polysi/violations/yugabyte/yugabyte.txt", "strong-session-snapshot-isolation", False),
    ("polysi/fig7/10_100_15_10000_0.5_uniform/hist-00000/history.bincode", "snapshot-isolation", True),
    ("polysi/dbcop/non_cc.yaml", "parallel-snapshot-isolation", False),
    ("veristrong/cobra/cock-G2", "serializable", False),
    ("veristrong/cobra/yuga-G2-a", "serializable", False),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['file']}-{row['level']}")
def test_published_verdicts_are_reproduced(row):
    """The verdict is the published one, at that level; the anomalies that are named there are found."""
    verdict = isolation(DATA / row["file"], level=row["level"], model=row["model"])
    assert verdict.word == row["expected"], verdict.explanation
    assert {*filter(None, row["anomalies"].split(","))} <= {anomaly.name for anomaly in verdict.anomalies}


def test_every_published_file_is_judged():
    """No history of transactions lies in the folder unused."""
    there = {str(path.relative_to(DATA)) for path in DATA.rglob("*") if path.suffix in (".edn", ".json", ".txt")}
    other = {name for name in there if name.startswith("elle-cli/") and not Path(name).name.startswith(("list", "rw-register"))}
    ours = {name for name in there - other if name.split("/")[0] in ("elle", "elle-cli", "awdit", "isovista")}
    assert ours == {row["file"] for row in ROWS}


@pytest.mark.campaign
@pytest.mark.skipif(not ELSEWHERE, reason="WINDTUNNEL_HISTORIES names no folder of histories")
@pytest.mark.parametrize(("file", "level", "valid"), LARGE)
def test_verdicts_of_histories_elsewhere_are_reproduced(file, level, valid):
    """Larger published histories, and those without a licence to copy: read from a folder of the user's."""
    verdict = isolation(Path(ELSEWHERE) / file, level=level)
    assert verdict.valid is valid, verdict.explanation
