"""Floor 1: histories, what clients asked and were answered; recorded, read, written.

Reading order: `operations` (the nouns), `recorder` (how a run makes one), `jsonl` (our format), `reading` (all formats).
"""

from windtunnel.histories.jsonl import read_jsonl, write_jsonl
from windtunnel.histories.malformed import MalformedHistory
from windtunnel.histories.operations import History, Operation
from windtunnel.histories.recorder import Recorder

__all__ = ["History", "MalformedHistory", "Operation", "Recorder", "read_jsonl", "write_jsonl"]
