"""Reading transactions of any known format, and telling the formats apart."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from windtunnel.base.errors import UsageError, unknown
from windtunnel.histories.malformed import MalformedHistory, excerpt
from windtunnel.histories.sources import BYTES_MAX, head_of, open_source
from windtunnel.histories.transactions.cobra import read_cobra, session_files
from windtunnel.histories.transactions.columns import Interface, Transactions
from windtunnel.histories.transactions.dbcop import looks_binary, read_dbcop, read_dbcop_json, read_dbcop_yaml
from windtunnel.histories.transactions.events import read_edn_transactions, read_json_transactions
from windtunnel.histories.transactions.texts import read_awdit, read_plume

FORMATS: Mapping[str, Callable[[Path, Interface | None, int], Transactions]] = {
    "edn": read_edn_transactions,
    "json": read_json_transactions,
    "plume": read_plume,
    "awdit": read_awdit,
    "dbcop": read_dbcop,
    "dbcop-json": read_dbcop_json,
    "dbcop-yaml": read_dbcop_yaml,
    "cobra": read_cobra,
}
"""Readers by format name; each takes a path, the interface or None, and the largest size in bytes."""

ALIASES: Mapping[str, str] = {
    "jepsen": "edn",
    "elle": "edn",
    "jsonl": "json",
    "polysi": "plume",
    "isovista": "plume",
    "veristrong": "cobra",
}
"""Other names that people use for them."""


def read_transactions(
    path: Path | str,
    format: str = "auto",  # noqa: A002 - the field's word
    *,
    interface: Interface | None = None,
    bytes_max: int = BYTES_MAX,
) -> Transactions:
    """The transactions in a file (or, for Cobra's logs, a folder).

    format: one of FORMATS or ALIASES, or "auto", which looks at the first lines. interface: list-append or rw-register, None
    to tell by the micro-operations. Raises MalformedHistory (file, line, what was expected, what came) and UsageError for a
    file or a format that does not exist.
    """
    path = Path(path)
    chosen = ALIASES.get(format, format)
    if chosen == "auto":
        chosen = detect(path)
    elif chosen not in FORMATS:
        raise unknown("format of transactions", chosen, ["auto", *FORMATS])
    return FORMATS[chosen](path, interface, bytes_max)


def detect(path: Path) -> str:
    """The format of a file, from its first line that is no comment. Raises MalformedHistory when it is none of ours."""
    if path.is_dir():
        if session_files(path):
            return "cobra"
        raise UsageError(f"{path}: expected a history, got a folder without Cobra's T0.log, T1.log ...")
    with open_source(path) as stream:
        begin = stream.read(4096)
    if b"\0" in begin and looks_binary(begin):
        return "dbcop"
    head = head_of(path)
    for number, text in enumerate(head.split("\n"), start=1):
        line = text.strip()
        if not line or line.startswith(";"):
            continue
        for pattern, name in _LINES.items():
            if re.match(pattern, line):
                return name
        keyed = re.search(r"[{\s,]:[a-z]", head[:4096])
        if re.match(r"[\[({#]", line):
            if keyed or not re.match(r"\[\s*(\[*\{\s*\"|$)|\{\s*(\"|$)", line):
                return "edn"
            return "dbcop-json" if re.search(r'"(events|data|params)"\s*:', head[:4096]) else "json"
        raise MalformedHistory(str(path), number, f"transactions as one of {', '.join(FORMATS)}", excerpt(line))
    raise MalformedHistory(str(path), 1, f"transactions as one of {', '.join(FORMATS)}", "only comments")


_LINES = {
    r"[rw]\(": "plume",
    r"[rw]\s+-?\d+\s+-?\d+$|-{5}$|={5}$": "awdit",
    r"- - events:|---$": "dbcop-yaml",
}
"""Formats that one line gives away."""
