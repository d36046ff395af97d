import csv
import hashlib
import os
from pathlib import Path

import pytest

from windtunnel.checkers import MODELS, linearizable
from windtunnel.histories import read_history

DATA = Path(__file__).parent.parent / "data" / "histories"
OBJECTS = ("cas-register", "kv", "multi-register", "queue", "stack")
ELSEWHERE = os.environ.get("WINDTUNNEL_HISTORIES")


def rows_of(folder):
    """The rows of a manifest, each with its path."""
    with (folder / "MANIFEST.tsv").open() as manifest:
        rows = list(csv.DictReader(manifest, delimiter="\t"))
    return [row | {"path": folder / row["file"].strip()} for row in rows]


ROWS = [row for name in ("popl2016", "knossos") for row in rows_of(DATA / name)]


def agrees(row):
    """Whether our verdict is the stored one; a history in which nothing was answered cannot be said to be right or wrong."""
    specification = MODELS[model_of(row)].specification
    if row["model"] == "multi-register":
        specification = specification.starting(0)
    history = read_history(row["path"])
    verdict = linearizable(history, specification, budget_s=30)
    if not any(op.type == "ok" for op in history):
        return verdict.unknown
    return verdict.valid is (row["expected"] == "ok") and (verdict.valid or verdict.evidence.operations != [])


def model_of(row):
    return row["model"].split("(")[0].split()[0]


def test_the_copies_are_unchanged():
    """Every file of the manifests is here with its checksum, and none is here that they do not name."""
    for name in ("popl2016", "knossos"):
        rows = rows_of(DATA / name)
        others = {"MANIFEST.tsv", "LICENSE.upstream", "ORIGIN.md"}
        assert {row["path"] for row in rows} == {p for p in (DATA / name).rglob("*") if p.is_file() and p.name not in others}
        for row in rows:
            assert hashlib.sha256(row["path"].read_bytes()).hexdigest() == row["sha256"], row["file"]


@pytest.mark.parametrize("row", [row for row in ROWS if row["expected"] == "bad"], ids=lambda row: row["file"])
def test_what_is_bad_is_found_bad(row):
    """The stored verdict is reproduced, with operations that show it."""
    assert agrees(row)


def test_what_is_good_is_found_good():
    """The stored verdict of every linearizable history is reproduced."""
    good = [row for row in ROWS if row["expected"] == "ok"]
    assert len(good) > 200
    assert [row["file"] for row in good if not agrees(row)] == []


@pytest.mark.campaign
@pytest.mark.skipif(ELSEWHERE is None, reason="WINDTUNNEL_HISTORIES names a folder with more histories")
def test_stored_verdicts_elsewhere():
    """Every history of a folder with a manifest, of a model that is judged for linearizability, has its stored verdict."""
    rows = [row for row in rows_of(Path(ELSEWHERE)) if model_of(row) in OBJECTS and not row["file"].startswith("elle")]
    assert rows != []
    assert [row["file"] for row in rows if not agrees(row)] == []
