"""The stored corpus is what its commands make, and its verdicts are those of the checkers."""

import importlib.util
import json
from pathlib import Path

import pytest

from windtunnel.checkers.ladder import ladder
from windtunnel.histories import read_history

PLACE = Path(__file__).parents[1] / "data" / "histories" / "generated"


def test_the_corpus_is_made_again_byte_for_byte(tmp_path, capsys):
    """Nobody's checkout, interpreter or machine changes a history."""
    spec = importlib.util.spec_from_file_location("corpus", Path(__file__).parent / "corpus.py")
    corpus = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(corpus)
    corpus.write(tmp_path)
    stored = {path.name: path.read_bytes() for path in PLACE.iterdir()}
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == stored


@pytest.mark.parametrize("path", sorted(PLACE.glob("*.jsonl")), ids=lambda path: path.stem)
def test_stored_verdicts(path):
    """As read from the file, every model says what the sidecar knows."""
    known = json.loads(path.with_suffix(".known.json").read_text())
    found = {rung.name: rung.valid for rung in ladder(read_history(path), known["interface"]).rungs}
    assert not [name for name in known["holds"] if found[name] is False]
    assert not [name for name in known["fails"] if found[name] is True]
    assert all(any(found[name] is False for name in known["fails"]) for _ in known["planted"])
