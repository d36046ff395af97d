import json
import struct

import pytest

from windtunnel.base.streams import Stream
from windtunnel.histories import MalformedHistory
from windtunnel.histories.transactions import FORMATS, read_transactions
from windtunnel.histories.transactions.columns import NIL

PLUME = "w(1,5,0,0)\nr(2,0,0,0)\nw(1,6,0,1)\nr(1,5,3,0)\nr(2,0,3,0)\n"
AWDIT = "w 1 5\nr 2 7\n-----\nw 1 6\n=====\nr 1 5\nr 2 7\n"
SESSIONS = [[[(True, 1, 5, True), (False, 2, 0, True)], [(True, 1, 6, True)]], [[(False, 1, 5, True), (False, 2, 0, True)]]]


def bincode(sessions, committed=1):
    """Dbcop's binary form of sessions of transactions of (writes, key, value, succeeded)."""
    parts = [struct.pack("<5q", 0, 2, 2, 2, 2)]
    parts += [struct.pack("<q", len(text)) + text.encode() for text in ("PostgreSQL", "then", "now")]
    parts.append(struct.pack("<q", len(sessions)))
    for session in sessions:
        parts.append(struct.pack("<q", len(session)))
        for transaction in session:
            parts.append(struct.pack("<q", len(transaction)))
            parts += [struct.pack("<?qq?", *event) for event in transaction]
            parts.append(bytes([committed]))
    return b"".join(parts)


def events(sessions):
    """The same for JSON."""
    names = ("write", "variable", "value", "success")
    return [
        [{"events": [dict(zip(names, event, strict=True)) for event in transaction], "success": True} for transaction in session]
        for session in sessions
    ]


def yaml(sessions):
    """The same as serde writes YAML."""
    lines = []
    for session in sessions:
        for number, transaction in enumerate(session):
            lines.append("- - events:" if number == 0 else "  - events:")
            for writes, key, value, succeeded in transaction:
                lines += [f"    - write: {str(writes).lower()}", f"      variable: {key}", f"      value: {value}"]
                lines.append(f"      success: {str(succeeded).lower()}")
            lines.append("    success: true")
    return "\n".join(lines) + "\n"


def cobra(folder):
    """Two sessions: a write of key 1, and a read of it and of key 2, which was never written."""
    folder.mkdir()
    (folder / "T0.log").write_bytes(
        b"S" + struct.pack(">q", 7) + b"W" + struct.pack(">qqq", 100, 1, 5) + b"C" + struct.pack(">q", 7)
    )
    reads = b"R" + struct.pack(">qqqq", 7, 100, 1, 5) + b"R" + struct.pack(">qqqq", 0xBEBEEBEE, 0xBEBEEBEE, 2, 0)
    (folder / "T1.log").write_bytes(
        b"S" + struct.pack(">q", 8) + reads + b"C" + struct.pack(">q", 8) + b"S" + struct.pack(">q", 9)
    )
    return folder


def told(found):
    return [(found.session_name(n), list(found.micro_operations(n))) for n in range(len(found))]


def test_plume(tmp_path):
    """Sessions and transactions by number; 0 is what was never written, unless somebody wrote it."""
    (tmp_path / "h").write_text(PLUME)
    assert told(read_transactions(tmp_path / "h")) == [
        ("0", [("w", 1, 5), ("r", 2, None)]),
        ("0", [("w", 1, 6)]),
        ("3", [("r", 1, 5), ("r", 2, None)]),
    ]
    (tmp_path / "h").write_text("w(2,0,0,0)\nr(2,0,1,1)\nr(1,0,1,1)\n")
    assert told(read_transactions(tmp_path / "h"))[1] == ("1", [("r", 2, 0), ("r", 1, None)])


def test_awdit(tmp_path):
    """Rules end transactions and sessions; nothing is implied about what was never written."""
    (tmp_path / "h").write_text(AWDIT)
    assert told(read_transactions(tmp_path / "h")) == [
        ("0", [("w", 1, 5), ("r", 2, 7)]),
        ("0", [("w", 1, 6)]),
        ("1", [("r", 1, 5), ("r", 2, 7)]),
    ]


@pytest.mark.parametrize("form", ["binary", "json", "yaml"])
def test_dbcop(tmp_path, form):
    """The three forms of dbcop hold the same; an event that failed is left out."""
    failed = [[*SESSIONS[0][:1], [(True, 1, 6, True), (True, 9, 9, False)]], SESSIONS[1]]
    data = {
        "binary": bincode(failed),
        "json": json.dumps({"id": 1, "data": events(failed)}).encode(),
        "yaml": yaml(failed).encode(),
    }
    (tmp_path / "h").write_bytes(data[form])
    assert told(read_transactions(tmp_path / "h")) == [
        ("0", [("w", 1, 5), ("r", 2, None)]),
        ("0", [("w", 1, 6)]),
        ("1", [("r", 1, 5), ("r", 2, None)]),
    ]


def test_dbcop_transactions_that_did_not_commit(tmp_path):
    """They failed: whoever reads their writes reads what was aborted."""
    (tmp_path / "h").write_bytes(bincode(SESSIONS, committed=0))
    assert read_transactions(tmp_path / "h").counts() == {"total": 3, "ok": 0, "fail": 3, "info": 0}


def test_cobra(tmp_path):
    """A folder is a history; the number of a write stands for its value; a transaction without its end may have committed."""
    found = read_transactions(cobra(tmp_path / "logs"))
    assert told(found) == [("T0", [("w", 1, 100)]), ("T1", [("r", 1, 100), ("r", 2, None)]), ("T1", [])]
    assert found.value.tolist() == [100, 100, NIL]
    assert found.counts()["info"] == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("w(1,2,3,4)\nx(1,2,3,4)", r"h:2: expected `r\(KEY,VALUE,SESSION,TXN\)`"),
        ("w(1,2,3,4)\nw(1,3,3,5)\nw(1,4,3,4)", r"h:3: expected transaction 4 of session 3 in one piece, got more of it after 5"),
        ("w 1 2\nhello", r"h:2: expected `r KEY VALUE`"),
        ("-----\n=====", r"expected at least one transaction, got none"),
        ("- - events:\n    - write: maybe", r"h:2: expected true, false or a number"),
        ("- - events:\nhello: 3", r"h:2: expected dbcop's sessions"),
        (
            "- - events:\n    - write: true\n      variable: 1\n    success: true",
            r"expected an event with write, variable and value",
        ),
        ('{"data": 5}', r"expected a list of sessions, got `5`"),
        ('{"data": [[{"events": 5}]]}', r"expected a transaction with events in session 0"),
        ('{"data": [5]}', r"expected a list of transactions as session 0"),
        ('{"data": []}', r"expected at least one transaction"),
        ('{"data": [', r"expected one JSON object"),
    ],
)
def test_malformed_texts_are_named(tmp_path, text, words):
    """The line, what was expected, what came."""
    (tmp_path / "h").write_text(text)
    with pytest.raises(MalformedHistory, match=words):
        read_transactions(tmp_path / "h")


@pytest.mark.parametrize("form", ["plume", "awdit", "dbcop", "dbcop-json", "dbcop-yaml", "cobra"])
def test_damaged_files_are_refused_or_read(tmp_path, form):
    """Of many damaged files each is read or refused with its place; nothing else is raised."""
    stream = Stream(3, form)
    data = {
        "plume": PLUME.encode(),
        "awdit": AWDIT.encode(),
        "dbcop": bincode(SESSIONS),
        "dbcop-json": json.dumps({"data": events(SESSIONS)}).encode(),
        "dbcop-yaml": yaml(SESSIONS).encode(),
    }
    path = cobra(tmp_path / "logs") if form == "cobra" else tmp_path / "h"
    file = path / "T1.log" if form == "cobra" else path
    whole = file.read_bytes() if form == "cobra" else data[form]
    refused = 0
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(1 + stream.below(3)):
            at = stream.below(len(damaged))
            if stream.chance(0.4):
                del damaged[at : at + 1 + stream.below(8)]
            else:
                damaged[at] = stream.below(256)
        file.write_bytes(bytes(damaged))
        try:
            FORMATS[form](path, None, 2**20)
        except MalformedHistory:
            refused += 1
    assert refused > 10


def test_sizes_are_bounded(tmp_path):
    """A larger file than was allowed is refused before it is read."""
    (tmp_path / "h").write_text(PLUME)
    with pytest.raises(MalformedHistory, match="at most 0 MiB"):
        read_transactions(tmp_path / "h", bytes_max=5)
