import json
import os

import numpy as np
import pytest

from windtunnel.base.streams import Stream
from windtunnel.histories import MalformedHistory
from windtunnel.histories.transactions import ingest, read_transactions

SEED, CASES = 1, int(os.environ.get("WINDTUNNEL_CASES", "700"))

ROWS = [
    {"type": "invoke", "f": "txn", "process": 0, "value": [["append", 1, 1], ["r", "x", None]], "time": 5, "index": 0},
    {"type": "invoke", "f": "txn", "process": 1, "value": [["r", 1, None]], "time": 6, "index": 1},
    {"type": "ok", "f": "txn", "process": 0, "value": [["append", 1, 1], ["r", "x", []]], "time": 7, "index": 2},
    {"type": "ok", "f": "txn", "process": 1, "value": [["r", 1, [1]]], "time": 8, "index": 3},
    {"type": "invoke", "f": "txn", "process": 0, "value": [["append", "x", -2]], "time": 9, "index": 4},
    {
        "type": "info",
        "f": "txn",
        "process": 0,
        "value": [["append", "x", -2]],
        "time": 10,
        "index": 5,
        "error": ["timeout", "a]b"],
    },
    {"type": "invoke", "f": "txn", "process": 1, "value": [["append", 1, 30]], "time": 11, "index": 6},
    {"type": "fail", "f": "txn", "process": 1, "value": [["append", 1, 30]], "time": 12, "index": 7},
    {"type": "invoke", "f": "txn", "process": 7, "value": [["append", 2, 1], ["r", 1, None]], "time": 13, "index": 8},
]


def edn(value):
    if isinstance(value, list):
        return "[" + " ".join(edn(item) for item in value) + "]"
    return "nil" if value is None else f'"{value}"' if isinstance(value, str) and "]" in value else str(value)


def edn_line(row):
    micros = " ".join(f"[:{f} {edn(k)} {edn(v)}]" for f, k, v in row["value"])
    rest = "".join(f", :{name} {edn(row[name])}" for name in ("time", "index", "error") if name in row)
    return f"{{:type :{row['type']}, :f :txn, :process {row['process']}, :value [{micros}]{rest}}}"


def texts():
    lines = [edn_line(row) for row in ROWS]
    registers = "\n".join(lines).replace(":append", ":w").replace("[1]", "1").replace("[]", "nil")
    return {
        "edn": "\n".join(lines),
        "edn-vector": "[" + "\n ".join(lines) + "]\n; the end",
        "jsonl": "\n".join(json.dumps(row) for row in ROWS),
        "json": json.dumps(ROWS, indent=1),
        "registers": registers,
    }


def both_ways(path, monkeypatch):
    """(what the compiled reader returns or raises, what the other does); the first is None where it is not sure."""
    found = []
    for scan in (ingest.scan, None):
        with monkeypatch.context() as patch:
            patch.setattr(ingest, "scan", scan)
            calls = []
            if scan is not None:
                patch.setattr(ingest, "scan", lambda *given, scan=scan, calls=calls: calls.append(scan(*given)) or calls[-1])
            try:
                columns = read_transactions(path)
            except MalformedHistory as error:
                columns = str(error)
            found.append(None if scan is not None and calls[-1:] == [None] else columns)
    return found


def differences(one, two):
    """What is not the same in two histories, or in two errors."""
    if isinstance(one, str) or isinstance(two, str):
        return [] if one == two else [one, two]
    return [
        (name, getattr(one, name), getattr(two, name))
        for name in two.__slots__
        if not (
            np.array_equal(getattr(one, name), getattr(two, name))
            if isinstance(getattr(two, name), np.ndarray)
            else getattr(one, name) == getattr(two, name)
        )
    ]


@pytest.mark.skipif(ingest.scan is None, reason="nothing was compiled")
@pytest.mark.parametrize("form", texts())
def test_compiled_reading_gives_the_same_columns(form, tmp_path, monkeypatch):
    """What machines write is read at once, with the very columns that the slow reader finds."""
    (tmp_path / "h").write_text(texts()[form], encoding="utf-8")
    fast, slow = both_ways(tmp_path / "h", monkeypatch)
    assert fast is not None
    assert not isinstance(slow, str), slow
    assert differences(fast, slow) == []
    assert fast.counts() == {"total": 5, "ok": 2, "fail": 1, "info": 2}


@pytest.mark.skipif(ingest.scan is None, reason="nothing was compiled")
@pytest.mark.slow
@pytest.mark.parametrize("form", texts())
def test_damage_is_never_read_differently(form, tmp_path, monkeypatch):
    """Of many damaged files each is read as the slow reader reads it, or left to that one; nothing else is ever raised."""
    stream = Stream(SEED, form)
    text = texts()[form].encode()
    words = ("[", "]", "{", "}", ",", ":", '"', "1", "-", "nil", "null", ";", "\n", "#", "\\", "e", "0.5", "true")
    pieces = [word.encode() for word in words]
    path = tmp_path / "h"
    sure = 0
    for _ in range(CASES):
        data = bytearray(text)
        for _ in range(1 + stream.below(2)):
            at = stream.below(len(data))
            kind = stream.below(4)
            if kind == 0:
                del data[at : at + 1 + stream.below(3)]
            elif kind == 1:
                data[at:at] = stream.choice(pieces)
            elif kind == 2:
                data[at : at + 1] = stream.choice(pieces)
            else:
                other = stream.below(len(data))
                data[at:at] = data[other : other + stream.below(20)]
        path.write_bytes(bytes(data))
        fast, slow = both_ways(path, monkeypatch)
        if fast is not None:
            sure += 1
            assert differences(fast, slow) == [], data.decode()
    assert sure > 10
