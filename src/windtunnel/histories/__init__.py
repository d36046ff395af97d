"""Floor 1: histories, what clients asked and were answered; recorded, read, written.

Reading order: `operations` (the nouns), `recorder` (how a run makes one), `jsonl` (our format), `reading` (all formats),
`dsl` (drawings for tests and explanations).
"""

from windtunnel.histories.dsl import draw, history_of
from windtunnel.histories.jepsen import write_edn
from windtunnel.histories.jsonl import read_jsonl, write_jsonl
from windtunnel.histories.malformed import MalformedHistory
from windtunnel.histories.operations import History, Operation
from windtunnel.histories.reading import FORMATS, read_columns, read_history
from windtunnel.histories.recorder import Recorder

__all__ = [
    "FORMATS",
    "History",
    "MalformedHistory",
    "Operation",
    "Recorder",
    "draw",
    "history_of",
    "read_columns",
    "read_history",
    "read_jsonl",
    "write_edn",
    "write_jsonl",
]
