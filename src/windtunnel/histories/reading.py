"""Reading a history of any known format, and telling the formats apart."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from windtunnel.base.errors import unknown
from windtunnel.histories import call_log, etcd_log, jepsen, jsonl, porcupine_kv
from windtunnel.histories.call_log import read_call_log
from windtunnel.histories.column_pairing import ColumnPairing
from windtunnel.histories.columns import Columns
from windtunnel.histories.etcd_log import read_etcd_log
from windtunnel.histories.jepsen import read_edn, read_json
from windtunnel.histories.jsonl import read_jsonl
from windtunnel.histories.malformed import MalformedHistory, excerpt
from windtunnel.histories.operations import History
from windtunnel.histories.pairing import AnyPairing
from windtunnel.histories.porcupine_kv import read_porcupine_kv
from windtunnel.histories.sources import BYTES_MAX, head_of

FORMATS: Mapping[str, Callable[[Path, int], History]] = {
    "jsonl": read_jsonl,
    "edn": read_edn,
    "etcd-log": read_etcd_log,
    "porcupine-kv": read_porcupine_kv,
    "json": read_json,
    "call-log": read_call_log,
}
"""Readers by format name; each takes a path and the largest size in bytes."""

_PAIRED: Mapping[str, Callable[[Path, int, AnyPairing[Columns]], Columns]] = {
    "jsonl": jsonl.paired,
    "edn": jepsen.paired,
    "etcd-log": etcd_log.paired,
    "porcupine-kv": porcupine_kv.paired,
    "json": jepsen.paired_json,
    "call-log": call_log.paired,
}

COLUMNS_BYTES_MAX = 8 * 2**30
"""Largest file that is read into columns, bytes: some 40 million operations."""

ALIASES: Mapping[str, str] = {
    "knossos": "etcd-log",
    "porcupine": "porcupine-kv",
    "jepsen": "edn",
    "elle-cli": "json",
    "violin": "call-log",
    "scal": "call-log",
    "limo": "call-log",
    "text": "call-log",
}
"""Other names that people use for them."""


def read_history(path: Path | str, format: str = "auto", *, bytes_max: int = BYTES_MAX) -> History:  # noqa: A002 - the field's word
    """The history in a file.

    format: one of FORMATS or ALIASES, or "auto", which looks at the first lines. bytes_max: larger files are refused. Raises
    MalformedHistory (file, line, what was expected, what came) and UsageError for a file or a format that does not exist.
    """
    path = Path(path)
    format = ALIASES.get(format, format)  # noqa: A001
    if format == "auto":
        format = detect(path)  # noqa: A001
    elif format in FORMATS:
        head_of(path)  # says "empty", "binary", "gzip" better than a parser can
    else:
        raise unknown("history format", format, ["auto", *FORMATS])
    return FORMATS[format](path, bytes_max)


def read_columns(path: Path | str, form: str = "auto", *, bytes_max: int = COLUMNS_BYTES_MAX) -> Columns:
    """The same as columns, for histories of millions of operations: a tenth of the memory, and the same errors.

    Operations are made of them when somebody looks at one.
    """
    path = Path(path)
    form = ALIASES.get(form, form)
    if form == "auto":
        form = detect(path)
    elif form not in _PAIRED:
        raise unknown("history format", form, ["auto", *_PAIRED])
    return _PAIRED[form](path, bytes_max, ColumnPairing(str(path)))


def detect(path: Path) -> str:
    """The format of a file, from its first line that is no comment. Raises MalformedHistory when it is none of ours."""
    head = head_of(path)
    for number, text in enumerate(head.split("\n"), start=1):
        line = text.strip()
        if call_log.CALL_LINE.fullmatch(line):
            return "call-log"
        if not line or (line.startswith((";", "#")) and not line.startswith(("#{", "#_"))):
            continue
        if etcd_log.LOG_LINE.match(line):
            return "etcd-log"
        if porcupine_kv.LINE.match(line):
            return "porcupine-kv"
        if re.match(r"\{\s*(\"|\}|$)", line) and not re.match(r"\{\s*$", line):
            return "jsonl"
        if re.match(r"\[\s*(\{\s*\"|$)", line) and _is_json(head, number):
            return "json"
        if re.match(r"[\[({#]", line) and not re.match(r"\[\s*\{?\s*\"", line):
            return "edn"
        raise MalformedHistory(str(path), number, f"a history as one of {', '.join(FORMATS)}", excerpt(line))
    raise MalformedHistory(str(path), 1, f"a history as one of {', '.join(FORMATS)}", "only comments")


def _is_json(head: str, line: int) -> bool:
    """Whether an array that begins at a line holds JSON objects: their first name is a string, where EDN has a keyword."""
    rest = "\n".join(head.split("\n")[line - 1 :])
    return re.match(r"\s*\[\s*\{\s*\"", rest) is not None
