"""What a history can be judged by: the entry that every checker makes in the registry (see `models`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from windtunnel.checkers.specification import Specification
from windtunnel.checkers.verdict import Verdict
from windtunnel.histories import History


@dataclass(frozen=True, slots=True)
class Model:
    """What a history can be judged by.

    promise: the property by its name in the literature. functions: the operations that it understands, name to signature.
    doc: what it demands, in a few sentences. judge: history and wall seconds (None: no limit) to verdict. at_level: the same
    and a level, for models that have several; None for the others. read: path and format to a history, if `read_history` is
    not what it needs. specification: of models that are judged for linearizability.
    """

    name: str
    promise: str
    functions: Mapping[str, str]
    doc: str
    judge: Callable[[History, float | None], Verdict]
    at_level: Callable[[Any, float | None, str], Verdict] | None = None
    read: Callable[[Path | str, str], Any] | None = None
    specification: Specification | None = None
