"""Reading transactions of any known format, and telling the formats apart."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from windtunnel.base.errors import unknown
from windtunnel.histories.malformed import MalformedHistory, excerpt
from windtunnel.histories.sources import BYTES_MAX, head_of
from windtunnel.histories.transactions.columns import Interface, Transactions
from windtunnel.histories.transactions.events import read_edn_transactions, read_json_transactions

FORMATS: Mapping[str, Callable[[Path, Interface | None, int], Transactions]] = {
    "edn": read_edn_transactions,
    "json": read_json_transactions,
}
"""Readers by format name; each takes a path, the interface or None, and the largest size in bytes."""

ALIASES: Mapping[str, str] = {"jepsen": "edn", "elle": "edn", "jsonl": "json"}
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
    head = head_of(path)
    for number, text in enumerate(head.split("\n"), start=1):
        line = text.strip()
        if not line or line.startswith(";"):
            continue
        if re.match(r"\[\s*(\{\s*\"|$)|\{\s*\"", line) and not re.search(r"[{\s,]:[a-z]", head[:4096]):
            return "json"
        if re.match(r"[\[({#]", line):
            return "edn"
        raise MalformedHistory(str(path), number, f"transactions as one of {', '.join(FORMATS)}", excerpt(line))
    raise MalformedHistory(str(path), 1, f"transactions as one of {', '.join(FORMATS)}", "only comments")
