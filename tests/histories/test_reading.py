import os
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from windtunnel.base.errors import UsageError
from windtunnel.histories import FORMATS, MalformedHistory, history_of, read_history, write_edn, write_jsonl
from windtunnel.histories.reading import detect

DATA = Path(__file__).parent.parent / "data" / "porcupine"


# --- Telling formats apart ---


def test_formats_are_recognised(tmp_path):
    """Each format is told from its first line."""
    history = history_of("A (w 1) (r 1)")
    write_jsonl(history, tmp_path / "h.jsonl")
    write_edn(history, tmp_path / "h.edn")
    (tmp_path / "vector.edn").write_text("; recorded by hand\n\n[{:process 0 :type :invoke :f :read}]")
    assert detect(tmp_path / "h.jsonl") == "jsonl"
    assert detect(tmp_path / "h.edn") == "edn"
    assert detect(tmp_path / "vector.edn") == "edn"
    assert detect(DATA / "jepsen" / "etcd_002.log") == "etcd-log"
    assert detect(DATA / "kv" / "c01-ok.txt") == "porcupine-kv"


def test_a_format_can_be_named():
    """Formats have their names and the names of the tools that write them; an unknown one is answered with a suggestion."""
    path = DATA / "kv" / "c01-ok.txt"
    assert len(read_history(path, "porcupine")) == len(read_history(path, "edn")) == len(read_history(path))
    with pytest.raises(UsageError, match="did you mean jsonl"):
        read_history(path, "jsonll")


# --- Files that are no histories ---


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"", 1, "an empty file"),
        (b" \n\n", 1, "nothing but blanks"),
        (b"; only a comment\n", 1, "only comments"),
        (b"hello\n", 1, "one of jsonl, edn"),
        (b'[{"process": 0}]\n', 1, "a map with :type"),
        (b"\x1f\x8b\x08\x00rest", 1, "a gzip archive: unpack it first"),
        (b'{"process": 0, "type": "invoke", "f": "read"}\n\xff\xfe\n', 2, "the byte 0xff"),
        ('{"process": 0}'.encode("utf-16"), 1, "the byte 0xff"),
        (b'{"process": 0, \x00', 1, "a zero byte"),
        (b"\x7fELF\x02\x01\x01\x00\x00", 1, "a zero byte"),
        (b'{"process": 0, "type": "invoke", "f": "read"}\n{"process": 0, "ty', 2, "one JSON object"),
    ],
)
def test_damage_is_located(tmp_path, content, line, words):
    """Empty, binary, foreign, truncated: refused in one line with file and line."""
    path = tmp_path / "history"
    path.write_bytes(content)
    with pytest.raises(MalformedHistory, match=words) as caught:
        read_history(path)
    assert caught.value.line == line
    assert str(caught.value).startswith(f"{path}:{line}: expected ")
    assert len(str(caught.value).splitlines()) == 1


def test_a_byte_order_mark_is_no_damage(tmp_path):
    """Text that an editor has marked as UTF-8 is read."""
    path = tmp_path / "history"
    path.write_bytes(b'\xef\xbb\xbf{"process": 0, "type": "invoke", "f": "read"}\n')
    assert len(read_history(path)) == 1


def test_what_is_no_file_is_named(tmp_path):
    """No file, a folder, a pipe, a file that may not be read: wrong usage."""
    with pytest.raises(UsageError, match="No such file"):
        read_history(tmp_path / "nothing")
    with pytest.raises(UsageError, match="a directory"):
        read_history(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="a pipe or a device"):
        read_history(tmp_path / "pipe")


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_gigabyte_is_refused_before_it_is_read(tmp_path, name):
    """A file beyond the limit is refused by its size, in no time and no memory, with what to do."""
    path = tmp_path / "large"
    path.write_text('{"process": 0, "type": "invoke", "f": "read"}\n')
    os.truncate(path, 2**30)
    with pytest.raises(MalformedHistory, match=r"at most 256 MiB \(split the history .*got 1,024 MiB"):
        FORMATS[name](path, 256 * 2**20)
    with pytest.raises(MalformedHistory):
        read_history(path)


def test_an_endless_line_is_refused(tmp_path):
    """A line of many megabytes is not read to its end."""
    path = tmp_path / "long"
    path.write_text('{"process": 0, "f": "' + "x" * (17 * 2**20) + '"}')
    with pytest.raises(MalformedHistory, match="a line of at most 16 MiB"):
        read_history(path, "jsonl")


def test_the_limit_can_be_raised_and_lowered(tmp_path):
    """`bytes_max` is the reader's, not the program's."""
    write_jsonl(history_of("A (w 1)"), tmp_path / "h.jsonl")
    with pytest.raises(MalformedHistory, match="at most"):
        read_history(tmp_path / "h.jsonl", bytes_max=50)


# --- Fuzz ---

GOOD = {
    "jsonl": b'{"index": 0, "time": 0.5, "process": 0, "type": "invoke", "f": "write", "key": "x", "value": [1, "a"]}\n'
    b'{"index": 1, "time": 0.75, "process": 0, "type": "ok", "f": "write", "key": "x", "value": null}\n',
    "edn": b'[{:process 0, :type :invoke, :f :cas, :value [1 2], :time 5}\n {:process 0 :type :info :f :cas :error "\\n"}]',
    "etcd-log": b"INFO  jepsen.util - 1\t:invoke\t:cas\t[1 2]\nINFO  jepsen.util - 1\t:fail\t:cas\t[1 2]\n",
    "porcupine-kv": b'{:process 0, :type :invoke, :f :put, :key "k", :value "v"}\n'
    b'{:process 0, :type :ok, :f :put, :key "k", :value "v"}\n',
}
PIECES = st.sampled_from(
    [
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b"\\",
        b":",
        b"\n",
        b"\0",
        b"\xff",
        b"\xc3",
        b"9" * 400,
        b"-",
        b"nil",
        b"null",
        b"1e999",
        b"#_",
        b"\\ud800",
    ]
)


def refusal(path, name):
    """The refusal of a file, or None if it was read; any other exception is a failure of the test."""
    try:
        read_history(path, name)
    except MalformedHistory as error:
        return error
    return None


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["auto", *FORMATS]), st.binary(max_size=80) | st.lists(PIECES, max_size=12).map(b"".join))
@example("jsonl", b'{"process": 0, "type": "invoke", "f": "x", "time": 1e308}')
def test_any_bytes_are_read_or_refused(tmp_path_factory, name, content):
    """Whatever the file holds, a reader returns a history or raises MalformedHistory, and nothing else."""
    path = tmp_path_factory.getbasetemp() / "fuzzed"
    path.write_bytes(content)
    refused = refusal(path, name)
    assert refused is None or str(refused).isprintable()


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(sorted(GOOD)), st.integers(0, 400), st.integers(0, 6), PIECES | st.just(b""))
def test_damaged_histories_are_read_or_refused(tmp_path_factory, name, at, removed, inserted):
    """A history with a few bytes replaced, removed or cut off is read or refused with a line that exists."""
    content = GOOD[name][:at] + inserted + (GOOD[name][at + removed :] if removed < 6 else b"")
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(content)
    refused = refusal(path, name)
    assert refused is None or 1 <= refused.line <= content.count(b"\n") + 1
    assert refused is None or str(refused).isprintable()
