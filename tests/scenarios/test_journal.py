import json

import pytest

from windtunnel.base.errors import UsageError
from windtunnel.scenarios.journal import Journal

HEAD = {"schema": 1, "system": "raft", "faults": ("crash",)}


def test_rows_are_there_again(tmp_path):
    """What was appended is what the next opening finds, in order."""
    file = tmp_path / "sweep" / "results.jsonl"
    book = Journal(file, HEAD)
    assert book.rows == []
    book.append({"seed": 1})
    book.append({"seed": 2, "why": "é\n"})
    book.close()
    again = Journal(file, HEAD)
    assert again.rows == [{"seed": 1}, {"seed": 2, "why": "é\n"}]
    again.close()


@pytest.mark.parametrize("torn", [b'{"seed": 2', b'{"seed": 2}', b"\xff\xfe", b" "])
def test_a_torn_last_line_is_dropped(tmp_path, torn):
    """A line without its end was being written: it is cut off, and the next row starts clean."""
    file = tmp_path / "results.jsonl"
    book = Journal(file, HEAD)
    book.append({"seed": 1})
    book.close()
    with file.open("ab") as lines:
        lines.write(torn)
    again = Journal(file, HEAD)
    assert again.rows == [{"seed": 1}]
    again.append({"seed": 3})
    again.close()
    assert [json.loads(line) for line in file.read_bytes().splitlines()][1:] == [{"seed": 1}, {"seed": 3}]


def test_a_torn_head_is_written_again(tmp_path):
    """A sweep that died in its first moment leaves half a head."""
    file = tmp_path / "results.jsonl"
    file.write_bytes(b'{"schema"')
    book = Journal(file, HEAD)
    assert book.rows == []
    book.close()
    Journal(file, HEAD).close()


def test_another_sweep_is_refused(tmp_path):
    """The error names what differs."""
    file = tmp_path / "results.jsonl"
    Journal(file, HEAD).close()
    with pytest.raises(UsageError, match="another sweep: faults differs"):
        Journal(file, {**HEAD, "faults": ("clock",)})


@pytest.mark.parametrize("content", [b"hello\n", b"[1]\n", b'{"schema": 1}\nnonsense\n'])
def test_what_is_no_journal_is_refused(tmp_path, content):
    """A whole line that is no object, wherever it stands."""
    file = tmp_path / "results.jsonl"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=r"results\.jsonl"):
        Journal(file, {"schema": 1})
    assert file.read_bytes() == content


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    """A directory in the way is said in one line."""
    (tmp_path / "results.jsonl").mkdir()
    with pytest.raises(UsageError, match="cannot write the journal"):
        Journal(tmp_path / "results.jsonl", HEAD)
