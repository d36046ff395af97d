import pytest

from windtunnel.histories.malformed import MalformedHistory
from windtunnel.histories.sources import HEAD_BYTES, head_of, numbered_lines, whole_text


def test_lines_are_numbered_and_blank_ones_left_out(tmp_path):
    """Numbers count every line, whatever its end."""
    path = tmp_path / "h"
    path.write_bytes(b"\na\r\n\n  b  \n")
    assert list(numbered_lines(path)) == [(2, "a"), (4, "b")]


def test_the_head_cuts_no_character(tmp_path):
    """The head of a long file ends at a line, or at least between characters."""
    path = tmp_path / "h"
    path.write_bytes("é".encode() * HEAD_BYTES)
    assert set(head_of(path)) == {"é"}
    path.write_bytes(b"x" + "€".encode() * HEAD_BYTES)
    assert set(head_of(path)) == {"x", "€"}
    path.write_bytes(b"line\n" + b"y" * HEAD_BYTES)
    assert head_of(path) == "line\n"


def test_a_file_that_grows_is_stopped(tmp_path, monkeypatch):
    """Size is counted while reading too, for a file that is written at the same time."""
    path = tmp_path / "h"
    path.write_bytes(b"0123456789\n" * 10)
    monkeypatch.setattr("windtunnel.histories.sources.refuse_large", lambda *_: None)
    with pytest.raises(MalformedHistory, match=":4: expected at most"):
        list(numbered_lines(path, bytes_max=40))
    with pytest.raises(MalformedHistory, match="expected at most"):
        whole_text(path, bytes_max=40)
