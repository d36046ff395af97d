from pathlib import Path

import pytest

from windtunnel.histories import MalformedHistory
from windtunnel.histories.jepsen import read_edn
from windtunnel.histories.porcupine_kv import read_porcupine_kv

DATA = Path(__file__).parent.parent / "data" / "porcupine" / "kv"


def test_names_become_ours(tmp_path):
    """`get` is read, `put` is write; the value of a completed get is its result."""
    path = tmp_path / "kv.txt"
    path.write_text(
        '{:process 0, :type :invoke, :f :put, :key "k", :value "v"}\n{:process 0, :type :ok, :f :put, :key "k", :value "v"}\n'
        '{:process 0, :type :invoke, :f :get, :key "k", :value nil}\n{:process 0, :type :ok, :f :get, :key "k", :value "v"}\n'
    )
    assert [(op.f, op.key, op.value, op.result) for op in read_porcupine_kv(path)] == [
        ("write", "k", "v", None),
        ("read", "k", None, "v"),
    ]


def test_the_lines_are_edn_too():
    """Both readers see the same operations, but for the names of the functions."""
    names = {"get": "read", "put": "write", "append": "append"}
    by_edn = read_edn(DATA / "c10-ok.txt")
    by_lines = read_porcupine_kv(DATA / "c10-ok.txt")
    assert [(names[op.f], op.key, op.process, op.invoked, op.completed, op.line) for op in by_edn] == [
        (op.f, op.key, op.process, op.invoked, op.completed, op.line) for op in by_lines
    ]


def test_damaged_lines_are_refused(tmp_path):
    """A truncated line is named with its number."""
    path = tmp_path / "kv.txt"
    path.write_text('{:process 0, :type :invoke, :f :put, :key "k", :value "v"}\n{:process 0, :type :ok, :f :pu')
    with pytest.raises(MalformedHistory, match=":2: expected"):
        read_porcupine_kv(path)
